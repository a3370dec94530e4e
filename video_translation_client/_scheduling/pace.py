"""The one place that decides the pace of all requests towards the service.

Pure bookkeeping over moments that are passed in, under the scheduler's lock: it never sleeps and
reads no clock.
"""

from __future__ import annotations

import math
from typing import Sequence

from .._http.poller import Outcome
from ..errors import PollError
from ..events import Paced
from ..status import StatusReport
from .decision import LONGEST_PAUSE
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

# Seconds between two polls of a job, at least, in the rate that is reckoned with.
_SHORTEST_INTERVAL = 0.001

# What an overloaded service answers, and one that has trouble with a single job.
_UNAVAILABLE = 503


class Pace:
    """One rate and one pause for all requests of a client.

    With ``max_rate``, requests start evenly spaced. Trouble lowers the rate for a while, in
    which the queue that it has left is worked off evenly, too.

    Args:
        service: Its name, for events.
        max_rate: Requests a second, above 0, or None for no limit.
        first_interval: Seconds between two polls of a job that has not been answered yet.
        share: Requests that such a poll takes: a part of one where many jobs go together.

    Attributes (to be read only):
        steady_rate: Requests a second that the jobs' own intervals add up to.
        rate: What trouble has left of it; None: there is no trouble.
        paused_until: No request starts before this moment.
        changes: What is to be told of, by whoever takes it out.
    """

    def __init__(
        self, service: str, max_rate: float | None, first_interval: float, share: float = 1.0
    ) -> None:
        self.steady_rate = 0.0
        self.rate: float | None = None
        self.paused_until = 0.0
        self.changes: list[Paced] = []
        self._service = service
        self._max_rate = max_rate
        self._first_interval = first_interval
        self._share = share
        self._waits = 0
        self._lowered = -math.inf  # when it was lowered last
        self._raised = 0.0  # from when on it has not been raised yet
        self._latest = -math.inf  # when the latest request started
        self._good = 0  # polls that were answered well

    def join(self, wait: Wait) -> None:
        """Reckons with a new wait."""
        self._waits += 1
        self.reckon(wait, self._first_interval, self._share)

    def leave(self, wait: Wait) -> None:
        """Reckons with a wait no longer."""
        self._waits -= 1
        self.steady_rate = max(0.0, self.steady_rate - wait.rate * wait.share)
        if not self._waits:
            self.steady_rate = 0.0  # what rounding has left

    def reckon(self, wait: Wait, interval: float | None, share: float | None) -> None:
        """Reckons with what a wait takes from now on.

        Args:
            wait: It has joined, and has not left.
            interval: Seconds between its polls; None: as before.
            share: Requests that a poll of its job takes; None: as before.
        """
        before = wait.rate * wait.share
        if interval is not None:
            wait.rate = 1 / max(interval, _SHORTEST_INTERVAL)
        if share is not None:
            wait.share = share
        self.steady_rate += wait.rate * wait.share - before

    def next_start(self, now: float) -> float:
        """Returns the earliest moment at which a request may start: ``now`` or later."""
        if self._max_rate is None and self.rate is None:
            return max(now, self.paused_until)
        return max(now, self.paused_until, self._latest + self._spacing())

    def start(self, now: float) -> None:
        """Counts a request that starts at ``now``."""
        self._latest = max(self._latest, now)  # what others have followed with is still owed

    def learn(
        self,
        waits: Sequence[Wait],
        outcomes: Sequence[Outcome],
        requests: int,
        began: float,
        now: float,
    ) -> None:
        """Takes from how one poll was answered whether others are welcome.

        Args:
            waits: Those that it asked for; each remembers whether its job was refused.
            outcomes: What it told of each.
            requests: How many it took; redirects, for instance, follow one at once.
            began: When it started.
            now: When it was answered.
        """
        if requests > 1:
            self._latest += (requests - 1) * self._spacing()
        good, complaints, pauses = False, 0, []
        share = max(1, requests) / max(1, len(waits))
        for wait, outcome in zip(waits, outcomes):
            if wait.is_known and wait.share != share:
                self.reckon(wait, None, share)
            good = good or isinstance(outcome.result, StatusReport)
            if not outcome.throttled:
                wait.refused = None
            elif outcome.retry_after is not None:
                wait.refused = None
                pauses.append(outcome.retry_after)
            else:
                complaints += not self._is_of_one_job(wait, outcome)
        self._good += good
        if pauses:
            self.pause(now, max(pauses))
        elif complaints:
            self.slow_down(now, began)
        elif good:
            self.speed_up(now)

    def spread(self, now: float, why: str) -> None:
        """Has the queue worked off at the steady rate, as an outage may have filled it."""
        if self.rate is None:
            self._set(now, self.steady_rate)
            self._tell(why)

    def relax(self, now: float) -> None:
        """Forgets the trouble, once its queue is empty and the rate has recovered.

        A rate that is as low as can be has not recovered before an answer has raised it.
        """
        if now < self.paused_until or self._raised <= self._lowered:
            return
        if self.rate is not None and self.rate >= self.steady_rate:
            self.rate = None
            self._tell("the requests are back at their own pace")

    def pause(self, now: float, seconds: float) -> None:
        """Lets no request start for ``seconds``; afterwards, their return is spread."""
        seconds = min(seconds, LONGEST_PAUSE)
        if now + seconds > self.paused_until:
            self.paused_until = now + seconds
            self._tell(f"the service wants no request for {seconds:g} s (Retry-After)", seconds)
        self.hold(now, seconds)

    def hold(self, now: float, seconds: float) -> None:
        """Does as ``pause``, and tells nobody: somebody else has heard it from the service."""
        self.paused_until = max(self.paused_until, now + seconds)
        if self.rate is None:
            self._set(now, self.steady_rate)

    def limit(self, max_rate: float | None) -> None:
        """Holds to another ``max_rate`` from now on."""
        self._max_rate = max_rate

    def slow_down(self, now: float, began: float) -> None:
        """Lowers the rate, because a request that began at ``began`` was too much.

        Those that were under way when the rate was lowered last do not lower it again.
        """
        if self.rate is None or began >= self._lowered:
            self._lowered = now
            self._set(now, _DECREASE * (self.rate or self.steady_rate))
            self._tell("the service wants fewer requests, and does not say when")

    def speed_up(self, now: float) -> None:
        """Raises a lowered rate a little, because a request was answered well."""
        if self.rate is not None:
            gain = max(_LEAST, self.steady_rate) * _INCREASE * min(1.0, now - self._raised)
            self._set(now, min(self.rate + gain, _RETURN * self.steady_rate))

    def _is_of_one_job(self, wait: Wait, outcome: Outcome) -> bool:
        """Notes a bare 503, and says whether it has nothing to do with other jobs.

        So it is when the job's latest answer was one, too, and another job has been answered well
        since. Other refusals speak of all requests.
        """
        error = outcome.result
        refused = isinstance(error, PollError) and error.status_code == _UNAVAILABLE
        before, wait.refused = wait.refused, self._good if refused else None
        return refused and before is not None and before < self._good

    def _spacing(self) -> float:
        rates = [rate for rate in (self._max_rate, self.rate) if rate is not None]
        return 1 / min(rates) if rates else 0.0

    def _set(self, now: float, rate: float) -> None:
        self.rate = max(_LEAST, rate)
        self._raised = now

    def _tell(self, why: str, pause: float | None = None) -> None:
        self.changes.append(Paced(self._service, pause, self.rate or self._max_rate, why))
