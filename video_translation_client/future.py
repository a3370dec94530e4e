"""What a user holds of a wait: a ``concurrent.futures.Future`` that also tells how it goes.

The future knows nothing of HTTP or of pacing. It ends once, whoever ends it first. No method
takes a lock of the library, so a finalizer or a signal handler may call any at any moment.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
from typing import TYPE_CHECKING, Any, Callable, NoReturn

from ._base.arguments import callback
from ._base.callbacks import call
from ._base.internals import UninterruptibleCondition, holds_condition, notify_cancel
from .clock import Clock
from .errors import PollError, abandoned, name_job
from .events import Ended
from .status import NO_HINTS, Hints, Status, StatusReport

if TYPE_CHECKING:
    Base = concurrent.futures.Future[Status]
else:
    Base = concurrent.futures.Future


class Owner:
    """What a future asks of the scheduler that polls for it; this one polls for nobody.

    Nothing here blocks.
    """

    service = ""

    def poll_now(self, future: StatusFuture) -> None:
        """Asks for the future's job as soon as possible."""

    def forget(self, future: StatusFuture, end: Ended) -> None:
        """Has a future end so, unless it has ended, and stops polling for it."""

    def abort(self, future: StatusFuture) -> None:
        """Aborts the request under way for a future that has ended."""

    def estimate(self, future: StatusFuture) -> tuple[float, float, float] | None:
        """Returns the seconds until the likely end of its job: low, median, high; None: unknown."""

    def call(self, function: Callable[[], None]) -> None:
        """Runs user code here, or where here is a thread of the library, on a worker."""

    def call_later(self, function: Callable[[], None]) -> None:
        """Runs user code on a worker."""


_NOBODY = Owner()


class StatusFuture(Base):
    """The wait for one job. Every method may be called from any thread, at any moment.

    ``result()`` returns ``completed``, ``error`` or ``timeout``, or raises a
    ``RejectedError``. ``cancel()`` works until the future is done and stops the polling;
    a wait is never in the state that can't be cancelled, so ``running()`` is False.
    Everything else is as in ``concurrent.futures.Future``, of which this is one. Attributes are
    to be read only.

    Attributes:
        job_id: The job, or None for a service with one unnamed job.
        report: The latest ``StatusReport``, or None before the first answer.
        attempts: How many polls were started. Reading the end that an answer for many jobs has
            told belongs to that poll.
        last_error: The ``PollError`` of the latest poll that failed in passing, or None.
        submitted_at: Seconds since the epoch at the submit, by the client's clock.
    """

    def __init__(
        self,
        job_id: str | None,
        owner: Owner,
        clock: Clock,
        on_update: Callable[[Status], Any] | None = None,
        hints: Hints = NO_HINTS,
    ) -> None:
        super().__init__()
        self._condition: Any = UninterruptibleCondition()
        self.job_id = job_id
        self.report: StatusReport | None = None
        self.attempts = 0
        self.last_error: PollError | None = None
        self.due: float | None = None  # only for the scheduler: the next poll, in clock time
        self.began = clock.monotonic()  # likewise
        self.submitted_at = clock.time()
        self.hints = hints  # likewise
        # Likewise, in seconds since the submit: when the job was surely pending still, and by when
        # its end was told; None: nothing was.
        self.pending_until: float | None = None
        self.ended_by: float | None = None
        self._owner = owner
        self._clock = clock
        self._on_update = on_update
        # Likewise: who appends first has ended the future: one step, which nothing can interrupt.
        self.ends: list[Ended] = []
        self._is_report_untold = False  # whether update callbacks are still to hear of the report
        self._update_callbacks: list[Callable[[StatusFuture], Any]] = []
        self._done_callbacks_left: list[Callable[[StatusFuture], Any]] = []

    @property
    def end(self) -> Ended | None:
        """How the wait ended, or None while it goes on."""
        return self.ends[0] if self.ends else None

    @property
    def status(self) -> Status:
        """How the wait ended, or else the latest status received, at first ``pending``.

        A wait whose ``result()`` raises is ``rejected``, ``cancelled`` or ``abandoned``.
        """
        if self.ends:
            return self.ends[0].status
        return Status.PENDING if self.report is None else self.report.status

    @property
    def reason(self) -> str | None:
        """Why the wait ended as it did, and what to do; None while it goes on, or completed."""
        end = self.end
        words = () if end is None else (end.reason, end.advice)
        return "; ".join(filter(None, words)) or None

    @property
    def _has_callbacks(self) -> bool:
        """Whether user code runs at the next answer or end; only for the scheduler."""
        return bool(self._on_update or self._update_callbacks or self._done_callbacks_left)

    @property
    def elapsed(self) -> float:
        """Seconds from the submit until now, or until the end."""
        return self.ends[0].elapsed if self.ends else self._clock.monotonic() - self.began

    @property
    def next_poll(self) -> float | None:
        """Seconds until the next poll; None while one is due or under way, and once done."""
        due = self.due
        if due is None or self.ends:
            return None
        return max(0.0, due - self._clock.monotonic())

    @property
    def eta(self) -> float | None:
        """Seconds from now until the job's likely end: as many jobs end before it as after.

        From the strategy, where it has an ``estimate``; otherwise from the progress that the
        service tells, or from ``expected``. None: nothing is known, or job or wait have ended.
        """
        estimate = None if self.ends else self._owner.estimate(self)
        return None if estimate is None else estimate[1]

    @property
    def eta_range(self) -> tuple[float, float] | None:
        """Seconds from now, likewise, before which one job in ten ends, and nine in ten."""
        estimate = None if self.ends else self._owner.estimate(self)
        return None if estimate is None else (estimate[0], estimate[2])

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
        self._update_callbacks.append(fn)

    def add_done_callback(self, fn: Callable[[Any], Any]) -> None:
        """Calls ``fn(future)`` when the future is done, at once if it is, as every Future.

        What ``fn`` raises is logged and changes nothing.
        """
        if self.done():
            call(fn, self, self.job_id)
            return
        self._done_callbacks_left.append(fn)
        if self.done():  # pragma: no cover - it has ended meanwhile, and its callbacks may have run
            self._run_done_callbacks()

    def cancel(self) -> bool:
        """Ends the wait unless it is done; no poll of the job starts afterwards.

        The done-callbacks run here, or, where a thread of the library calls, on one of its workers.

        Returns:
            True if the future is cancelled, now or before; False if it ended otherwise.
        """
        if not self.ends:
            self._cancel(self._owner)
        if self.ends[0].status is not Status.CANCELLED:
            return False
        self._show_cancel()  # whoever has claimed it may not have come as far
        return True

    def _cancel(self, owner: Owner) -> None:
        end = self._make_end(Status.CANCELLED, owner.service)
        try:
            # First: whatever of the following is left undone, a thread of the library does.
            owner.forget(self, end)
            if self._claim(end):  # pragma: no branch - or another end was faster
                self._show_cancel()
                owner.abort(self)
                owner.call(self._run_callbacks)
        except BaseException:
            owner.call_later(self._run_callbacks)
            raise

    def _show_cancel(self) -> None:
        # Where this thread has interrupted itself in here, its own wait would break.
        if not holds_condition(self):
            super().cancel()
            notify_cancel(self, can_be_interrupted=True)

    # Only for the scheduler

    def _make_end(self, status: Status, service: str, error: BaseException | None = None) -> Ended:
        """Returns an end of this wait by what is known of it now."""
        return Ended(
            self.job_id,
            service,
            status,
            self.attempts,
            self.elapsed,
            self.report,
            error,
            self.last_error,
            None,
            None,
            0.0,
            *self.hints,
            self.pending_until,
            self.ended_by,
            self.submitted_at,
        )

    def _claim(self, end: Ended) -> bool:
        """Says whether the future ends so: the first end counts."""
        if not self.ends:
            self.ends.append(end)
        return self.ends[0] is end

    def _abandonment(self, service: str, why: str, cause: BaseException | None = None) -> Ended:
        """Returns the end of a wait that can't go on although its job may."""
        error = abandoned(self.job_id, why)
        error.__cause__ = cause
        return self._make_end(Status.ABANDONED, service, error)

    def _set_report(self, report: StatusReport) -> None:
        """Takes one answer and runs the update callbacks."""
        self.report = report
        if self._on_update is None and not self._update_callbacks:
            return
        for fn, argument in self._update_calls(report):
            if not self.ends:  # a deadline or a cancel may come between them
                call(fn, argument, self.job_id)

    def _conclude(self, end: Ended) -> bool:
        """Ends the future so, unless it has ended, and wakes who waits; never interrupted."""
        if not self._claim(end):
            return False
        self.last_error = end.last_error
        if end.report is not self.report:
            self.report, self._is_report_untold = end.report, True
        if end.status is Status.CANCELLED:
            self._finish_cancel()
        elif end.error is not None:
            super().set_exception(end.error)
        else:
            super().set_result(end.status)
        if not self._has_callbacks:  # then nobody runs them, who would let go of it
            self._owner = _NOBODY
        return True

    def _finish_cancel(self) -> None:
        """Does what an interruption may have left undone of a cancel, and wakes all who wait."""
        super().cancel()
        notify_cancel(self, can_be_interrupted=False)

    def _run_callbacks(self) -> None:
        """Runs the callbacks of a future that has ended, each once, and lets go of them."""
        owner, self._owner = self._owner, _NOBODY
        calls = []
        if self._is_report_untold and self.report is not None:
            calls = self._update_calls(self.report)
        self._on_update, self._update_callbacks = None, []
        try:
            for fn, argument in calls:
                call(fn, argument, self.job_id)
            self._run_done_callbacks()
        finally:
            if self._done_callbacks_left:  # Ctrl-C in one of them
                owner.call_later(self._run_callbacks)

    def _disown(self, end: Ended) -> None:
        """Ends the copy of a future in a forked child, without a callback.

        Threads that are not there may hold its locks, so it begins anew.
        """
        super().__init__()
        self._condition = UninterruptibleCondition()
        self._owner = _NOBODY
        self._on_update, self._update_callbacks, self._done_callbacks_left = None, [], []
        ended, self.ends = self.ends or [end], []
        self._conclude(ended[0])

    def set_result(self, result: Any) -> NoReturn:
        """Refused: a wait ends by what the service says, or a limit."""
        raise TypeError("a StatusFuture is ended by its client; to end it yourself, call cancel()")

    def set_running_or_notify_cancel(self) -> NoReturn:
        """Refused likewise: the polling begins and ends without it."""
        self.set_result(None)

    def set_exception(self, exception: BaseException | None) -> NoReturn:
        """Refused likewise."""
        self.set_result(exception)

    def _run_done_callbacks(self) -> None:
        with contextlib.suppress(IndexError):  # another thread may be faster
            while self._done_callbacks_left:
                fn = self._done_callbacks_left.pop(0)
                call(fn, self, self.job_id)

    def _update_calls(self, report: StatusReport) -> list[tuple[Callable[[Any], Any], Any]]:
        calls: list[tuple[Callable[[Any], Any], Any]] = []
        if self._on_update is not None:
            calls.append((self._on_update, report.status))
        return calls + [(fn, self) for fn in list(self._update_callbacks)]

    def __reduce__(self) -> NoReturn:
        raise TypeError("a StatusFuture can't be pickled: it waits in its own process alone")

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} {name_job(self.job_id)}: {self.status},"
            f" attempts {self.attempts}>"
        )
