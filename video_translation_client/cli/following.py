"""Follows any number of waits for a command, and tells a view what changes.

Worker threads only put into a queue what has happened; the thread that called ``follow``
alone keeps the books and writes. It never asks the service for anything itself.
"""

from __future__ import annotations

import abc
import contextlib
import queue
import threading
import warnings
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Iterable, Iterator, NamedTuple, Sequence

from .._base.arguments import ArgumentWarning
from ..clock import Clock
from ..errors import PollError
from ..events import Polled
from ..status import Status
from .board import Board, Job
from .output import complain, timestamp
from .signals import interruptible
from .wording import refused

if TYPE_CHECKING:
    from ..client import VideoTranslationClient
    from ..events import Ended, Event
    from ..future import StatusFuture
    from .board import JobId
    from .downloading import Saved, Saver

    # What has happened, as something for the thread that keeps the books to do.
    Events = queue.SimpleQueue[Callable[[], None]]

    Later = Callable[[StatusFuture], object]

TICK = 0.25
"""Seconds between two looks at what no event tells. Short enough for Ctrl-C where a wait for
an event can't be interrupted (Windows)."""


class JobIdError(Exception):
    """A job id can't be asked for; the message says why, in the command line's words."""


class Waits(NamedTuple):
    """What is to be followed.

    Attributes:
        job_ids: The jobs that are known beforehand, each once.
        begin: Returns the waits, each of which may begin only when it is asked for; takes a
            function for those that come later, from any thread.
    """

    job_ids: Sequence[JobId]
    begin: Callable[[Later], Iterable[StatusFuture]]


def submitted(client: VideoTranslationClient, job_ids: Sequence[JobId], **hints: Any) -> Waits:
    """Returns the waits of a client for jobs, each once.

    Args:
        client: Is to wait for them.
        job_ids: They. Where one can't be asked for, ``follow`` says so.
        **hints: What ``submit`` is told of each.
    """

    def begin(_: Later) -> Iterator[StatusFuture]:
        try:
            for job_id in job_ids:
                yield client.submit(job_id, **hints)
        except (TypeError, ValueError) as error:
            raise JobIdError(refused(error)) from error

    return Waits(job_ids, begin)


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

    def failed(self, poll: Polled) -> None:
        """Tells of a poll that failed in passing, on standard error."""
        self.make_way()
        name = "" if poll.job_id is None else f"{poll.job_id}: "
        reason = poll.error.reason if isinstance(poll.error, PollError) else poll.error
        complain(f"{timestamp()} {name}poll {poll.attempt} failed: {reason}")

    @abc.abstractmethod
    def make_way(self) -> None:
        """Prepares for a line that is not the view's own, on whatever stream."""


def failures(events: Events, view: View) -> Callable[[Event], None]:
    """Returns a listener for a client's events that has each poll which fails in passing told."""

    def listen(event: Event) -> None:
        if isinstance(event, Polled) and isinstance(event.error, PollError):
            events.put(partial(view.failed, event))

    return listen


def follow(
    client: VideoTranslationClient,
    waits: Waits,
    view: View,
    saver: Saver | None = None,
    events: Events | None = None,
) -> Board:
    """Follows the waits of a client of its own, which it shuts down, and tells a view of them.

    Ctrl-C and SIGTERM end it early. It waits neither for requests that are under way nor for
    threads.

    Args:
        client: Asks for the jobs.
        waits: They.
        view: Is told.
        saver: Downloads what completes; None: nothing is downloaded.
        events: Where others put what this thread is to do meanwhile, or None.

    Raises:
        JobIdError: A job id can't be asked for.
        OutputLostError: The view could not write.
    """
    board = Board(waits.job_ids)
    events = queue.SimpleQueue() if events is None else events
    take = partial(_take, events, board, view, saver)
    try:
        with interruptible(board, events):
            with _warnings_told_once():
                for future in waits.begin(lambda future: events.put(partial(take, future))):
                    take(future)
                    if board.interrupted:
                        break
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


def _take(
    events: Events, board: Board, view: View, saver: Saver | None, future: StatusFuture
) -> None:
    """Takes in a wait that has begun, and may have come some way."""
    job = Job(future)

    def answered(future: StatusFuture) -> None:
        if future.report is not None:
            events.put(partial(_take_answer, view, job, future.report.status))

    def ended(future: Any, saved: Saved | None = None) -> None:
        if saver is not None and saved is None and future.status is Status.COMPLETED:
            events.put(partial(_take_download, job))
            saver.save(future, partial(ended, future))
        else:
            events.put(partial(_take_end, board, view, job, future.end, saved))

    board.add(job)
    future.add_update_callback(answered)
    answered(future)  # what came before
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


def _take_answer(view: View, job: Job, status: Status) -> None:
    # The answer that tells the end is followed by the end itself, which tells the reason.
    if status is Status.PENDING and job.answer(status):
        view.changed(job)


def _take_download(job: Job) -> None:
    job.is_downloading = True


def _take_end(board: Board, view: View, job: Job, end: Ended, saved: Saved | None = None) -> None:
    board.end(job, end, saved)
    view.changed(job)
