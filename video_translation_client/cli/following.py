"""Follows any number of waits for a command, and tells a view what changes.

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
import warnings
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Iterator, Optional, Sequence

from .._base.arguments import ArgumentWarning
from ..clock import Clock
from ..status import Status
from .exit_status import ExitStatus
from .output import complain
from .wording import ended as why_ended
from .wording import refused

if TYPE_CHECKING:
    from ..client import VideoTranslationClient
    from ..errors import PollError
    from ..events import Ended
    from ..future import StatusFuture
    from .downloading import Saved, Saver

    JobId = Optional[str]
    # What has happened, as something for the thread that keeps the books to do.
    Events = queue.SimpleQueue[Callable[[], None]]

PENDING = Status.PENDING.value
COMPLETED = Status.COMPLETED.value
ERROR = Status.ERROR.value
TIMEOUT = Status.TIMEOUT.value
REJECTED = Status.REJECTED.value

# How waits end, and what the process then tells its caller.
_ENDS = {
    COMPLETED: ExitStatus.COMPLETED,
    ERROR: ExitStatus.FAILED,
    REJECTED: ExitStatus.REJECTED,
    TIMEOUT: ExitStatus.RUNNING,
    Status.CANCELLED.value: ExitStatus.RUNNING,
    Status.ABANDONED.value: ExitStatus.RUNNING,
}

TICK = 0.25
"""Seconds between two looks at what no event tells. Short enough for Ctrl-C where a wait for
an event can't be interrupted (Windows)."""


class JobIdError(Exception):
    """A job id can't be asked for; the message says why, in the command line's words."""


class Job:
    """What is known of one job, as the thread that writes has come to know it.

    Attributes:
        future: The wait.
        status: ``pending``, one of the ends, or None before the first answer.
        progress: From 0 to 1, or None.
        reason: Why it ended as it did, unless it completed and all that was to be downloaded was.
        is_downloading: Whether the wait has ended, and the result is being downloaded.
        saved: What has been downloaded, or None.
    """

    __slots__ = (
        *("_end", "_old_error", "future", "is_downloading", "progress", "reason"),
        *("saved", "status"),
    )

    def __init__(self, future: StatusFuture) -> None:
        self.future = future
        self.status: str | None = None
        self.progress: float | None = None
        self.reason: str | None = None
        self.is_downloading = False
        self.saved: Saved | None = None
        self._end: Ended | None = None
        self._old_error: PollError | None = None

    @property
    def result(self) -> Any:
        """What the service gives of the finished job, or None."""
        report = self.future.report
        return None if report is None else report.result

    @property
    def path(self) -> str | list[str] | None:
        """Where its result has been downloaded to: a file, or several, or None."""
        paths = () if self.saved is None else self.saved.paths
        return paths[0] if len(paths) == 1 else list(paths) or None

    @property
    def estimate(self) -> tuple[float, float, float] | None:
        """Seconds until one such job in ten is done, five, and nine.

        None: that is not known, or it takes longer than was likely.
        """
        median, bounds = self.future.eta, self.future.eta_range
        return (bounds[0], median, bounds[1]) if median and bounds else None

    @property
    def trouble(self) -> PollError | None:
        """What went wrong with a poll since the latest answer."""
        error = self.future.last_error if self._end is None else self._end.last_error
        return None if error is self._old_error else error

    def answer(self, status: Status) -> bool:
        """Takes one answer; returns whether it says anything new."""
        before = self.status, self.progress
        self.status, self._old_error = status.value, self.future.last_error
        self._note_progress()
        return before != (self.status, self.progress)

    def end(self, end: Ended, saved: Saved | None) -> None:
        """Takes how the wait ended, and what was downloaded then."""
        self._end, self.saved = end, saved
        self._note_progress()
        self.status, self.reason = end.status.value, why_ended(end)
        if end.status is Status.TIMEOUT and self.trouble:
            self.reason = f"{self.trouble.reason}; {self.reason}"
        if saved is not None:
            self.reason = saved.problem

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
        self.ended: dict[str, list[Job]] = {word: [] for word in _ENDS}
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
        waiting = [job for job in self.running.values() if not job.is_downloading]
        moments = [job.future.next_poll for job in waiting]
        known = [moment for moment in moments if moment is not None]
        return min(known) if known and len(known) == len(moments) else None

    @property
    def trouble(self) -> PollError | None:
        """What went wrong with the latest poll of some running job."""
        errors = (job.trouble for job in self.running.values())
        return next((error for error in errors if error is not None), None)

    @property
    def unfinished(self) -> list[JobId]:
        """The jobs that were still running, or not downloaded, when the watch ended, in order."""
        finished = {
            job.future.job_id
            for word, jobs in self.ended.items()
            if _ENDS[word] is not ExitStatus.RUNNING
            for job in jobs
            if not _lacks_file(job)
        }
        return [job_id for job_id in self.job_ids if job_id not in finished]

    @property
    def exit_status(self) -> ExitStatus:
        """What the process tells its caller: that of the end that counts most."""
        if self.interrupted:
            return ExitStatus.INTERRUPTED
        ends = [status for word, status in _ENDS.items() if self.ended[word]]
        if any(map(_lacks_file, self.ended[COMPLETED])):
            ends.append(ExitStatus.REJECTED)
        return max(ends, default=ExitStatus.COMPLETED)

    def add(self, job: Job) -> None:
        """Takes in a job whose wait has just begun."""
        self.jobs[job.future.job_id] = self.running[job.future.job_id] = job

    def end(self, job: Job, end: Ended, saved: Saved | None) -> None:
        """Books the end of a job's wait, and of its download."""
        job.end(end, saved)
        del self.running[job.future.job_id]
        self._polls_of_ended += end.attempts
        self.ended[end.status.value].append(job)


def where(job: Job) -> str:
    """Returns where the result of a job is, for people; an empty text: nowhere."""
    return "" if job.saved is None else ", ".join(job.saved.paths)


def _lacks_file(job: Job) -> bool:
    return job.saved is not None and job.saved.problem is not None


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


def follow(
    client: VideoTranslationClient,
    job_ids: Sequence[JobId],
    view: View,
    saver: Saver | None = None,
    **hints: Any,
) -> Board:
    """Waits for jobs, with a client of its own that it shuts down, and tells a view of them.

    Ctrl-C ends it early. It waits neither for requests that are under way nor for threads.

    Args:
        client: Asks for them.
        job_ids: Each once.
        view: Is told.
        saver: Downloads what completes; None: nothing is downloaded.
        **hints: What ``submit`` is told of each job.

    Raises:
        JobIdError: A job id can't be asked for.
        OutputLostError: The view could not write.
    """
    board = Board(job_ids)
    events: Events = queue.SimpleQueue()
    try:
        with _interruptible(board, events):
            with _warnings_told_once():
                for job_id in itertools.takewhile(lambda _: not board.interrupted, board.job_ids):
                    submit = partial(client.submit, job_id, **hints)
                    _submit(submit, job_id, events, board, view, saver)
            _listen(events, board, view)
    finally:
        # On a thread, because with 10,000 jobs that are being polled it takes seconds.
        threading.Thread(
            target=partial(client.shutdown, wait=False, cancel_futures=True),
            name="video-translation-client-shutdown",
            daemon=True,
        ).start()
        if saver is not None:
            saver.stop()
    return board


def _submit(
    submit: Callable[..., StatusFuture],
    job_id: JobId,
    events: Events,
    board: Board,
    view: View,
    saver: Saver | None,
) -> None:
    def answered(status: Status) -> None:
        events.put(partial(_take_answer, board, view, job_id, status))

    def ended(future: Any, saved: Saved | None = None) -> None:
        if saver is not None and saved is None and future.status is Status.COMPLETED:
            events.put(partial(_take_download, board, job_id))
            saver.save(future, partial(ended, future))
        else:
            events.put(partial(_take_end, board, view, job_id, future.end, saved))

    try:
        future = submit(on_update=answered)
    except (TypeError, ValueError) as error:
        raise JobIdError(refused(error)) from error
    board.add(Job(future))
    future.add_done_callback(ended)


@contextlib.contextmanager
def _warnings_told_once() -> Iterator[None]:
    """Tells of a warning about what all jobs have in common, in the command line's words."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("once", ArgumentWarning)
        yield
    for warning in caught:
        complain(f"warning: {refused(warning.message)}")


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


def _take_download(board: Board, job_id: JobId) -> None:
    board.jobs[job_id].is_downloading = True


def _take_end(
    board: Board, view: View, job_id: JobId, end: Ended, saved: Saved | None = None
) -> None:
    board.end(board.jobs[job_id], end, saved)
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
