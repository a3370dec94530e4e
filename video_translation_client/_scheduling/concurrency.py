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

# A poll that takes so many times as long as others may hang, and is not waited for; nor is one
# that takes so many seconds at most, and at least.
_SLOW = 4.0
_PATIENCE = 0.005
_LONGEST_PATIENCE = 0.1

# The weight of the latest poll in what polls take.
_WEIGHT = 1 / 16


class Concurrency:
    """Says whether one more poll at once would be of use.

    By Little's law (1961), those under way are as many as are answered in the time that one takes;
    and no more are answered than one core has time for.
    """

    def __init__(self) -> None:
        # When each poll under way began, in this order; and the same of those that may hang.
        self._polls: OrderedDict[object, float] = OrderedDict()
        self._slow: dict[object, float] = {}
        self._latency = 0.0  # seconds that a poll takes
        self._work = 0.0  # seconds of these that it keeps a core busy
        self._ended = self._samples = 0  # of how many polls these are the means, at first

    def begin(self, poll: object, now: float) -> None:
        """Takes note of a poll that begins."""
        self._polls[poll] = now

    def end(self, poll: object, now: float, work: float | None) -> None:
        """Takes note of its end, and of how many seconds it has kept a core busy, if known."""
        began = self._polls.pop(poll, self._slow.pop(poll, None))
        if began is None:
            return  # it is something else, which keeps no poll waiting
        self._ended += 1
        self._latency += max(_WEIGHT, 1 / self._ended) * (now - began - self._latency)
        if work is None:
            return
        self._samples += 1
        if self._work:  # what a callback of the user has taken once says nothing of other polls
            work = min(work, _SLOW * self._work)
        self._work += max(_WEIGHT, 1 / self._samples) * (work - self._work)

    def pays(self, now: float) -> bool:
        """Says whether one more would be of use now."""
        while self._polls:
            poll = next(iter(self._polls))
            if self.next_look() > now:
                return (len(self._polls) + 1) * self._work * _HEADROOM <= self._latency
            self._slow[poll] = self._polls.pop(poll)
        return True  # nobody is at work, but for those who may never come back

    def next_look(self) -> float:
        """Returns when ``pays`` may say something else, though no poll ends; infinity: never."""
        patience = min(max(_PATIENCE, _SLOW * self._latency), _LONGEST_PATIENCE)
        for began in self._polls.values():
            return began + patience
        return math.inf
