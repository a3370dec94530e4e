"""The best moments to poll jobs whose durations are known, which no strategy can beat.

Pure. Barlow, Hunter and Proschan, "Optimum Checking Procedures", SIAM Journal 11, 1963, for known
durations: a best poll is where a job ends, and dynamic programming finds which ends those are.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, NamedTuple, Sequence

if TYPE_CHECKING:
    from ..strategy import Moment

# Seconds by which sums of waits may miss the moment that is meant.
_ROUNDING = 1e-6


class _Line(NamedTuple):
    """What a poll at a moment costs in the end, over the number of jobs that ended before."""

    slope: float
    height: float
    moment: float

    def at(self, count: int) -> float:
        return self.slope * count + self.height


class Moments:
    """A strategy: polls at given moments.

    Attributes:
        moments: In seconds since the submit, ascending; no job takes longer than to the last one.
    """

    def __init__(self, moments: Sequence[float]) -> None:
        self.moments = moments

    def __call__(self, moment: Moment) -> float:
        """Returns the seconds to wait."""
        index = bisect_right(self.moments, moment.elapsed + _ROUNDING)
        return self.moments[index] - moment.elapsed


def optimum(durations: Sequence[float], poll_cost: float, min_interval: float = 0.0) -> Moments:
    """Returns the moments at which polls and lateness cost least; takes microseconds a duration.

    Args:
        durations: Seconds, 0 or more each, one at least.
        poll_cost: How many seconds of lateness one poll is worth, above 0.
        min_interval: The least seconds between two polls.
    """
    ordered = sorted(durations)
    sums = [0.0, *itertools.accumulate(ordered)]
    times = sorted({0.0, *ordered})
    counts = [bisect_right(ordered, time) for time in times]
    nexts, values = [0.0] * len(times), [0.0] * len(times)  # after a poll then: when, what it costs
    lines: list[_Line] = []
    best = 0
    candidate = len(times) - 1
    for index in range(len(times) - 2, -1, -1):
        time, count = times[index], counts[index]
        while candidate > index and times[candidate] >= time + min_interval:
            later, by_then = times[candidate], counts[candidate]
            height = later * by_then - sums[by_then] + values[candidate]
            line = _Line(-later, height, later)
            while len(lines) - best >= 2 and _hides(lines[-2], line, lines[-1]):
                lines.pop()
            lines.append(line)
            candidate -= 1
        while best + 1 < len(lines) and lines[best + 1].at(count) <= lines[best].at(count):
            best += 1
        # What still runs then is waited for with one last poll, where all end before the next.
        last = time + min_interval
        line = lines[best] if lines else _Line(-last, last * len(ordered) - sums[-1], last)
        nexts[index] = line.moment
        values[index] = poll_cost * (len(ordered) - count) + line.at(count) + sums[count]
    return Moments(_chain(times, nexts))


def outcome(durations: Sequence[float], moments: Sequence[float]) -> tuple[float, float]:
    """Returns the polls of a job, that at the submit included, and its lateness, in the mean."""
    polls = lateness = 0.0
    for duration in durations:
        index = bisect_left(moments, duration) if duration else -1
        polls += index + 2
        lateness += moments[index] - duration if duration else 0.0
    return polls / len(durations), lateness / len(durations)


def _chain(times: Sequence[float], nexts: Sequence[float]) -> list[float]:
    chain, time = [], 0.0
    while time < times[-1]:
        time = nexts[bisect_left(times, time)]
        chain.append(time)
    return chain or [1.0]


def _hides(one: _Line, other: _Line, middle: _Line) -> bool:
    """Says whether a line is nowhere below both that have a lower and a higher slope."""
    rise, whole = one.height - middle.height, one.height - other.height
    return whole * (middle.slope - one.slope) >= rise * (other.slope - one.slope)
