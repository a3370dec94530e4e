"""When to poll a job whose durations are distributed so, for polls and lateness to cost least.

The optimal inspection schedule (Barlow, Hunter and Proschan, "Optimum Checking Procedures", SIAM
Journal 11, 1963), by dynamic programming over moments that are dense where jobs end. The best next
moment is the lowest of a set of lines over the share of jobs that have ended, so one pass finds
all of them.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._distribution import Distribution

# Moments at which a poll may be, and the share of jobs left after the last of them.
_MOMENTS = 240
_TAIL = 1e-4


class Schedule:
    """The best moments to poll.

    Args:
        distribution: Of the durations.
        poll_cost: How many seconds of lateness one poll is worth, above 0.
        moments: Among how many moments each poll is chosen.
    """

    def __init__(
        self, distribution: Distribution, poll_cost: float, moments: int = _MOMENTS
    ) -> None:
        self._poll_cost = poll_cost
        self._times, shares = _moments(distribution, moments)
        self._nexts = self._solve(shares)

    def next(self, age: float) -> float:
        """Returns when to poll a job next that still runs at ``age``: later than that."""
        times, nexts = self._times, self._nexts
        if age >= times[-1]:
            return age + self._beyond(age)
        index = bisect_right(times, age) - 1
        if index < 0:
            return nexts[0]
        part = (age - times[index]) / (times[index + 1] - times[index])
        return nexts[index] + part * (nexts[index + 1] - nexts[index])

    def _beyond(self, age: float) -> float:
        """Returns the best interval where jobs are left in proportion to 1 / age, as in tails."""
        return math.sqrt(2 * self._poll_cost * max(age, self._poll_cost / 2))

    def _solve(self, shares: list[float]) -> list[float]:
        """Returns for each moment the best next one.

        From t on, the least cost is W(t) = min over s > t of: poll_cost * (jobs that run at t) +
        (lateness, at s, of those that end between the two) + W(s).
        """
        times, cost = self._times, self._poll_cost
        ended = [0.0]  # seconds that those took together that have ended
        for index in range(1, len(times)):
            middle = 0.5 * (times[index] + times[index - 1])
            ended.append(ended[-1] + (shares[index] - shares[index - 1]) * middle)
        nexts = [0.0] * len(times)
        nexts[-1] = times[-1] + self._beyond(times[-1])
        value = (1 - shares[-1]) * (cost + self._beyond(times[-1]))
        lines: list[tuple[float, float, float]] = []  # slope, height at 0, moment
        best = 0
        for index in range(len(times) - 2, -1, -1):
            later, share = times[index + 1], shares[index]
            line = (-later, later * shares[index + 1] - ended[index + 1] + value, later)
            while len(lines) - best >= 2 and _hides(lines[-2], line, lines[-1]):
                lines.pop()
            lines.append(line)
            while best + 1 < len(lines) and _at(lines[best + 1], share) <= _at(lines[best], share):
                best += 1
            value = cost * (1 - share) + ended[index] + _at(lines[best], share)
            nexts[index] = lines[best][2]
        return nexts


def _at(line: tuple[float, float, float], share: float) -> float:
    return line[0] * share + line[1]


def _hides(
    one: tuple[float, float, float],
    other: tuple[float, float, float],
    middle: tuple[float, float, float],
) -> bool:
    """Says whether a line is nowhere below both that have a lower and a higher slope."""
    return (other[1] - one[1]) * (middle[0] - one[0]) <= (middle[1] - one[1]) * (other[0] - one[0])


def _moments(distribution: Distribution, count: int) -> tuple[list[float], list[float]]:
    """Returns moments, and the share of jobs that have ended by each of them.

    Half of them are spread as the ends of jobs are, half as polls are where they are optimal: in
    proportion to the root of the rate at which jobs end that still run.
    """
    bounds, shares = distribution.bounds, distribution.shares
    ends = [high - low for low, high in zip(shares, shares[1:])]
    polls = [
        math.sqrt(end * (high - low) / (1 - share)) if 1 - share > _TAIL else 0.0
        for end, share, low, high in zip(ends, shares, bounds, bounds[1:])
    ]
    total = sum(polls)
    first = next(index for index, end in enumerate(ends) if end > 0)
    times, by_then = [bounds[first]], [0.0]
    passed, wanted = 0.0, 0.5 / count
    for index, (end, poll) in enumerate(zip(ends, polls)):
        density = 0.5 * end + 0.5 * poll / total if poll else 0.0
        while density and wanted <= passed + density:
            part = (wanted - passed) / density
            times.append(bounds[index] * (bounds[index + 1] / bounds[index]) ** part)
            by_then.append(shares[index] + part * end)
            wanted += 1 / count
        passed += density
    return times, by_then
