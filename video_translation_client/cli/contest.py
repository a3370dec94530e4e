"""The strategies that ``plan`` sets side by side, and what each costs for the same jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Sequence

from .. import services
from ..strategy import ExponentialBackoff, FixedInterval
from .optimum import optimum

if TYPE_CHECKING:
    from ..strategy import Strategy
    from ..timing import Simulation

LEARNED, OPTIMUM = "learned", "optimum"

_NO_CAP = 1e12  # seconds; longer than any job
_FIXED = (10.0, 30.0)

# Polls of one job by which no fixed interval is worth the time that trying it takes.
_MOST_POLLS = 5000

# Jobs, and polls of all of them every 10 seconds, that take a second or two.
_MOST_JOBS, _LEAST_JOBS = 400, 20
_POLLS_IN_ALL = 40_000


class Entry(NamedTuple):
    """A strategy, and what it costs.

    Attributes:
        name: For people.
        simulation: What came of it.
        cost: Seconds a job: lateness, and the price of polls.
        schedule: When it polls a job that takes longest, in seconds since the submit.
    """

    name: str
    simulation: Simulation
    cost: float
    schedule: Sequence[float]


class Contest(NamedTuple):
    """What the strategies have to deal with.

    Attributes:
        known: The durations of all jobs, which the optimum knows and the learned one has seen.
        jobs: Those of the jobs that are simulated.
        poll_cost: How many seconds of lateness one request is worth.
        limits: What ``simulate`` takes beside: ``max_attempts``, ``max_wait_time``,
            ``min_interval``.
        seed: Of the chance.
    """

    known: Sequence[float]
    jobs: Sequence[float]
    poll_cost: float
    limits: dict[str, Any]
    seed: int

    @property
    def min_interval(self) -> float:
        """The least seconds between two polls of one job."""
        return float(self.limits.get("min_interval", 0.0))

    def run(self, name: str, backoff: ExponentialBackoff) -> list[Entry]:
        """Returns the strategies with what they cost.

        Args:
            name: Of the backoff, for people.
            backoff: The one in question.

        Raises:
            TypeError, ValueError: An argument is bad, or a strategy polls all the time.
        """
        strategies: list[tuple[str, Strategy]] = [(name, backoff), *self._others()]
        return [self._enter(*one) for one in strategies]

    def _others(self) -> list[tuple[str, Strategy]]:
        from ..timing import DurationAware, DurationHistory  # noqa: PLC0415 - only here

        history = DurationHistory()
        for seconds in self.known:
            history.record(seconds)
        heygen = services.find("heygen").strategy
        fixed = [
            (f"every {interval:g} s", FixedInterval(interval))
            for interval in _FIXED
            if max(self.jobs) / interval <= _MOST_POLLS
        ]
        return [
            ("doubling, no cap", ExponentialBackoff(max_interval=_NO_CAP)),
            *fixed,
            *([] if heygen is None else [("HeyGen's stages", heygen)]),
            (LEARNED, DurationAware(self.poll_cost, history)),
            (OPTIMUM, optimum(self.known, self.poll_cost, self.min_interval)),
        ]

    def _enter(self, name: str, strategy: Strategy) -> Entry:
        from ..timing import simulate  # noqa: PLC0415 - only here

        simulation = simulate(strategy, self.jobs, **self.limits, learn=False, seed=self.seed)
        longest = simulation.polls[self.jobs.index(max(self.jobs))]
        return Entry(name, simulation, simulation.cost(self.poll_cost), longest)


def chosen_of(known: Sequence[float], count: int | None) -> list[float]:
    """Returns some of the durations that are spread like all, in their order.

    Args:
        known: One at least.
        count: How many, or all, each several times, if there are fewer; None: as many as take a
            second or two.
    """
    if count is None:
        by_time = int(_POLLS_IN_ALL / (1 + sum(known) / len(known) / _FIXED[0]))
        count = max(_LEAST_JOBS, min(_MOST_JOBS, by_time))
    if count >= len(known):
        return [*known] * (count // len(known))
    by_length = sorted(range(len(known)), key=known.__getitem__)
    ranks = [int((rank + 0.5) / count * len(known)) for rank in range(count)]
    return [known[index] for index in sorted(by_length[rank] for rank in ranks)]
