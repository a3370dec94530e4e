"""When a job is asked next, or which limit forbids it: the strategy within its bounds.

It decides from what it is given, and remembers nothing.
"""

from __future__ import annotations

from typing import Callable, NamedTuple

from .._base import arguments
from ..strategy import ExponentialBackoff, Strategy
from .limits import Limits
from .pace import LONGEST_PAUSE
from .waits import Wait

# Seconds before the deadline at which the last poll starts, where answers come fast.
_LEAD = 0.1

# Seconds between two polls of a job of which the user's own strategy has not spoken yet.
_USUAL_INTERVAL = 1.0

# Seconds between two polls of a job, at least, in the rate that is reckoned with.
_SHORTEST_INTERVAL = 0.001

# Seconds between two polls of a job that has ended, until its result can be read, and for how
# many seconds; then the strategy's waits are long enough.
_RESULT_INTERVAL = 2.0
_RESULT_PATIENCE = 30.0


class Plan(NamedTuple):
    """What follows on a poll.

    Attributes:
        seconds: Until the next one; after ``retry_after``, for which none is wanted.
        limit: What forbids a next one: ``max_attempts``, ``max_wait_time``, ``retry_after`` (the
            service wants none before the deadline), or None.
        rate: Polls a second of this job, as things are; None: as before.
    """

    seconds: float
    limit: str | None = None
    rate: float | None = None


class Planner:
    """Plans for one client; safe for use from many threads if ``chance`` is.

    Args:
        strategy: Says how many seconds to wait after each poll.
        limits: End a wait.
        chance: Draws a number from [0, 1) for the strategy.

    Attributes:
        first_rate: Polls a second of a job that has not been answered yet.
    """

    def __init__(
        self,
        strategy: Strategy,
        limits: Limits,
        chance: Callable[[], float],
    ) -> None:
        self._strategy = strategy
        self._limits = limits
        self._chance = chance
        if isinstance(strategy, ExponentialBackoff):
            interval = min(strategy.initial_wait_time, strategy.max_interval)
        else:
            interval = _USUAL_INTERVAL
        self.first_rate = _rate(interval)
        self._most_lead = (limits.max_wait_time or 0) / 10

    def plan(self, wait: Wait, now: float, retry_after: float, paused_until: float) -> Plan:
        """Returns what follows on the latest poll of a wait.

        Args:
            wait: The wait.
            now: The time.
            retry_after: Seconds for which the service wants this job left alone.
            paused_until: No request at all starts before this moment.

        Raises:
            TypeError, ValueError: The strategy returned something else than seconds.
            Exception: What the strategy raises.
        """
        future = wait.future
        if self._limits.max_attempts is not None and future.attempts >= self._limits.max_attempts:
            return Plan(0.0, "max_attempts")
        seconds = arguments.number(
            "the strategy's wait",
            self._strategy(future.attempts, future.elapsed, future.report, self._chance()),
            least=0,
        )
        if wait.ended is not None and now - wait.ended_at < _RESULT_PATIENCE:
            seconds = min(seconds, _RESULT_INTERVAL)
        rate = _rate(max(seconds, retry_after))
        if wait.deadline is None:
            return Plan(max(seconds, min(retry_after, LONGEST_PAUSE)), rate=rate)
        pause = max(retry_after, paused_until - now)
        if pause > 0 and now + pause >= wait.deadline:
            return Plan(pause, "retry_after")
        # The last poll starts in time to be answered before the deadline. Jobs that were
        # submitted together have it together, so those that queued longest start first.
        lead = min(max(_LEAD, 2 * wait.took), self._most_lead)
        left = wait.deadline - lead - now
        if left <= 0 and not wait.again:
            return Plan(0.0, "max_wait_time")
        return Plan(max(retry_after, min(seconds, max(0.0, left))), rate=rate)


def _rate(interval: float) -> float:
    return 1 / max(interval, _SHORTEST_INTERVAL)
