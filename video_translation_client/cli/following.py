"""Follows any number of waits for a command, and tells a view what changes.

Worker threads only put into a queue what has happened; the thread that called ``follow`` alone
keeps the books and writes. It never asks the service for anything itself.
"""

from __future__ import annotations

import abc
import contextlib
import itertools
import queue
import threading
import warnings
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Iterable, Iterator, NamedTuple, Sequence

from .._base.arguments import ArgumentWarning
from ..clock import Clock
from ..errors import PollError
from ..events import Ended, Polled
from ..status import Status
from .board import Board, Job
from .output import complain, timestamp
from .signals import interruptible
from .wording import refused

if TYPE_CHECKING:
    from ..client import VideoTranslationClient
    from ..events import Event
    from ..future import StatusFuture
    from .board import JobId
    from .downloading import Saved, Saver

    # What has happened, as something for the thread that keeps the books to do.
    Events = queue.SimpleQueue[Callable[[], None]]

    Later = Callable[[StatusFuture], object]

# Jobs that are handed over in one go, as a store writes them together; then signals are looked at.
_TOGETHER = 100

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
            if None in job_ids:
                yield client.submit(**hints)
            names = [job_id for job_id in job_ids if job_id is not None]
            for first in range(0, len(names), _TOGETHER):
                yield from client.submit_all(names[first : first + _TOGETHER], **hints)
        except (TypeError, ValueError) as error:
            raise JobIdError(refused(error)) from error

    return Waits(job_ids, begin)


class View(abc.ABC):
    """What a watch tells of itself. Only the thread that follows uses it."""

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


class Follower:
    """Keeps the books of waits, and tells a view of them. It is for one run.

    A store gives an end again until it was fetched. So that none is lost, whatever happens to this
    process, an end is fetched once it was told.

    Args:
        view: Is told.
        tells_failures: Whether of every poll that fails in passing, too.
    """

    def __init__(self, view: View, *, tells_failures: bool = False) -> None:
        self._view = view
        self._tells_failures = tells_failures
        self._events: Events = queue.SimpleQueue()
        self._board = Board(())
        self._saver: Saver | None = None

    def hear(self, event: Event) -> None:
        """Takes what happens to waits, on any thread: the listener of the client."""
        if isinstance(event, Ended):
            self._events.put(partial(self._take_end, event))
        elif (
            self._tells_failures
            and isinstance(event, Polled)
            and isinstance(event.error, PollError)
        ):
            self._events.put(partial(self._view.failed, event))

    def follow(
        self, client: VideoTranslationClient, waits: Waits, saver: Saver | None = None
    ) -> Board:
        """Follows waits to their end, and shuts their client down.

        Ctrl-C and SIGTERM end it early. It waits neither for requests that are under way nor for
        threads.

        Args:
            client: Asks for the jobs, and has this object's ``hear`` as its listener.
            waits: They.
            saver: Downloads what completes; None: nothing is downloaded.

        Raises:
            JobIdError: A job id can't be asked for.
            OutputLostError: The view could not write.
        """
        board = self._board = Board(waits.job_ids)
        self._saver = saver
        try:
            with interruptible(board, self._events):
                with _warnings_told_once():
                    futures = waits.begin(self._take_later)
                    for future in itertools.takewhile(lambda _: not board.interrupted, futures):
                        self._take(future)
                self._listen()
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

    def _take_later(self, future: StatusFuture) -> None:
        """Takes in a wait that comes later, on any thread."""
        self._events.put(partial(self._take, future))

    def _take(self, future: StatusFuture) -> None:
        """Takes in a wait that has begun, and may have come some way, or to its end."""
        job = Job(future)

        def answered(future: StatusFuture) -> None:
            if future.report is not None:
                self._events.put(partial(self._take_answer, job, future.report.status))

        self._board.add(job)
        future.add_update_callback(answered)
        answered(future)  # what came before
        if future.end is not None:
            self._events.put(partial(self._take_end, future.end))

    def _listen(self) -> None:
        clock, board = Clock(), self._board
        tick = clock.monotonic()
        while board.running and not board.interrupted:
            now = clock.monotonic()
            if now >= tick:
                tick = clock.monotonic() + self._view.tick(board)
            with contextlib.suppress(queue.Empty):
                self._events.get(timeout=max(0.0, tick - now))()
        self._view.close(board)

    def _take_answer(self, job: Job, status: Status) -> None:
        # The answer that tells the end is followed by the end itself, which tells the reason.
        if status is Status.PENDING and job.answer(status):
            self._view.changed(job)

    def _take_end(self, end: Ended) -> None:
        job = self._board.running.get(end.job_id)
        if job is None or job.is_downloading:
            return  # pragma: no cover - it was taken in with its end, where that was so fast
        if self._saver is None or end.status is not Status.COMPLETED:
            self._conclude(job, end)
            return

        def downloaded(saved: Saved) -> None:
            self._events.put(partial(self._conclude, job, end, saved))

        job.is_downloading = True
        self._saver.save(job.future, downloaded)

    def _conclude(self, job: Job, end: Ended, saved: Saved | None = None) -> None:
        self._board.end(job, end, saved)
        self._view.changed(job)
        job.future.exception()


@contextlib.contextmanager
def _warnings_told_once() -> Iterator[None]:
    """Tells of a warning about what all jobs have in common, in the command line's words."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("once", ArgumentWarning)
        yield
    for warning in caught:
        complain(f"warning: {refused(warning.message)}")
