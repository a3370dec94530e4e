"""How many polls at once pay: as many as keep one core busy while their answers are awaited.

Python runs one thread at a time. Of a service that answers at once, one worker takes as many
answers as sixteen, which would only wake each other; for a slow one, which keeps each of them
waiting, all are needed. Pure bookkeeping under the scheduler's lock; it reads no clock.
"""

from __future__ import annotations

import math
from collections import OrderedDict

# How many more than keep the core busy: too many lengthen each other's polls, and by less than
# this, so that what is measured then brings their number down.
_HEADROOM = 1.25

# A poll that takes so many times as long as others, and so many seconds, may hang: it is not
# waited for.
_SLOW = 4.0
_PATIENCE = 0.005

# The weight of the latest poll in what polls take.
_WEIGHT = 1 / 16


class Concurrency:
    """Says whether one more poll at once would be of use.

    By Little's law (1961), those under way are as many as are answered in the time that one takes;
    and no more are answered than one core has time for.
    """

    def __init__(self) -> None:
        # Of the polls under way, in the order of their beginnings: when each began, and from when
        # on it is slow.
        self._polls: OrderedDict[object, tuple[float, float]] = OrderedDict()
        self._slow: dict[object, tuple[float, float]] = {}  # those that are
        self._latency = 0.0  # seconds that a poll takes
        self._work = 0.0  # seconds of these that it keeps a core busy

    def begin(self, poll: object, now: float) -> None:
        """Takes note of a poll that begins."""
        self._polls[poll] = now, now + max(_PATIENCE, _SLOW * self._latency)

    def end(self, poll: object, now: float, work: float | None) -> None:
        """Takes note of its end, and of how many seconds it has kept a core busy, if known."""
        times = self._polls.pop(poll, None) or self._slow.pop(poll, None)
        if times is None:
            return  # it is something else, which keeps no poll waiting
        self._latency = _mean(self._latency, now - times[0])
        if work is not None:
            self._work = _mean(self._work, work)

    def pays(self, now: float) -> bool:
        """Says whether one more would be of use now."""
        while self._polls:
            poll = next(iter(self._polls))
            if self._polls[poll][1] > now:
                return (len(self._polls) + 1) * self._work * _HEADROOM <= self._latency
            self._slow[poll] = self._polls.pop(poll)
        return True  # nobody is at work, but for those who may never come back

    def next_look(self) -> float:
        """Returns when ``pays`` may say something else, though no poll ends; infinity: never."""
        for _, slow_at in self._polls.values():
            return slow_at
        return math.inf


def _mean(before: float, latest: float) -> float:
    return before + _WEIGHT * (latest - before) if before else latest
