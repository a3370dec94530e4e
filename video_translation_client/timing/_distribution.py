"""How durations are distributed, by what was observed of them: an estimate in plain Python.

The density is estimated on a grid of the logarithm, as durations differ by factors. What is known
of a job is an interval, so the estimate is found by expectation and maximization (Turnbull, "The
Empirical Distribution Function with Arbitrarily Grouped, Censored and Truncated Data", 1976), each
step followed by smoothing (Silverman, Jones, Wilson and Nychka, "A Smoothed EM Approach to Indirect
Estimation Problems", 1990). How smooth it is, cross-validation says: two peaks want less than one.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from itertools import accumulate
from typing import Iterable, List, NamedTuple, Sequence, Tuple

# Of the grid. It reaches from a part of the shortest duration to as many times the longest.
_CELLS = 240
_REACH = math.log(20)

# Seconds below which durations are not told apart, and beyond which.
_SHORTEST, _LONGEST = 1e-3, 1e12

# Parts of a cell that are not told apart.
_SAME = 1e-6

# The spread (standard deviation of the logarithm) that is expected before anything is seen, and
# how many observations that is worth.
_USUAL_SPREAD = 0.5
_USUAL_WEIGHT = 2.0

# What no observation suggests is possible all the same: of so many further observations, one, and
# spread so widely around the others.
_OTHER_WEIGHT = 1.0
_OTHER_SPREAD = 1.2

# Parts of the bandwidth that suits one peak, of which cross-validation takes one, where there are
# so many observations; and by how much of the log-likelihood a smaller one must be better.
_BANDWIDTHS = (1.0, 0.6, 0.36, 0.2)
_LEAST_TO_VALIDATE = 6
_PENALTY = 1.5

_STEPS = 5  # of the log-normal distribution to begin with
_SMOOTHED_STEPS = 4


class Sample(NamedTuple):
    """A job's duration, in seconds or in parts of what was expected.

    Attributes:
        low: It was longer than that, or exactly that if ``high`` is the same.
        high: It was no longer than that; infinity: not known.
        weight: What it counts, above 0.
    """

    low: float
    high: float
    weight: float = 1.0


class Distribution:
    """Shares of durations on cells of equal size of the logarithm.

    Args:
        begin: The logarithm of the first cell's lower end.
        step: The size of a cell.
        masses: What lies in each cell, not all 0.
    """

    def __init__(self, begin: float, step: float, masses: Iterable[float]) -> None:
        sums = [0.0, *accumulate(masses)]
        self._begin = begin
        self._step = step
        self.shares = [part / sums[-1] for part in sums]
        self.bounds = [math.exp(begin + step * index) for index in range(len(sums))]

    def share(self, seconds: float) -> float:
        """Returns which part of all durations is no longer than that."""
        if seconds <= self.bounds[0]:
            return 0.0
        place = (math.log(seconds) - self._begin) / self._step
        index = int(place)
        if index >= len(self.shares) - 1:
            return 1.0
        low, high = self.shares[index : index + 2]
        return low + (place - index) * (high - low)

    def quantile(self, share: float) -> float:
        """Returns the duration that this part of all does not exceed; the share is above 0."""
        index = bisect_left(self.shares, share)
        low, high = self.shares[index - 1 : index + 1]
        return math.exp(self._begin + self._step * (index - 1 + (share - low) / (high - low)))


# A sample on the grid: from where to where, in cells, and its weight.
_Placed = Tuple[float, float, float]
_Masses = List[float]


def fit(samples: Sequence[Sample]) -> Distribution:
    """Returns what suits the samples, one at least; takes a few milliseconds at most."""
    begin, step = _grid(samples)
    placed = [_place(sample, begin, step) for sample in samples]
    # How many samples of equal weight tell as much (Kish).
    count = sum(s.weight for s in samples) ** 2 / sum(s.weight**2 for s in samples)
    first, spread = _log_normal(placed, count, _USUAL_SPREAD / step)
    bandwidth = spread * count**-0.2
    if len(placed) >= _LEAST_TO_VALIDATE:
        bandwidth *= _validated(placed, first, bandwidth, spread)
    masses = _smoothed(placed, first, bandwidth, _SMOOTHED_STEPS)
    other = _OTHER_WEIGHT / (count + _OTHER_WEIGHT)
    return Distribution(begin, step, _mixed(masses, _blur(masses, _OTHER_SPREAD / step), other))


def typical(low: float, high: float) -> float:
    """Returns about where a job ended of which an interval is known."""
    about = low * 1.2 if math.isinf(high) else math.sqrt(max(low, 0.3 * high) * high)
    return min(max(_SHORTEST, about), _LONGEST)


def _grid(samples: Sequence[Sample]) -> tuple[float, float]:
    """Returns the begin of the grid and the size of its cells."""
    middles = [typical(sample.low, sample.high) for sample in samples]
    ended = [middle for middle, sample in zip(middles, samples) if sample.high < math.inf]
    # How short jobs are, those that still run don't tell.
    begin = math.log(min(ended or middles)) - _REACH
    return begin, (math.log(max(middles)) + _REACH - begin) / _CELLS


def _place(sample: Sample, begin: float, step: float) -> _Placed:
    def cell(seconds: float) -> float:
        place = (math.log(max(seconds, _SHORTEST / 100)) - begin) / step
        return min(max(place, 0.0), _CELLS - 1e-6)

    low = cell(sample.low)
    high = float(_CELLS) if math.isinf(sample.high) else cell(sample.high)
    # Too short an interval for a float that is shared out is a point.
    return low, low if high - low < _SAME else high, sample.weight


def _log_normal(placed: Sequence[_Placed], count: float, usual: float) -> tuple[_Masses, float]:
    """Returns the log-normal distribution that suits best, and its spread, in cells.

    To begin with that keeps what intervals leave open from being filled at random.
    """
    middles = [(low + 0.5 * min(high - low, 2 * usual), weight) for low, high, weight in placed]
    total = sum(weight for _, weight in middles)
    mean = sum(middle * weight for middle, weight in middles) / total
    variance = sum((middle - mean) ** 2 * weight for middle, weight in middles) / total
    for step in range(_STEPS + 1):
        spread = math.sqrt((variance * count + usual**2 * _USUAL_WEIGHT) / (count + _USUAL_WEIGHT))
        # Wider in the end, as what follows only narrows it.
        factor = -0.5 / (spread * (1.2 if step == _STEPS else 1.0)) ** 2
        first = [math.exp(factor * (x + 0.5 - mean) ** 2) + 1e-12 for x in range(_CELLS)]
        masses = _shared_out(placed, first)
        mean = sum((x + 0.5) * mass for x, mass in enumerate(masses))
        variance = sum((x + 0.5 - mean) ** 2 * mass for x, mass in enumerate(masses))
    return first, spread


def _validated(placed: Sequence[_Placed], first: _Masses, bandwidth: float, spread: float) -> float:
    """Returns the part of the bandwidth by which each half of the samples foretells the other."""
    halves = (placed[::2], placed[1::2])

    def score(part: float) -> float:
        total = 0.0
        for known, other in (halves, halves[::-1]):
            masses = _smoothed(known, first, part * bandwidth * 2**0.2, steps=2)
            doubt = 0.5 / (len(known) + 0.5)
            total += _log_likelihood(other, _mixed(masses, _blur(masses, spread), doubt))
        return total

    scores = [score(part) - _PENALTY * rank for rank, part in enumerate(_BANDWIDTHS)]
    return _BANDWIDTHS[scores.index(max(scores))]


def _smoothed(placed: Sequence[_Placed], masses: _Masses, bandwidth: float, steps: int) -> _Masses:
    for _ in range(steps):
        masses = _blur(_shared_out(placed, masses), bandwidth)
    return masses


def _shared_out(placed: Sequence[_Placed], masses: _Masses) -> _Masses:
    """Shares each sample out over its interval, in proportion to what lies there; the sum is 1."""
    sums = [0.0, *accumulate(masses)]
    shared = [0.0] * _CELLS
    rises = [0.0] * (_CELLS + 1)  # by how much a cell's factor is above that of the one before
    total = 0.0
    for low, high, weight in placed:
        total += weight
        first, last = int(low), min(int(high), _CELLS - 1)
        if first == last:
            shared[first] += weight
            continue
        before, after = first + 1 - low, high - last  # parts of the cells at the ends
        mass = masses[first] * before + masses[last] * after + sums[last] - sums[first + 1]
        factor = weight / mass
        shared[first] += masses[first] * before * factor
        shared[last] += masses[last] * after * factor
        rises[first + 1] += factor
        rises[last] -= factor
    return [
        (own + mass * max(0.0, factor)) / total
        for own, mass, factor in zip(shared, masses, accumulate(rises))
    ]


def _log_likelihood(placed: Sequence[_Placed], masses: _Masses) -> float:
    sums = [0.0, *accumulate(masses)]
    total = 0.0
    for low, high, weight in placed:
        first, last = int(low), min(int(high), _CELLS - 1)
        if first == last:
            mass = masses[first] * max(high - low, 1e-3)
        else:
            mass = masses[first] * (first + 1 - low) + masses[last] * (high - last)
            mass += sums[last] - sums[first + 1]
        total += weight * math.log(mass + 1e-12)
    return total


def _mixed(masses: _Masses, others: _Masses, part: float) -> _Masses:
    return [(1 - part) * mass + part * other for mass, other in zip(masses, others)]


def _blur(masses: _Masses, bandwidth: float) -> _Masses:
    """Smooths by three moving averages, which together are nearly a Gaussian of that deviation."""
    width = round(math.sqrt(4 * bandwidth**2 + 1))
    width = min(width + (width % 2 == 0), 2 * _CELLS - 1)
    ends = [0.0] * (width // 2)
    for _ in range(3):
        sums = [0.0, *accumulate([*ends, *masses, *ends])]
        masses = [(high - low) / width for low, high in zip(sums, sums[width:])]
    return masses
