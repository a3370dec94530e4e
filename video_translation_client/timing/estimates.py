"""When a job is likely to end, by what its service says of its progress, or by what a user expects.

Pure, and without history: what a client knows that has learned nothing.
"""

from __future__ import annotations

from typing import NamedTuple

from ..strategy import Moment

# Below this part, what is left is many times what was seen.
_LEAST_PROGRESS = 0.01

# Seconds in which no job is done: one whose only progress says so had begun before its submit.
_TOO_SOON = 10.0

# From how many parts to how many of what is left, by progress, eight of ten jobs take; and of all
# that was expected, by an expectation. Both are guesses: a rough one is better than a sharp one
# that is wrong.
_BY_PROGRESS = (0.7, 1.5)
_BY_EXPECTATION = (0.7, 1.5)


class Estimate(NamedTuple):
    """Seconds from now until the likely end of a job, each 0 or more.

    Attributes:
        low: One job in ten ends before that.
        median: Half of them do.
        high: Nine in ten do.
    """

    low: float
    median: float
    high: float


def plain_estimate(moment: Moment) -> Estimate | None:
    """Returns when a job is likely to end by its progress, or else by ``expected``; None: unknown.

    Args:
        moment: What is known now.
    """
    return _by_progress(moment) or _by_expectation(moment)


def _by_progress(moment: Moment) -> Estimate | None:
    """Extrapolates the latest progress, while it moves."""
    if not moment.progress:
        return None
    elapsed, done = moment.progress[-1]
    began, at_first = _beginning(moment)
    if not max(_LEAST_PROGRESS, at_first) < done < 1:
        return None
    pace = (1 - done) / (done - at_first)
    rose = next(when for when, part in moment.progress if part >= done)
    # It jumped back, or stands still for longer than all that was left had to take.
    if done < max(part for _, part in moment.progress) or elapsed - rose > (rose - began) * pace:
        return None
    left, since = (elapsed - began) * pace, moment.elapsed - elapsed
    low, high = (max(0.0, part * left - since) for part in _BY_PROGRESS)
    return Estimate(low, max(0.0, left - since), high)


def _beginning(moment: Moment) -> tuple[float, float]:
    """Returns from when on progress is reckoned, in seconds since the submit, and what it was then.

    From the job's start, where ``age`` tells it; or else from the first reading that is known, as
    the job may have begun long before its submit, or from the submit where there is but one.
    """
    if moment.age is not None:
        return moment.elapsed - moment.age, 0.0
    (when, part), (_, done) = moment.progress[0], moment.progress[-1]
    if part < done or when < _TOO_SOON * part:
        return when, part
    return 0.0, 0.0


def _by_expectation(moment: Moment) -> Estimate | None:
    """Subtracts what has passed from what was expected, unless that is far exceeded."""
    if moment.expected is None:
        return None
    age = moment.elapsed if moment.age is None else moment.age
    low, high = (part * moment.expected - age for part in _BY_EXPECTATION)
    if high < 0:
        return None
    return Estimate(max(0.0, low), max(0.0, moment.expected - age), high)
