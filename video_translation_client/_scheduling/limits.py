"""What ends a wait while its job still runs, and what to say of it.

Pure data about attempts and seconds; no clock.
"""

from __future__ import annotations

import math
import warnings
from typing import NamedTuple

from .._base.arguments import DefaultCount, DefaultNumber
from ..strategy import ExponentialBackoff, Moment

DEFAULT_ATTEMPTS = DefaultCount(10)
DEFAULT_WAIT_TIME = DefaultNumber(60.0)

# Waits that are added up one by one; any further ones count as the last of these.
_GROWING_WAITS = 10_000


class Limits(NamedTuple):
    """The most polls and the most seconds of one wait; None is no such limit."""

    max_attempts: int | None
    max_wait_time: float | None

    def warn_of_contradictions(self, backoff: ExponentialBackoff, asked_for: bool) -> None:
        """Warns the caller's caller of limits that can't both be meant.

        Args:
            backoff: What attempts take how long by.
            asked_for: Whether the caller's caller gave ``max_wait_time``.
        """
        if backoff.initial_wait_time > backoff.max_interval:
            warnings.warn(
                f"initial_wait_time={backoff.initial_wait_time:g} is above"
                f" max_interval={backoff.max_interval:g}, so no wait is longer than"
                f" {backoff.max_interval:g} s; raise max_interval as well",
                stacklevel=3,
            )
        attempts, wait_time = self
        if attempts is None or wait_time is None or not asked_for:
            return
        spent, wait = 0.0, 0.0
        for attempt in range(1, min(attempts, _GROWING_WAITS)):
            wait = backoff(Moment(attempt, spent, chance=1.0))
            spent += wait
        spent += wait * min(max(0, attempts - _GROWING_WAITS), 10**9)
        if spent * 2 < wait_time:
            warnings.warn(
                f"max_attempts={attempts} is spent after {math.ceil(spent)} s at most, long"
                f" before max_wait_time={wait_time:g} s; pass max_attempts=None to wait by time"
                " alone",
                stacklevel=3,
            )
