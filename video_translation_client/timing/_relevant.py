"""Which observations say something of a job at hand, and how much.

Pure: what is known of a service goes in, and samples of durations come out.
"""

from __future__ import annotations

import math
from itertools import accumulate
from typing import Sequence

from ._distribution import Sample, typical
from ._observations import Observation, by_begin

MOST = 400
"""The latest observations that count; those before would weigh little."""

# Observations after which an older one counts half.
_HALF_LIFE = 150

# So many of its own a group needs to do without those of others, which count as so many
# together, less its own, while they are needed.
_ENOUGH = 8

# Of so many jobs at most one still runs where all that began together count as seen.
_SEEN = 10

# How many standard errors the mean of the logarithm differs by where the service has changed, and
# over how few of the latest observations that is looked for.
_CHANGE = 4.5
_FEWEST = 8

# What is expected is seen as a first observation, until there are so many real ones: the job ends
# between these parts of it.
_EXPECTATION = Sample(0.6, 1.6)
_ENOUGH_RATIOS = 3


def samples(
    observations: Sequence[Observation], group: str | None, *, scaled: bool, completed: bool
) -> list[Sample]:
    """Returns what is known of jobs such as one at hand; nothing where none of them has ended.

    Args:
        observations: Those of its service, of jobs that still run as well: of a crowd that begins
            together the short ones end first, and are not all that there is.
        group: Its own, or None.
        scaled: Whether durations are wanted as parts of what was expected of the jobs.
        completed: Whether those that have failed don't count.
    """
    known = [_scaled(one) if scaled else one for one in observations if one.expected or not scaled]
    known = [one for one in known if not (completed and one.completed is False)]
    own = known if group is None else [one for one in known if one.group == group]
    found = _weighed(own)
    if group is not None and len(own) < _ENOUGH:
        others = _weighed([one for one in known if one.group != group])
        total = sum(sample.weight for sample in others)
        room = min(1.0, (_ENOUGH - len(own)) / total) if own and total else 1.0
        found += [sample._replace(weight=sample.weight * room) for sample in others]
    if scaled and len(found) < _ENOUGH_RATIOS:
        return [*found, _EXPECTATION]
    return found if any(sample.high < math.inf for sample in found) else []


def _scaled(one: Observation) -> Observation:
    whole = one.expected or 1.0
    return one._replace(low=one.low / whole, high=one.high / whole)


def _weighed(known: Sequence[Observation]) -> list[Sample]:
    """Returns the latest ones since the service changed, of which the older fade."""
    latest = by_begin(known)[-MOST:]
    latest = latest[_last_change(latest) :]
    last = len(latest) - 1
    return [
        Sample(one.low, one.high, 0.5 ** ((last - index) / _HALF_LIFE))
        for index, one in enumerate(latest)
    ]


def _last_change(known: Sequence[Observation]) -> int:
    """Returns from which observation on they are of a kind: 0 where the service did not change.

    The latest 8, 16, 32, ... are compared with those right before (Student's t).
    """
    ended = [index for index in range(_seen(known)) if known[index].completed is not None]
    values = [math.log(typical(known[index].low, known[index].high)) for index in ended]
    count = _FEWEST
    while count <= len(values) - _FEWEST:
        recent, before = values[-count:], values[-4 * count - 2 * _FEWEST : -count]
        means = sum(recent) / len(recent), sum(before) / len(before)
        squares = sum((value - means[0]) ** 2 for value in recent)
        squares += sum((value - means[1]) ** 2 for value in before)
        variance = squares / (len(recent) + len(before) - 2) + 1e-4  # of equal ones, too
        error = math.sqrt(variance * (1 / len(recent) + 1 / len(before)))
        if abs(means[0] - means[1]) > _CHANGE * error:
            return ended[-count]
        count *= 2
    return 0


def _seen(known: Sequence[Observation]) -> int:
    """Returns how many of the first ones tell all of their time: nearly none still runs."""
    running = list(accumulate(one.completed is None for one in known))
    return max((end for end, some in enumerate(running, 1) if some * _SEEN <= end), default=0)
