"""What ends a wait while its job still runs, and what to say of it.

Pure data about attempts and seconds; no clock.
"""

from __future__ import annotations

import math
import warnings
from typing import NamedTuple

from .._base.arguments import DefaultCount, DefaultNumber
from .._base.text import LONGEST_REASON, quote
from ..errors import KEEP_WAITING
from ..status import Status, StatusReport
from ..strategy import ExponentialBackoff

DEFAULT_ATTEMPTS = DefaultCount(10)
DEFAULT_WAIT_TIME = DefaultNumber(60.0)

# Waits that are added up one by one; any further ones count as the last of these.
_GROWING_WAITS = 10_000


def reason_of(report: StatusReport) -> str | None:
    """Returns why a job ended as the service says it did; None: it completed."""
    if report.status is Status.COMPLETED:
        return None
    code = report.error_code
    if report.error:
        reason = quote(report.error, LONGEST_REASON)
    else:
        reason = f"the service reported {quote(report.state)} and gave no reason"
    return reason if code is None or code in reason else f"{reason} ({quote(code)})"


class Limits(NamedTuple):
    """The most polls and the most seconds of one wait; None is no such limit."""

    max_attempts: int | None
    max_wait_time: float | None

    def reason(
        self,
        limit: str,
        attempts: int,
        elapsed: float,
        report: StatusReport | None,
        pause: float,
    ) -> str:
        """Returns why a wait ended, and how to keep waiting.

        Args:
            limit: The limit that ended it, or ``retry_after``: the service wants a ``pause``
                beyond it.
            attempts: The polls so far.
            elapsed: The seconds so far.
            report: The latest answer.
            pause: Seconds.
        """
        polls = f"{attempts} poll{'s' if attempts != 1 else ''}"
        if limit == "retry_after":
            reached = (
                f"the service asks to wait another {pause:.0f} s (Retry-After), beyond"
                f" max_wait_time={self.max_wait_time:g}"
            )
        else:
            reached = f"the limit {limit}={getattr(self, limit):g} is reached"
        if report is None:
            return f"no status was received in {polls} and {elapsed:.1f} s; {reached}"
        return f"still running after {polls} in {elapsed:.1f} s; {reached}; {KEEP_WAITING}"

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
            wait = backoff(attempt, spent, None, 1.0)
            spent += wait
        spent += wait * min(max(0, attempts - _GROWING_WAITS), 10**9)
        if spent * 2 < wait_time:
            warnings.warn(
                f"max_attempts={attempts} is spent after {math.ceil(spent)} s at most, long"
                f" before max_wait_time={wait_time:g} s; pass max_attempts=None to wait by time"
                " alone",
                stacklevel=3,
            )
