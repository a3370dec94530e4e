"""The one place that decides the pace of all requests towards the service.

Pure bookkeeping over moments that are passed in: it never sleeps and reads no clock.
The scheduler asks it under its own lock.
"""

from __future__ import annotations

import math
from typing import Sequence

from .._http.poller import Outcome
from ..status import StatusReport
from .waits import Wait

# What a rate is multiplied by when the service says that it is too much, and does not say when
# to come back; what it then gains a second, as a part of the steady rate (additive increase,
# multiplicative decrease: Chiu and Jain, 1989).
_DECREASE = 0.5
_INCREASE = 0.2

# How much faster than the steady rate a queue is worked off that an outage has left.
_RETURN = 1.5

# Requests a second that are always left: the jobs' own backoff goes further down.
_LEAST = 1.0

# What an overloaded service answers, and one that has trouble with a single job.
_UNAVAILABLE = 503

LONGEST_PAUSE = 24 * 60 * 60.0
"""Seconds of a pause at most; a service that means longer is asked once a day."""


class Throttle:
    """One rate and one pause for all requests of a client.

    With ``max_rate``, requests start evenly spaced. Trouble lowers the rate for a while, in
    which the queue that it has left is worked off evenly, too.

    Args:
        max_rate: Requests a second, above 0, or None for no limit.

    Attributes:
        steady_rate: Requests a second that the jobs' own intervals add up to.
        paused_until: No request starts before this moment.
    """

    def __init__(self, max_rate: float | None) -> None:
        self.steady_rate = 0.0
        self.paused_until = 0.0
        self._max_rate = max_rate
        self._rate: float | None = None  # what trouble has left of it; None: no trouble
        self._lowered = -math.inf  # when it was lowered last
        self._raised = 0.0  # from when on it has not been raised yet
        self._latest = -math.inf  # when the latest request started
        self._good = 0  # polls that were answered well

    def next_start(self, now: float) -> float:
        """Returns the earliest moment at which a request may start: ``now`` or later."""
        return max(now, self.paused_until, self._latest + self._spacing())

    def started(self, now: float) -> None:
        """Counts a request that starts at ``now``."""
        self._latest = max(self._latest, now)  # what others have followed with is still owed

    def followed(self, requests: int) -> None:
        """Counts requests that had to follow one at once, such as those for redirects."""
        self._latest += requests * self._spacing()

    def learn(
        self, waits: Sequence[Wait], outcomes: Sequence[Outcome], began: float, now: float
    ) -> None:
        """Takes from how one poll was answered whether others are welcome.

        Args:
            waits: Those that it asked for; each remembers whether its job was refused.
            outcomes: What it told of each.
            began: When it started.
            now: When it was answered.
        """
        complaints = [
            outcome
            for wait, outcome in zip(waits, outcomes)
            if not self._is_of_one_job(wait, outcome) and outcome.throttled
        ]
        pauses = [one.retry_after for one in complaints if one.retry_after is not None]
        good = any(isinstance(outcome.result, StatusReport) for outcome in outcomes)
        self._good += good
        if pauses:
            self.pause(now, max(pauses))
        elif complaints:
            self.slow_down(now, began)
        elif good:
            self.speed_up(now)

    def pause(self, now: float, seconds: float) -> None:
        """Lets no request start for ``seconds``; afterwards, their return is spread."""
        self.paused_until = max(self.paused_until, now + min(seconds, LONGEST_PAUSE))
        self.spread(now)

    def slow_down(self, now: float, began: float) -> None:
        """Lowers the rate, because a request that began at ``began`` was too much.

        Those that were under way when the rate was lowered last do not lower it again.
        """
        if self._rate is None or began >= self._lowered:
            self._lowered = now
            self._set(now, _DECREASE * (self._rate or self.steady_rate))

    def speed_up(self, now: float) -> None:
        """Raises a lowered rate a little, because a request was answered well."""
        if self._rate is not None:
            gain = max(_LEAST, self.steady_rate) * _INCREASE * min(1.0, now - self._raised)
            self._set(now, min(self._rate + gain, _RETURN * self.steady_rate))

    def spread(self, now: float) -> None:
        """Has the queue worked off at the steady rate, as an outage may have filled it."""
        if self._rate is None:
            self._set(now, self.steady_rate)

    def relax(self, now: float) -> None:
        """Forgets the trouble, once its queue is empty and the rate has recovered.

        A rate that is as low as can be has not recovered before an answer has raised it.
        """
        if self._rate is None or now < self.paused_until or self._raised <= self._lowered:
            return
        if self._rate >= self.steady_rate:
            self._rate = None

    def _is_of_one_job(self, wait: Wait, outcome: Outcome) -> bool:
        """Notes a bare 503, and says whether it has nothing to do with other jobs.

        So it is when the job's latest answer was one, too, and another job has been answered well
        since. Other refusals speak of all requests.
        """
        bare = outcome.throttled and outcome.retry_after is None
        refused = bare and getattr(outcome.result, "status_code", None) == _UNAVAILABLE
        before, wait.refused = wait.refused, self._good if refused else None
        return refused and before is not None and before < self._good

    def _spacing(self) -> float:
        rates = [rate for rate in (self._max_rate, self._rate) if rate is not None]
        return 1 / min(rates) if rates else 0.0

    def _set(self, now: float, rate: float) -> None:
        self._rate = max(_LEAST, rate)
        self._raised = now
