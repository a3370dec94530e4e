"""The future of a wait that a store keeps: it also tells when somebody has heard of its end."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from ..future import StatusFuture
from ..status import Status
from ._records import NO_LIMITS, Progress

if TYPE_CHECKING:
    from typing import Any, Callable

    from .._scheduling.resting import Hearing
    from ..clock import Clock
    from ..events import Ended
    from ..future import Owner
    from ..status import Hints
    from ._keeping import Keeping
    from ._records import Record


class StoredFuture(StatusFuture):
    """A ``StatusFuture`` of which the store is told once its end is delivered.

    That is when its done-callbacks have returned; or, without one, when its end was fetched.

    Attributes:
        limits: Only for the store: what ends the wait.
        number: Likewise: that of the wait in the file; None: it is not there.
        hearing: Likewise: what others have heard of the job, and it is still to hear, or None.
        leaves: Likewise: whether others are to go on with the wait although this one is cancelled.
    """

    def __init__(
        self,
        keeping: Keeping,
        job_id: str | None,
        owner: Owner,
        clock: Clock,
        on_update: Callable[[Status], Any] | None,
        hints: Hints,
    ) -> None:
        super().__init__(job_id, owner, clock, on_update, hints)
        self.limits = NO_LIMITS
        self.number: int | None = None
        self.leaves = False
        self.hearing: Hearing | None = None  # few have one, and it is large
        self._keeping = keeping
        self._calling: list[None] = []  # as many as threads that call done-callbacks
        self._undelivered = [True]  # who takes it out tells the store: one step

    @property
    def is_left(self) -> bool:
        """Whether it has ended, but not its wait, which others are to find."""
        status = self.ends[0].status
        return status is Status.ABANDONED or (status is Status.CANCELLED and self.leaves)

    def progress(self) -> Progress:
        """Returns how far it has come."""
        elapsed, due = self.elapsed, self.due
        # Of one that was left, too: who goes on with it is not to ask any earlier.
        next_poll = None if due is None else max(0.0, due - self.began - elapsed)
        return Progress(
            self.attempts,
            elapsed,
            next_poll,
            self.pending_until,
            self.ended_by,
            self.report,
            self.last_error,
        )

    def restore(self, record: Record, now: float) -> None:
        """Has it go on where a wait stood when it was written, by the clock's time of now."""
        progress, self.limits = record.progress, record.limits
        elapsed = progress.elapsed + (record.age(now) if record.end is None else 0.0)
        self.began = self._clock.monotonic() - elapsed
        self.submitted_at = record.submitted_at
        self.attempts, self.report = progress.attempts, progress.report
        self.pending_until, self.ended_by = progress.pending_until, progress.ended_by
        self.last_error = progress.failure

    def poll_now(self) -> None:
        """Asks for the job as soon as possible, for instance because a webhook arrived.

        It costs an attempt like any poll. Where another wait for the job is polled for, here or in
        another process, that one is, at no cost.
        """
        if not self.done():
            self._keeping.poll_now(self)

    def result(self, timeout: float | None = None) -> Any:
        """As of every ``StatusFuture``; then its end is delivered."""
        try:
            return super().result(timeout)
        finally:
            self._deliver()

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Likewise."""
        try:
            return super().exception(timeout)
        finally:
            self._deliver()

    def add_done_callback(self, fn: Callable[[Any], Any]) -> None:
        """As of every ``StatusFuture``; once it has returned, the end is delivered."""
        self._calling.append(None)  # which may itself fetch the end
        try:
            super().add_done_callback(fn)
        finally:
            self._calling.pop()
        self._deliver()

    def deliver(self) -> None:
        """Tells the store, once, that somebody knows of its end; only for the store."""
        with contextlib.suppress(IndexError):
            self._undelivered.pop()
            self._keeping.deliver(self)

    def _claim(self, end: Ended) -> bool:
        if not self.ends:  # a shutdown that comes later does not change why it was cancelled
            self.leaves = self.leaves or self._keeping.is_leaving
        return super()._claim(end)

    def _run_callbacks(self) -> None:
        if not self._done_callbacks_left:
            super()._run_callbacks()
            return
        self._calling.append(None)
        try:
            super()._run_callbacks()
        finally:
            self._calling.pop()
        self._deliver()

    def _deliver(self) -> None:
        is_told = not (self._calling or self._done_callbacks_left)
        if is_told and self.done() and not self.is_left:
            self.deliver()
