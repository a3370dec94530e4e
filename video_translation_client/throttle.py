"""The one place that decides the pace of all requests towards the service.

Pure bookkeeping over moments that are passed in: it never sleeps and reads no clock.
The scheduler asks it under its own lock.
"""

from __future__ import annotations


class Throttle:
    """Spaces the starts of requests evenly, so that no second holds more than ``max_rate``.

    Args:
        max_rate: Requests a second, above 0, or None for no limit.
    """

    def __init__(self, max_rate: float | None) -> None:
        self._interval = 1 / max_rate if max_rate else 0.0
        self._next = 0.0

    def next_start(self, now: float) -> float:
        """Returns the earliest moment at which a request may start: ``now`` or later."""
        return max(now, self._next)

    def started(self, now: float) -> None:
        """Counts a request that starts at ``now``."""
        self._next = now + self._interval
