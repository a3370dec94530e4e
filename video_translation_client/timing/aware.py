"""A strategy that learns how long jobs take, and polls when one is likely to end."""

from __future__ import annotations

import math
from typing import NamedTuple

from .._base import arguments
from ..events import Ended
from ..strategy import ExponentialBackoff, Moment
from ._distribution import Distribution, fit
from ._observations import Observation
from ._progress import foretold
from ._relevant import MOST, samples
from ._schedule import Schedule
from .estimates import Estimate, plain_estimate
from .history import DurationHistory

# By what part more must be known until it is worth estimating anew.
_GROWTH = 0.1

# Polls cost nearly the same with costs that differ by less than this part, so they share schedules.
_COST_STEP = 0.1

# Groups, and costs, that are remembered at once; then all is estimated anew when it is wanted.
_MOST_LEARNED = 500

# Jobs that are known to run.
_MOST_RUNNING = 200_000

# Among how many moments a poll is chosen where each job has a distribution of its own.
_MOMENTS_BY_PROGRESS = 120

_DEFAULT = ExponentialBackoff()


class _Key(NamedTuple):
    """What jobs have in common that are estimated together."""

    service: str
    group: str | None
    scaled: bool
    completed: bool


class _Learned:
    """An estimate, from so many observations, and the schedules that follow from it."""

    __slots__ = ("distribution", "schedules", "version")

    def __init__(self, distribution: Distribution | None, version: int) -> None:
        self.distribution = distribution
        self.version = version
        self.schedules: dict[int, Schedule] = {}


class DurationAware:
    """Polls when a job is likely to have ended, by what was seen of those before.

    It learns from the end of every wait of its clients. While nothing is known, the client's own
    pace holds: that of the service, or the backoff by its four arguments. Then the polls follow the
    optimal inspection schedule (Barlow, Hunter and Proschan, 1963) for the durations seen. A job
    that takes longer than all before is asked at growing intervals. Where reports carry
    progress, the end is extrapolated from it, as far as it can be believed; where ``submit`` was
    told ``expected``, durations are compared with that; and jobs of one ``group`` with each other,
    once eight of them have ended. Old ends fade, and those before a sudden change count no more.

    It may be shared by clients and threads.

    Args:
        poll_cost: How many seconds of lateness one poll is worth, above 0: with 3, a poll more is
            made where it lets the end be seen 3 seconds earlier. More means fewer polls.
        history: Where to remember durations, or None: in memory.

    Attributes:
        poll_cost: As given.
        history: What is known.

    Raises:
        TypeError, ValueError: A bad argument, named in the message.
    """

    def __init__(self, poll_cost: float = 3.0, history: DurationHistory | None = None) -> None:
        self.poll_cost = arguments.number("poll_cost", poll_cost, above=0)
        if history is None:
            history = DurationHistory()
        self.history = arguments.instance("history", history, DurationHistory)
        # Single steps of a dict need no lock; two threads that estimate the same do no harm.
        self._known: dict[_Key, _Learned] = {}
        self._running: dict[tuple[str, str], Observation] = {}

    def __call__(self, moment: Moment) -> float:
        """Returns the seconds to wait, above 0."""
        age, scale = _age(moment), moment.expected or 1.0
        if moment.job_id is not None:
            self._note_running(moment, moment.job_id, age)
        learned = self._learned(moment, completed=False)
        others = learned.distribution
        told = foretold(moment.progress, age - moment.elapsed, age, others, scale)
        if told is not None:
            schedule = Schedule(told, self.poll_cost, _MOMENTS_BY_PROGRESS)
            # Of two polls that are closer, leaving one out would always cost less.
            return max(self.poll_cost, schedule.next(age) - age)
        if others is None:
            return _DEFAULT(moment) if moment.fallback is None else moment.fallback
        schedule = self._schedule(learned, others, self.poll_cost / scale)
        return (schedule.next(age / scale) - age / scale) * scale

    def ended(self, end: Ended) -> None:
        """Learns from the end of a wait; a client calls it."""
        if end.job_id is not None:
            self._running.pop((end.service, end.job_id), None)
        self.history.observe(end)

    def estimate(self, moment: Moment) -> Estimate | None:
        """Returns when a job that still runs is likely to complete; None: nothing is known of that.

        Failed jobs don't count: they end otherwise.
        """
        age, scale = _age(moment), moment.expected or 1.0
        others = self._learned(moment, completed=True).distribution
        told = foretold(moment.progress, age - moment.elapsed, age, others, scale)
        if told is not None:
            return _remaining(told, age, 1.0)
        if others is None:
            return plain_estimate(moment)
        return _remaining(others, age, scale)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(poll_cost={self.poll_cost:g}, history={self.history!r})"

    def _learned(self, moment: Moment, *, completed: bool) -> _Learned:
        """Returns what is known of jobs such as this one; estimates it if much is new."""
        scaled = moment.expected is not None
        key = _Key(moment.service, moment.group, scaled, completed)
        version, learned = self.history.version(moment.service), self._known.get(key)
        if learned is not None:
            if version - learned.version < max(1.0, _GROWTH * min(learned.version, MOST)):
                return learned
            learned.version = version  # so that other threads do with what there is
        running = [one for (name, _), one in list(self._running.items()) if name == moment.service]
        found = samples(
            [*self.history.observations(moment.service), *running],
            moment.group,
            scaled=scaled,
            completed=completed,
        )
        if len(self._known) >= _MOST_LEARNED:
            self._known.clear()
        learned = self._known[key] = _Learned(fit(found) if found else None, version)
        return learned

    def _note_running(self, moment: Moment, job_id: str, age: float) -> None:
        if len(self._running) >= _MOST_RUNNING:
            self._running.clear()  # most are of waits that have ended unheard
        began = moment.submitted_at + moment.elapsed - age
        self._running[moment.service, job_id] = Observation(
            age, math.inf, None, moment.expected, moment.group, began
        )

    def _schedule(
        self, learned: _Learned, distribution: Distribution, poll_cost: float
    ) -> Schedule:
        rank = round(math.log(poll_cost) / _COST_STEP)
        schedule = learned.schedules.get(rank)
        if schedule is None:
            if len(learned.schedules) >= _MOST_LEARNED:
                learned.schedules.clear()
            schedule = learned.schedules[rank] = Schedule(distribution, poll_cost)
        return schedule


def _age(moment: Moment) -> float:
    return moment.elapsed if moment.age is None else moment.age


def _remaining(distribution: Distribution, age: float, scale: float) -> Estimate | None:
    """Returns what is left of a job that still runs; None: it outlasts nearly all that is known."""
    passed = distribution.share(age / scale)
    if passed > 0.99:
        return None
    low, median, high = (
        max(0.0, distribution.quantile(passed + part * (1 - passed)) * scale - age)
        for part in (0.1, 0.5, 0.9)
    )
    return Estimate(low, median, high)
