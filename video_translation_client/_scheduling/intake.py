"""Where the waits of one client go: straight to the scheduler, unless somebody keeps them first."""

from __future__ import annotations

from typing import Any, Callable, Sequence

from .._base.arguments import BadValueError
from ..clock import Clock
from ..future import StatusFuture
from ..status import Hints, Status
from .decision import Rules
from .scheduler import Scheduler


class Intake:
    """Takes in waits, for any thread; this one hands them over at once.

    Args:
        scheduler: Polls for them.
        clock: The time.

    Attributes:
        scheduler: That.
    """

    def __init__(self, scheduler: Scheduler, clock: Clock) -> None:
        self.scheduler = scheduler
        self._clock = clock

    def make(
        self, job_id: str | None, on_update: Callable[[Status], Any] | None, hints: Hints
    ) -> StatusFuture:
        """Returns the future of a wait that is to begin."""
        return StatusFuture(job_id, self.scheduler, self._clock, on_update, hints)

    def submit(self, futures: Sequence[StatusFuture], rules: Rules) -> None:
        """Takes over futures that it has made.

        Raises:
            RuntimeError: After ``shutdown``, or there is no thread to be had.
        """
        self.scheduler.submit(futures, rules)

    def resume(
        self, on_future: Callable[[StatusFuture], Any] | None
    ) -> dict[str | None, StatusFuture]:
        """As ``VideoTranslationClient.resume``.

        Raises:
            ValueError: Nobody keeps waits.
        """
        advice = "make the client with store='waits.sqlite3'"
        raise BadValueError("store", "must be given to resume waits, and is not", advice)

    def nudge(self, job_id: str | None) -> None:
        """Has a job asked for as soon as may be, wherever it is waited for."""
        self.scheduler.nudge(job_id)

    def leave(self, future: StatusFuture) -> None:
        """Ends a future that nobody can have any more, unless it is done."""
        self.scheduler.leave(future)

    def shutdown(self, wait: bool, cancel_futures: bool) -> None:
        """As ``VideoTranslationClient.shutdown``."""
        self.scheduler.shutdown(wait, cancel_futures)
