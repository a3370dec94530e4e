"""What a user holds of a wait: a ``concurrent.futures.Future`` that also tells how it goes.

The future knows nothing of HTTP or of pacing. It ends once, whoever ends it first, and
tells the scheduler so.
"""

from __future__ import annotations

import concurrent.futures
import threading
from functools import partial
from operator import methodcaller
from typing import TYPE_CHECKING, Any, Callable, NoReturn, Tuple

from ._base.arguments import callback
from ._base.callbacks import call
from .clock import Clock
from .errors import PollError, name_job
from .status import Status, StatusReport

if TYPE_CHECKING:
    Base = concurrent.futures.Future[Status]
    Call = Tuple[Callable[[Any], Any], Any]
else:
    Base = concurrent.futures.Future


class Owner:
    """What a future asks of the scheduler that polls for it; this one polls for nobody."""

    def poll_now(self, future: StatusFuture) -> None:
        """Asks for the future's job as soon as possible."""

    def forget(self, future: StatusFuture) -> None:
        """Stops polling for a future that has ended."""

    def call(self, function: Callable[[], None]) -> None:
        """Runs user code on a thread where it holds up no other job."""


_NOBODY = Owner()


class StatusFuture(Base):
    """The wait for one job. Every method may be called from any thread.

    ``result()`` returns ``completed``, ``error`` or ``timeout``, or raises a
    ``RejectedError``. ``cancel()`` works until the future is done and stops the polling;
    a wait is never in the state that can't be cancelled, so ``running()`` is False.
    Everything else is as in ``concurrent.futures.Future``, of which this is one.

    Attributes (to be read only):
        job_id: The job, or None for a service with one unnamed job.
        report: The latest ``StatusReport``, or None before the first answer.
        attempts: How many polls were started. Reading the end that an answer for many jobs has
            told belongs to that poll.
        last_error: The ``PollError`` of the latest poll that failed in passing, or None.
        reason: One sentence on why the wait ended as it did: which limit ended it and how to
            wait on, or what the service said of the error. None while it goes on, when it
            completed, was cancelled or raises.
    """

    def __init__(
        self,
        job_id: str | None,
        owner: Owner,
        clock: Clock,
        on_update: Callable[[Status], Any] | None = None,
    ) -> None:
        super().__init__()
        self.job_id = job_id
        self.report: StatusReport | None = None
        self.attempts = 0
        self.last_error: PollError | None = None
        self.reason: str | None = None
        self.due: float | None = None  # only for the scheduler: the next poll, in clock time
        self._owner = owner
        self._clock = clock
        self._started = clock.monotonic()
        self._ended: float | None = None
        self._on_update = on_update
        # Protects the two lists of callbacks and who ends the future.
        self._guard = threading.Lock()
        self._cancels = False
        self._untold = False
        self._update_callbacks: list[Callable[[StatusFuture], Any]] = []
        self._end_callbacks: list[Callable[[StatusFuture], Any]] | None = []
        super().add_done_callback(methodcaller("_finish"))

    @property
    def status(self) -> Status:
        """The result if there is one, else the latest status received, at first pending."""
        if self.done() and not self.cancelled() and self.exception() is None:
            return self.result()
        return Status.PENDING if self.report is None else self.report.status

    @property
    def has_callbacks(self) -> bool:
        """Whether user code runs at the next answer or end; only for the scheduler."""
        return bool(self._on_update or self._update_callbacks or self._end_callbacks)

    @property
    def elapsed(self) -> float:
        """Seconds from the submit until now, or until the end."""
        return (self._clock.monotonic() if self._ended is None else self._ended) - self._started

    @property
    def next_poll(self) -> float | None:
        """Seconds until the next poll; None while one is due or under way, and once done."""
        due = self.due
        if due is None or self._ended is not None:
            return None
        return max(0.0, due - self._clock.monotonic())

    def poll_now(self) -> None:
        """Asks for the job as soon as possible, for instance because a webhook arrived.

        It costs an attempt like any poll. While a poll is under way, another follows it;
        once the future is done, nothing happens.
        """
        self._owner.poll_now(self)

    def add_update_callback(self, fn: Callable[[StatusFuture], Any]) -> None:
        """Calls ``fn(future)`` after every status that is received from now on.

        Calls come in order and one at a time, on a worker thread, the last one before the
        future is done. What ``fn`` raises is logged and changes nothing.
        """
        callback("fn", fn)
        with self._guard:
            self._update_callbacks.append(fn)

    def add_done_callback(self, fn: Callable[[Any], Any]) -> None:
        """Calls ``fn(future)`` when the future is done, at once if it is, as every Future.

        What ``fn`` raises is logged and changes nothing.
        """
        with self._guard:
            if self._end_callbacks is not None:
                self._end_callbacks.append(fn)
                return
        call(fn, self, self.job_id)

    def cancel(self) -> bool:
        """Ends the wait unless it is done; no poll of the job starts afterwards.

        Returns:
            True if the future is cancelled, now or before; False if it ended otherwise.
        """
        if self._claim(cancels=True):
            super().cancel()
        return self._cancels

    def set_report(self, report: StatusReport) -> None:
        """Takes one answer and runs the update callbacks; only for the scheduler."""
        self.report = report
        with self._guard:
            calls = self._update_calls()
        for fn, argument in calls:
            if self._ended is None:  # a deadline or a cancel may come between them
                call(fn, argument, self.job_id)

    def set_result(
        self, result: Status, reason: str | None = None, untold: StatusReport | None = None
    ) -> None:
        """Ends the future, only for the scheduler; nothing happens once it has ended.

        ``untold`` is the answer that told the end where ``set_report`` has not: the update
        callbacks hear of it before the done-callbacks do.
        """
        if self._claim():
            if untold is not None:
                self.report, self._untold = untold, True
            self.reason = reason
            super().set_result(result)

    def set_exception(self, exception: BaseException | None) -> None:
        """Ends the future, only for the scheduler; nothing happens once it has ended."""
        if self._claim():
            super().set_exception(exception)

    def disown(self, exception: BaseException) -> None:
        """Ends the copy of a future in a forked child, without a callback; only for the scheduler.

        Threads that are not there may hold its locks, so it begins anew.
        """
        self._guard = threading.Lock()
        super().__init__()
        self._owner = _NOBODY
        self._end_callbacks = None
        self._update_callbacks = []
        self._on_update = None
        self._ended = self._clock.monotonic()
        super().set_exception(exception)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a StatusFuture can't be pickled: it waits in its own process alone")

    def _claim(self, *, cancels: bool = False) -> bool:
        """Returns True to the first who wants to end the future, False to all others."""
        with self._guard:
            if self._ended is not None:
                return False
            self._ended = self._clock.monotonic()
            self._cancels = cancels
            return True

    def _finish(self) -> None:
        """Runs once, as the first done-callback of the base class, however the end came."""
        if self.cancelled():
            # Only this wakes those who wait in wait() and as_completed().
            self.set_running_or_notify_cancel()
        # Let go of the owner, so that a future that is kept keeps no client alive.
        owner, self._owner = self._owner, _NOBODY
        owner.forget(self)
        with self._guard:
            calls = self._update_calls() if self._untold else []
            calls += [(fn, self) for fn in self._end_callbacks or ()]
            self._end_callbacks = None
            self._update_callbacks, self._on_update = [], None
        if calls:
            owner.call(partial(self._call_all, calls))

    def _update_calls(self) -> list[Call]:
        """Returns what the latest answer calls; under the guard."""
        calls: list[Call] = [(fn, self) for fn in self._update_callbacks]
        if self._on_update is not None and self.report is not None:
            calls.insert(0, (self._on_update, self.report.status))
        return calls

    def _call_all(self, calls: list[Call]) -> None:
        for fn, argument in calls:
            call(fn, argument, self.job_id)

    def __repr__(self) -> str:
        state = "cancelled" if self.cancelled() else "done" if self.done() else "waiting"
        return (
            f"<{type(self).__name__} {name_job(self.job_id)}: {state}, status {self.status},"
            f" attempts {self.attempts}>"
        )
