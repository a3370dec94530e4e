"""What a job's own progress says of its end, together with what is known of others.

A progress may be noisy, stand still, jump back or lie. It is believed as far as its readings agree
with each other, and never wholly: as the job outlasts what it foretold, the durations of others
count.
"""

from __future__ import annotations

import math
from typing import Sequence

from ._distribution import Distribution

# Below this part, what is left is many times what was seen.
_LEAST = 0.02

# How far readings are off (standard deviation of the logarithm) before they show it themselves,
# and how many readings that is worth; at least so far, however many agree.
_USUAL_ERROR = 0.1
_USUAL_WEIGHT = 1.0
_LEAST_ERROR = 0.004

# The chance that a progress means nothing.
_DOUBT = 0.1

# How widely durations are spread where nothing is known of others.
_UNKNOWN_SPREAD = 0.7

_CELLS = 240


def foretold(
    progress: Sequence[tuple[float, float]],
    began: float,
    age: float,
    others: Distribution | None,
    scale: float,
) -> Distribution | None:
    """Returns how the duration of a job that still runs is distributed, or None: it says nothing.

    Args:
        progress: As in a ``Moment``: pairs of seconds since the submit, and a part.
        began: Seconds from the job's start to its submit.
        age: Seconds since its start, above 0.
        others: How the durations of others are distributed, or None.
        scale: How many seconds a unit of that is.
    """
    ends = _ends(progress, began)
    if not ends or age <= 0:
        return None
    mean = sum(ends) / len(ends)
    squares = sum((end - mean) ** 2 for end in ends) + _USUAL_WEIGHT * _USUAL_ERROR**2
    error = math.sqrt(squares / (len(ends) - 1 + _USUAL_WEIGHT) / len(ends)) + _LEAST_ERROR
    begin = math.log(age)
    far = [mean + 5 * error, begin + 3 * error, begin + _UNKNOWN_SPREAD]
    if others is not None:
        far.append(math.log(others.quantile(0.999) * scale))
    step = (max(far) - begin) / _CELLS
    middles = [begin + (cell + 0.5) * step for cell in range(_CELLS)]
    if others is None:
        # Around now where that is later: so a job that outlasts what was foretold is asked seldom.
        # Evenly before that: progress that begins slowly foretells an end far too late.
        likely = max(mean, begin)
        prior = [_bell(max(0.0, middle - likely) / _UNKNOWN_SPREAD) for middle in middles]
    else:
        shares = [others.share(math.exp(begin + cell * step) / scale) for cell in range(_CELLS + 1)]
        prior = [high - low + 1e-9 for low, high in zip(shares, shares[1:])]
    told = [mass * _bell((x - mean) / error) for x, mass in zip(middles, prior)]
    # What it has foretold in vain counts no more: of the whole bell, that part is left.
    whole = 0.5 * math.erfc((begin - mean) / error / math.sqrt(2))
    believed = (1 - _DOUBT) * whole / ((1 - _DOUBT) * whole + _DOUBT)
    parts = believed / (sum(told) or 1.0), (1 - believed) / sum(prior)
    return Distribution(begin, step, [parts[0] * a + parts[1] * b for a, b in zip(told, prior)])


def _ends(progress: Sequence[tuple[float, float]], began: float) -> list[float]:
    """Returns the logarithms of the durations that readings foretell; one that repeats is one."""
    ends, before = [], 0.0
    for elapsed, part in progress:
        if part != before and part > _LEAST and began + elapsed > 0:
            ends.append(math.log((began + elapsed) / min(part, 0.99)))
        before = part
    return ends


def _bell(deviations: float) -> float:
    return math.exp(-0.5 * deviations**2)
