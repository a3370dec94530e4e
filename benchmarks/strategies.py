"""Measures what the learned strategy costs beside others, and beside the best that is possible.

    python benchmarks/strategies.py [--jobs 20000] [--courses 5] [--seed 1] [--only PARTS]

A course is a strategy that learns from nothing on, from jobs that it waits for one after another:
from what polling lets it see, never from the truth. It is then tried with other jobs, which it
does not learn from. All on the virtual clock, with the code that waits for real jobs.

The optimum knows how durations are distributed: it is the exact best schedule for 200,000
quantiles of that, tried with the same jobs as the others. Where the moments of a schedule depend
on nothing but the time, the strategy is asked for them once, and jobs are counted between them:
that gives the numbers of ``timing.simulate``, which is checked.
"""

from __future__ import annotations

import argparse
import itertools
import math
import random
import statistics
import time
import tracemalloc
from bisect import bisect_left
from typing import Callable, Iterator, NamedTuple, Sequence

from video_translation_client import ExponentialBackoff, FixedInterval
from video_translation_client.cli.optimum import optimum
from video_translation_client.events import Ended
from video_translation_client.strategy import Moment, Strategy
from video_translation_client.timing import DurationAware, Simulation, simulate

MEDIAN = 300.0  # seconds
POLL_COSTS = (1.0, 3.0, 10.0, 30.0)
COUNTS = (1, 3, 5, 20, 200)  # jobs after which a course is tried
FEW = 20  # up to here, jobs cost little, so there are more courses
QUANTILES = 200_000


class Distribution(NamedTuple):
    """How durations are spread.

    Attributes:
        name: For people.
        quantile: Of one part of it; each is as likely as the others.
        limits: By how many percent more than the optimum is allowed after 20 jobs, and after 200.
    """

    name: str
    parts: tuple[Callable[[float], float], ...]
    limits: dict[int, float]

    def draw(self, count: int, chance: random.Random) -> list[float]:
        """Returns durations by chance."""
        return [chance.choice(self.parts)(chance.random() or 0.5) for _ in range(count)]

    def quantiles(self) -> list[float]:
        """Returns durations that are spread as evenly as can be."""
        each = QUANTILES // len(self.parts)
        ranks = [(rank + 0.5) / each for rank in range(each)]
        return sorted(part(rank) for part in self.parts for rank in ranks)


def log_normal(median: float, sigma: float) -> Callable[[float], float]:
    """Returns the quantile function."""
    inverse = statistics.NormalDist().inv_cdf
    return lambda share: median * math.exp(sigma * inverse(share))


HALF = Distribution("log-normal, sigma 0.5", (log_normal(MEDIAN, 0.5),), {20: 20.0, 200: 6.0})
DISTRIBUTIONS = (
    HALF._replace(name="log-normal, sigma 0.2", parts=(log_normal(MEDIAN, 0.2),)),
    HALF,
    HALF._replace(name="log-normal, sigma 1.0", parts=(log_normal(MEDIAN, 1.0),)),
    HALF._replace(name="uniform, 120 to 900 s", parts=(lambda share: 120 + 780 * share,)),
    Distribution(
        "two peaks, 120 and 900 s",
        (log_normal(120.0, 0.2), log_normal(900.0, 0.2)),
        {20: 25.0, 200: 10.0},
    ),
)


def google(moment: Moment) -> float:
    """Waits as google-api-core polls by default: half as long again each time, up to 20 s."""
    return moment.chance * min(20.0, 1.5 ** min(moment.attempt - 1, 50))


def smithy(moment: Moment) -> float:
    """Waits by the formula of Smithy's waiters, with its default delays of 2 and 120 s."""
    most = min(120.0, 2.0 ** min(moment.attempt, 50))
    return 2.0 + moment.chance * (most - 2.0)


class Cost(NamedTuple):
    """What polling has cost for a job in the mean, the poll at the submit included."""

    polls: float
    late: float

    def at(self, poll_cost: float) -> float:
        """Returns seconds a job."""
        return poll_cost * self.polls + self.late


class Jobs:
    """Jobs to try strategies with.

    Attributes:
        durations: In seconds.
    """

    def __init__(self, durations: Sequence[float]) -> None:
        self.durations = durations
        self._ordered = sorted(durations)

    def count(self, moments: Sequence[float]) -> Cost:
        """Returns what polls at these moments cost; the last is later than all jobs."""
        polls, late, before = len(self._ordered), -math.fsum(self._ordered), 0
        for moment in moments:
            polls += len(self._ordered) - before
            ended = bisect_left(self._ordered, moment + 1e-6)
            late += moment * (ended - before)
            before = ended
        return Cost(polls / len(self._ordered), late / len(self._ordered))

    def ask(self, strategy: Strategy) -> Cost:
        """Returns what a strategy costs that is told nothing but the time."""
        return self.count(moments_of(strategy, self._ordered[-1], lambda: 0.5))

    def wait(self, strategy: Strategy, chance: random.Random) -> Cost:
        """Returns what a strategy costs that spreads its polls by chance."""
        ways = [moments_of(strategy, one, chance.random) for one in self.durations]
        polls = 1 + statistics.fmean(len(way) for way in ways)
        return Cost(polls, statistics.fmean(way[-1] - x for way, x in zip(ways, self.durations)))


def moments_of(strategy: Strategy, duration: float, chance: Callable[[], float]) -> list[float]:
    """Returns when a job is polled until it has ended, in seconds since its submit."""
    moments, elapsed = [], 0.0
    while elapsed < duration:
        elapsed += strategy(Moment(len(moments) + 1, elapsed, chance=chance()))
        moments.append(elapsed)
    return moments


def best_moments(distribution: Distribution, poll_cost: float) -> list[float]:
    """Returns the optimal schedule, and polls beyond all that it knows."""
    moments = list(optimum(distribution.quantiles(), poll_cost).moments)
    return moments + [moments[-1] * 1.2**power for power in range(1, 20)]


def of(simulation: Simulation) -> Cost:
    """Returns what a simulation has cost."""
    return Cost(simulation.polls_per_job, simulation.mean_lateness)


class Report:
    """Prints tables in Markdown, and counts what is not met."""

    def __init__(self) -> None:
        self.met = self.missed = 0

    def head(self, title: str, columns: str) -> None:
        """Begins a table."""
        names = columns.split(", ")
        print(f"\n### {title}\n\n| {' | '.join(names)} |\n|{'---|' * len(names)}")

    def row(self, *cells: object) -> None:
        """Prints a row; True and False in it are what is met and what is not."""
        verdicts = [cell for cell in cells if isinstance(cell, bool)]
        self.met += sum(verdicts)
        self.missed += len(verdicts) - sum(verdicts)
        words = {True: "met", False: "**not met**"}
        shown = [words[cell] if isinstance(cell, bool) else str(cell) for cell in cells]
        print("|", " | ".join(shown), "|", flush=True)


class Course(NamedTuple):
    """One strategy's way from nothing on, and jobs to try it with."""

    distribution: Distribution
    poll_cost: float
    number: int
    seed: int

    def learn(self, counts: Sequence[int]) -> Iterator[tuple[int, DurationAware]]:
        """Yields the strategy, the same one, each time that it has waited for so many jobs."""
        strategy = DurationAware(self.poll_cost)
        name = f"{self.seed} {self.distribution.name} {self.number}"
        durations = self.distribution.draw(counts[-1], random.Random(name))
        for before, count in zip((0, *counts), counts):
            simulate(strategy, durations[before:count], seed=before)
            yield count, strategy

    def learned(self, count: int = 200) -> DurationAware:
        """Returns the strategy when it has waited for so many jobs."""
        return next(self.learn((count,)))[1]


def side_by_side(report: Report, jobs: Jobs, _: int, seed: int) -> None:
    """Compares strategies at one cost of a poll, through the code that waits for real jobs."""
    report.head(
        f"Side by side: {HALF.name}, poll_cost 3",
        "strategy, polls a job, mean lateness (s), 95 % (s), cost (s)",
    )
    learned = Course(HALF, 3.0, 0, seed).learned()
    rivals = {
        "default backoff": ExponentialBackoff(),
        "doubling without cap": ExponentialBackoff(max_interval=1e12),
        "fixed 10 s": FixedInterval(10.0),
        "fixed 30 s": FixedInterval(30.0),
        "google-api-core, polling": google,
        "Smithy's waiters": smithy,
        "**learned from 200 jobs**": learned,
    }
    for name, strategy in rivals.items():
        found = simulate(strategy, jobs.durations, learn=False, seed=seed)
        numbers = found.polls_per_job, found.mean_lateness, found.p95_lateness, found.cost(3.0)
        report.row(name, *(f"{number:.1f}" for number in numbers))
        if strategy is learned:
            counted = jobs.ask(learned)
            assert all(math.isclose(*pair, abs_tol=1e-6) for pair in zip(counted, of(found)))
    for name, moments in (
        ("optimum, the distribution known", best_moments(HALF, 3.0)),
        ("bound, these very jobs known", optimum(jobs.durations, 3.0).moments),
    ):
        best = jobs.count(moments)
        report.row(name, f"{best.polls:.1f}", f"{best.late:.1f}", "", f"{best.at(3.0):.1f}")


def over_the_optimum(report: Report, half: Jobs, courses: int, seed: int) -> None:
    """Compares what is learned with the optimum, and at first with the default backoff."""
    at_first = []
    report.head(
        "More than the optimum costs, the distribution known, in the mean of the courses",
        "durations, poll_cost, optimum (s), after 20 jobs, worst course, at most, ,"
        " after 200, worst course, at most, ",
    )
    for distribution in DISTRIBUTIONS:
        chance = random.Random(f"{seed} {distribution.name}")
        jobs = Jobs(distribution.draw(len(half.durations), chance))
        backoff = jobs.wait(ExponentialBackoff(), chance)
        for price in POLL_COSTS:
            best = jobs.count(best_moments(distribution, price)).at(price)
            costs = costs_of_courses(distribution, price, jobs, courses, seed)
            cells: list[object] = []
            for count, limit in distribution.limits.items():
                mean, worst = more_than(best, costs[count])
                cells += f"{mean:+.1f} %", f"{worst:+.1f} %", f"{limit:.0f} %", mean <= limit
            report.row(distribution.name, f"{price:g}", f"{best:.1f}", *cells)
            usual = backoff.at(price)
            pairs = [more_than(usual, costs[count]) for count in COUNTS[:3]]
            at_first.append((distribution.name, f"{price:g}", f"{usual:.1f}", pairs))
    report.head(
        "More than the default backoff costs, with few jobs seen: at most 10 % in the mean",
        "durations, poll_cost, backoff (s), after 1 job, worst course, after 3, worst course,"
        " after 5, worst course, ",
    )
    for *names, pairs in at_first:
        shown = [f"{number:+.1f} %" for pair in pairs for number in pair]
        report.row(*names, *shown, all(mean <= 10 for mean, _ in pairs))


def costs_of_courses(
    distribution: Distribution, poll_cost: float, jobs: Jobs, courses: int, seed: int
) -> dict[int, list[float]]:
    """Returns by the number of jobs learned from what jobs cost then, of each course."""
    costs: dict[int, list[float]] = {count: [] for count in COUNTS}
    for number in range(4 * courses):
        counts = [count for count in COUNTS if count <= FEW or number < courses]
        for count, strategy in Course(distribution, poll_cost, number, seed).learn(counts):
            costs[count].append(jobs.ask(strategy).at(poll_cost))
    return costs


def more_than(base: float, costs: Sequence[float]) -> tuple[float, float]:
    """Returns how many percent more the costs are, in the mean and at worst."""
    return 100 * (statistics.fmean(costs) / base - 1), 100 * (max(costs) / base - 1)


def nothing_seen(report: Report, jobs: Jobs, _: int, seed: int) -> None:
    """Compares the strategy that has seen nothing with the default backoff."""
    same = jobs.durations[:1000]
    fresh = simulate(DurationAware(), same, learn=False, seed=seed)
    report.head("With no job seen", "what, polls a job, mean lateness (s), ")
    backoff = simulate(ExponentialBackoff(), same, seed=seed)
    report.row(
        "learned, nothing yet; the default backoff has the same polls",
        f"{fresh.polls_per_job:.1f}",
        f"{fresh.mean_lateness:.1f}",
        fresh.polls == backoff.polls,
    )


def as_many_requests(report: Report, jobs: Jobs, courses: int, seed: int) -> None:
    """Finds the poll_cost with which as many requests are sent as by doubling without cap."""
    doubling = jobs.wait(ExponentialBackoff(max_interval=1e12), random.Random(seed))
    low, high = 1.0, 30.0
    found = doubling
    for _ in range(10):
        price = math.sqrt(low * high)
        tried = [jobs.ask(Course(HALF, price, one, seed).learned()) for one in range(courses)]
        cost = Cost(*map(statistics.fmean, zip(*tried)))
        if cost.polls > doubling.polls:
            low = price
        else:
            high, found = price, cost
    report.head(
        f"As many requests as doubling without cap: {HALF.name}",
        "strategy, polls a job, mean lateness (s), at most (s), ",
    )
    report.row("doubling without cap", f"{doubling.polls:.2f}", f"{doubling.late:.1f}", "", "")
    limit = doubling.late / 8
    numbers = f"{found.polls:.2f}", f"{found.late:.1f}", f"{limit:.1f}"
    report.row(f"learned, poll_cost {high:.2g}", *numbers, found.late <= limit)


def tripled(report: Report, jobs: Jobs, courses: int, seed: int) -> None:
    """Lets a service become three times as slow, and looks 50 jobs later."""
    report.head(
        f"50 jobs after all durations tripled: {HALF.name}",
        "poll_cost, optimum (s), learned (s), more, worst course, at most, ",
    )
    slow = HALF._replace(name="tripled", parts=(log_normal(3 * MEDIAN, 0.5),))
    slow_jobs = Jobs([3 * one for one in jobs.durations])
    for price in POLL_COSTS:
        best = slow_jobs.count(best_moments(slow, price)).at(price)
        costs = []
        for number in range(courses):
            strategy = Course(HALF, price, number, seed).learned()
            simulate(strategy, slow.draw(50, random.Random(f"{seed} {number}")))
            costs.append(slow_jobs.ask(strategy).at(price))
        mean = statistics.fmean(costs)
        numbers = f"{best:.1f}", f"{mean:.1f}", f"{100 * (mean / best - 1):+.1f} %"
        worst = f"{100 * (max(costs) / best - 1):+.1f} %"
        report.row(f"{price:g}", *numbers, worst, "20 %", mean <= 1.2 * best)


def expected(report: Report, jobs: Jobs, _: int, seed: int) -> None:
    """Tells what is expected of each job, which takes 1.8 times as long, more or less."""
    count = len(jobs.durations)
    chance = random.Random(f"{seed} expected")
    told = [chance.uniform(60, 1200) for _ in range(200 + count)]
    durations = [1.8 * one * chance.lognormvariate(0, 0.15) for one in told]
    strategy = DurationAware(10.0)
    simulate(strategy, durations[:200], expected=told[:200])
    found = simulate(strategy, durations[200:], expected=told[200:], learn=False)
    ends = zip(found.polls, durations[200:])
    late = 100 * statistics.fmean((polls[-1] - duration) / duration for polls, duration in ends)
    report.head(
        "`expected` given, durations 1.8 x expected x log-normal (sigma 0.15), poll_cost 10",
        "what, measured, at most, ",
    )
    report.row("polls a job", f"{found.polls_per_job:.2f}", "5", found.polls_per_job <= 5)
    report.row("mean of lateness / duration", f"{late:.2f} %", "4 %", late <= 4)


def progress(report: Report, jobs: Jobs, _: int, seed: int) -> None:
    """Lets each pending answer tell a progress that is off by up to 20 %."""
    chance = random.Random(f"{seed} progress")

    def off(elapsed: float, duration: float) -> float:
        return min(0.99, elapsed / duration * chance.uniform(0.8, 1.2))

    def rest_off(elapsed: float, duration: float) -> float:
        return elapsed / (elapsed + (duration - elapsed) * chance.uniform(0.8, 1.2))

    report.head(
        f"Progress told, {HALF.name}, poll_cost 1",
        "noise, polls a job, at most, , mean lateness / mean duration, at most, ",
    )
    mean = statistics.fmean(jobs.durations)
    learning = HALF.draw(200, random.Random(f"{seed} learned with progress"))
    for name, told in (
        ("+-20 % of what is told, at most 0.99", off),
        ("+-20 % of the time that remains", rest_off),
    ):
        strategy = DurationAware(1.0)
        simulate(strategy, learning, progress=told)
        found = simulate(strategy, jobs.durations, progress=told, learn=False)
        late = 100 * found.mean_lateness / mean
        polls = found.polls_per_job
        report.row(name, f"{polls:.2f}", "8", polls <= 8, f"{late:.2f} %", "1 %", late <= 1)


def updates(report: Report, _jobs: Jobs, _courses: int, seed: int) -> None:
    """Measures what an end costs: to take it, and to ask when the next job is polled."""
    ends: list[Ended] = []

    class Recorder(DurationAware):
        def ended(self, end: Ended) -> None:
            ends.append(end)
            super().ended(end)

    simulate(Recorder(), HALF.draw(200, random.Random(seed)))
    strategy, first = DurationAware(), Moment(1, 0.0, fallback=1.0)
    began = time.process_time()
    for end in ends:
        strategy.ended(end)
        strategy(first)
    spent = 1000 * (time.process_time() - began) / len(ends)
    tracemalloc.start()
    kept = DurationAware()
    for end in itertools.chain(ends, [ends[-1]]):
        kept.ended(end)
        kept(first)
    size = tracemalloc.get_traced_memory()[0] / 1024
    tracemalloc.stop()
    report.head("What learning takes", "what, measured, at most, ")
    numbers = f"{spent:.2f} ms", "1 ms"
    report.row("CPU time of an end and the next wait, mean of 200", *numbers, spent < 1)
    report.row("memory after 200 ends", f"{size:.0f} KiB", "", "")


PARTS: dict[str, Callable[[Report, Jobs, int, int], None]] = {
    "updates": updates,
    "unseen": nothing_seen,
    "requests": as_many_requests,
    "tripled": tripled,
    "expected": expected,
    "optimum": over_the_optimum,
    "beside": side_by_side,
    "progress": progress,
}


def main() -> None:
    """Runs the benchmark and prints its tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=20_000, help="to try each strategy with")
    parser.add_argument("--courses", type=int, default=5, help="of learning, for each number")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", help=f"parts, with commas between: {', '.join(PARTS)}")
    given = parser.parse_args()
    parts = given.only.split(",") if given.only else PARTS
    report = Report()
    print(f"{given.jobs} jobs that were not learned from, {given.courses} courses of learning")
    print(f"({4 * given.courses} up to {FEW} jobs), seed {given.seed}.")
    jobs = Jobs(HALF.draw(given.jobs, random.Random(given.seed)))
    for part in parts:
        PARTS[part](report, jobs, given.courses, given.seed)
    print(f"\n{report.met} met, {report.missed} not met.")


if __name__ == "__main__":
    main()
