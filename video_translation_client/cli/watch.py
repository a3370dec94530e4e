"""Follows any number of waits on behalf of the command line, and tells a view what changes.

Worker threads only put into a queue what has happened; the thread that called ``follow``
alone keeps the books and writes. It never asks the service for anything itself.
"""

from __future__ import annotations

import abc
import contextlib
import itertools
import queue
import signal
import threading
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Iterator, Optional, Sequence

from .._scheduling.threads import THREAD_NAME
from ..clock import Clock
from ..errors import name_job
from ..status import Status
from .options import end_in_words_of_options

if TYPE_CHECKING:
    from ..client import VideoTranslationClient
    from ..future import StatusFuture

    JobId = Optional[str]
    # What has happened, as something for the thread that keeps the books to do.
    Events = queue.SimpleQueue[Callable[[], None]]

PENDING, COMPLETED, ERROR, TIMEOUT = (status.value for status in Status)
REJECTED = "rejected"
"""The word for a job that can't be asked for, next to those of ``Status``."""

ALL_COMPLETED, SOME_FAILED, USAGE, SOME_REJECTED, SOME_RUNNING = range(5)
INTERRUPTED = 130  # as a shell tells of a program that SIGINT ended
OUTPUT_LOST = 141  # as a shell tells of a program that SIGPIPE ended

TICK = 0.25
"""Seconds between two looks at what no event tells. Short enough for Ctrl-C where a wait for
an event can't be interrupted (Windows)."""


class JobIdError(Exception):
    """A job id can't be asked for; the message says why."""


class Job:
    """What is known of one job, as the thread that writes has come to know it.

    Attributes:
        future: The wait.
        status: ``pending``, one of the ends, or None before the first answer.
        progress: From 0 to 1, or None.
        reason: Why it ended as it did, unless it completed.
    """

    __slots__ = ("_old_error", "future", "progress", "reason", "status")

    def __init__(self, future: StatusFuture) -> None:
        self.future = future
        self.status: str | None = None
        self.progress: float | None = None
        self.reason: str | None = None
        self._old_error: Exception | None = None

    @property
    def result(self) -> Any:
        """What the service gives of the finished job, or None."""
        report = self.future.report
        return None if report is None else report.result

    @property
    def trouble(self) -> Exception | None:
        """What went wrong with a poll since the latest answer."""
        error = self.future.last_error
        return None if error is self._old_error else error

    def words(self, error: BaseException) -> str:
        """What an error says, without the job's name before it."""
        name, text = f"{name_job(self.future.job_id)}: ", str(error)
        return text[len(name) :] if text.startswith(name) else text

    def answer(self, status: Status) -> bool:
        """Takes one answer; returns whether it says anything new."""
        before = self.status, self.progress
        self.status, self._old_error = status.value, self.future.last_error
        self._note_progress()
        return before != (self.status, self.progress)

    def end(self) -> str:
        """Takes how the wait ended, and returns the word for it."""
        error = self.future.exception()
        if error is not None:
            self.status, self.reason = REJECTED, end_in_words_of_options(self.words(error))
            return REJECTED
        self._note_progress()
        self.status, self.reason = self.future.result().value, self.future.reason
        if self.status == TIMEOUT and self.reason:
            self.reason = end_in_words_of_options(self.reason)
            if self.trouble:
                self.reason = f"{self.words(self.trouble)}; {self.reason}"
        return self.status

    def _note_progress(self) -> None:
        report = self.future.report
        self.progress = None if report is None else report.progress


class Board:
    """All jobs of a watch, kept so that a look at it costs little with 10,000 of them.

    Attributes:
        job_ids: All jobs, in the order in which they were asked for.
        jobs: Those whose wait has begun, in the same order.
        running: Those of them that have not ended.
        ended: The others, by how they ended, in the order in which they did.
        interrupted: Whether Ctrl-C ended it all.
    """

    def __init__(self, job_ids: Sequence[JobId]) -> None:
        self.job_ids = list(job_ids)
        self.jobs: dict[JobId, Job] = {}
        self.running: dict[JobId, Job] = {}
        self.ended: dict[str, list[Job]] = {
            word: [] for word in (COMPLETED, ERROR, REJECTED, TIMEOUT)
        }
        self.interrupted = False
        self._polls_of_ended = 0
        self._clock = Clock()
        self._began = self._clock.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the watch began."""
        return self._clock.monotonic() - self._began

    @property
    def polls(self) -> int:
        """How many polls were started, of all jobs together."""
        running = sum(job.future.attempts for job in self.running.values())
        return self._polls_of_ended + running

    @property
    def next_poll(self) -> float | None:
        """Seconds until the next poll; None while one is under way."""
        moments = [job.future.next_poll for job in self.running.values()]
        known = [moment for moment in moments if moment is not None]
        return min(known) if known and len(known) == len(moments) else None

    @property
    def trouble(self) -> Exception | None:
        """What went wrong with the latest poll of some running job."""
        errors = (job.trouble for job in self.running.values())
        return next((error for error in errors if error is not None), None)

    @property
    def unfinished(self) -> list[JobId]:
        """The jobs that were still running when the watch ended, in order."""
        known = (COMPLETED, ERROR, REJECTED)
        finished = {job.future.job_id for word in known for job in self.ended[word]}
        return [job_id for job_id in self.job_ids if job_id not in finished]

    @property
    def exit_status(self) -> int:
        """What the process tells its caller: 4 while anything runs, else the worst end."""
        if self.interrupted:
            return INTERRUPTED
        for word, status in ((TIMEOUT, SOME_RUNNING), (REJECTED, SOME_REJECTED)):
            if self.ended[word]:
                return status
        return SOME_FAILED if self.ended[ERROR] else ALL_COMPLETED

    def add(self, job: Job) -> None:
        """Takes in a job whose wait has just begun."""
        self.jobs[job.future.job_id] = self.running[job.future.job_id] = job

    def end(self, job: Job) -> None:
        """Books the end of a job's wait."""
        del self.running[job.future.job_id]
        self._polls_of_ended += job.future.attempts
        self.ended[job.end()].append(job)


class View(abc.ABC):
    """What a watch tells of itself. Only the thread that called ``follow`` uses it."""

    @abc.abstractmethod
    def changed(self, job: Job) -> None:
        """Tells of a status or progress that is not the one before."""

    @abc.abstractmethod
    def tick(self, board: Board) -> float:
        """Tells how things stand; returns the seconds until the next tick."""

    @abc.abstractmethod
    def close(self, board: Board) -> None:
        """Tells the last of it."""


def follow(client: VideoTranslationClient, job_ids: Sequence[JobId], view: View) -> Board:
    """Waits for jobs, with a client of its own that it shuts down, and tells a view of them.

    Ctrl-C ends it early. It waits neither for requests that are under way nor for threads.

    Raises:
        JobIdError: A job id is none for this service.
        OutputLostError: The view could not write.
    """
    board = Board(job_ids)
    events: Events = queue.SimpleQueue()
    try:
        with _interruptible(board, events):
            for job_id in itertools.takewhile(lambda _: not board.interrupted, board.job_ids):
                _submit(client, job_id, events, board, view)
            _listen(events, board, view)
    finally:
        # On a thread, because with 10,000 jobs that are being polled it takes seconds.
        threading.Thread(
            target=partial(client.shutdown, wait=False, cancel_futures=True),
            name=f"{THREAD_NAME}-shutdown",
            daemon=True,
        ).start()
    return board


def _submit(
    client: VideoTranslationClient, job_id: JobId, events: Events, board: Board, view: View
) -> None:
    def answered(status: Status) -> None:
        events.put(partial(_take_answer, board, view, job_id, status))

    try:
        future = client.submit(job_id, on_update=answered)
    except ValueError as error:
        raise JobIdError(str(error)) from error
    board.add(Job(future))
    future.add_done_callback(lambda _: events.put(partial(_take_end, board, view, job_id)))


def _listen(events: Events, board: Board, view: View) -> None:
    clock = Clock()
    tick = clock.monotonic()
    while board.running and not board.interrupted:
        now = clock.monotonic()
        if now >= tick:
            tick = clock.monotonic() + view.tick(board)
        with contextlib.suppress(queue.Empty):
            events.get(timeout=max(0.0, tick - now))()
    view.close(board)


def _take_answer(board: Board, view: View, job_id: JobId, status: Status) -> None:
    # The answer that tells the end is followed by the end itself, which tells the reason.
    if status is Status.PENDING and board.jobs[job_id].answer(status):
        view.changed(board.jobs[job_id])


def _take_end(board: Board, view: View, job_id: JobId) -> None:
    board.end(board.jobs[job_id])
    view.changed(board.jobs[job_id])


def _take_notice() -> None:
    """Does nothing: an event that ends the wait for events."""


@contextlib.contextmanager
def _interruptible(board: Board, events: Events) -> Iterator[None]:
    """Has Ctrl-C end the watch where nothing is torn; a second one ends the process."""

    def interrupt(*_: Any) -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        board.interrupted = True
        events.put(_take_notice)  # can't deadlock in a signal handler, unlike an Event's set()

    usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if not usual or threading.current_thread() is not threading.main_thread():
        yield  # ignored, as in a background job, or somebody else's business
        return
    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
