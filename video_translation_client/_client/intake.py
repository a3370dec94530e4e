"""Where the waits of one client go: straight to the scheduler, unless somebody keeps them first."""

from __future__ import annotations

from typing import Any, Callable, Sequence

from .._scheduling.decision import Rules
from .._scheduling.scheduler import Scheduler
from ..clock import Clock
from ..future import StatusFuture
from ..status import Hints, Status


class Intake:
    """Takes in waits, for any thread; this one hands them over at once.

    Args:
        scheduler: Polls for them.
        clock: The time.
    """

    def __init__(self, scheduler: Scheduler, clock: Clock) -> None:
        self._scheduler = scheduler
        self._clock = clock

    def make(
        self, job_id: str | None, on_update: Callable[[Status], Any] | None, hints: Hints
    ) -> StatusFuture:
        """Returns the future of a wait that is to begin."""
        return StatusFuture(job_id, self._scheduler, self._clock, on_update, hints)

    def submit(self, futures: Sequence[StatusFuture], rules: Rules) -> None:
        """Takes over futures that it has made.

        Raises:
            RuntimeError: After ``shutdown``, or there is no thread to be had.
        """
        self._scheduler.submit(futures, rules)

    def nudge(self, job_id: str | None) -> None:
        """Has a job asked for as soon as may be, wherever it is waited for."""
        self._scheduler.nudge(job_id)

    def leave(self, future: StatusFuture) -> None:
        """Ends a future that nobody can have any more, unless it is done."""
        future.cancel()

    def shutdown(self, wait: bool, cancel_futures: bool) -> None:
        """As ``VideoTranslationClient.shutdown``."""
        self._scheduler.shutdown(wait, cancel_futures)
