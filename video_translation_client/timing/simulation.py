"""What a strategy costs for jobs whose durations are known: how many polls, and how late.

The jobs run on a virtual clock, through the code that waits for real ones, from the submit to the
end of the future; only the service and its answers are made up here. Nothing is sent.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import random
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Iterable, Sequence

from .._base import arguments
from .._http.poller import Outcome, Poller
from .._scheduling.advice import Advice
from .._scheduling.asking import Asking
from .._scheduling.decision import Rules
from .._scheduling.listeners import Listeners
from .._scheduling.scheduler import Scheduler
from .._scheduling.workers import Workers
from ..future import StatusFuture
from ..status import Hints, Status, StatusReport
from ..strategy import ExponentialBackoff
from .estimates import plain_estimate

if TYPE_CHECKING:
    from .._http.exchange import Exchange
    from ..strategy import Strategy

    Progress = Callable[[float, float], "float | None"]

# Polls of one job after which a strategy surely does not let the time pass.
_MOST_POLLS = 100_000

# Seconds by which sums of waits may miss the moment that is meant.
_ROUNDING = 1e-6

# Simulations follow each other, by so many seconds: what a strategy learns of them is in order.
_TURNS, _APART = itertools.count(1), 1e9

_PENDING = Outcome(StatusReport(Status.PENDING, "pending"))
_COMPLETED = Outcome(StatusReport(Status.COMPLETED, "completed"))


@dataclass(frozen=True)
class Simulation:
    """What a strategy has cost. Lateness is in seconds, from a job's end to that of its future.

    Attributes:
        polls_per_job: The mean of all jobs.
        mean_lateness: Of the jobs whose end was seen; NaN where that is none, as the next three.
        p50_lateness: What half of these do not exceed.
        p95_lateness: What 95 % of them do not exceed.
        max_lateness: The latest.
        jobs: How many were waited for.
        unfinished: How many of them ended as ``timeout``, by a limit.
        polls: Of each job, in the order of the durations, when it was polled: in seconds since
            its submit, the last one being that which saw its end.
    """

    polls_per_job: float
    mean_lateness: float
    p50_lateness: float
    p95_lateness: float
    max_lateness: float
    jobs: int
    unfinished: int
    polls: tuple[tuple[float, ...], ...] = field(repr=False)

    def cost(self, poll_cost: float) -> float:
        """Returns seconds a job: its lateness, and ``poll_cost`` for each of its polls."""
        price = arguments.number("poll_cost", poll_cost, least=0)
        return price * self.polls_per_job + self.mean_lateness


def simulate(
    strategy: Strategy,
    durations: Iterable[float],
    *,
    expected: Sequence[float | None] | None = None,
    groups: Sequence[str | None] | None = None,
    progress: Progress | None = None,
    concurrency: int = 1,
    max_attempts: int | None = None,
    max_wait_time: float | None = None,
    min_interval: float = 0.0,
    fallback: Strategy | None = None,
    learn: bool = True,
    seed: int = 0,
) -> Simulation:
    """Waits for jobs of known durations, in no time, and returns what that has cost.

    Takes some 30 microseconds a poll. One more thread runs meanwhile, which calls the strategy.

    Args:
        strategy: As for the client. Like there, the first time that it fails is logged, and the
            wait goes on by ``fallback``; so is what its ``ended`` raises.
        durations: How many seconds each job takes from its submit on, 0 or more; at least one.
        expected: For each job, what ``submit`` is told that it takes.
        groups: For each job, what ``submit`` is told of its kind.
        progress: ``progress(elapsed, duration)`` is the progress that a pending answer tells,
            or None; beyond 0 and 1 it is not heeded, as of a service.
        concurrency: How many jobs are waited for at one time. The next one is submitted when
            one ends, so a strategy that learns knows that end by then.
        max_attempts: As for the client. None, which is no limit, by default: a limit hides what
            a strategy does with the jobs that take longest.
        max_wait_time: Likewise.
        min_interval: As for the client: the least seconds between two polls of a job.
        fallback: What the strategy falls back on, ``moment.fallback``, as it does on the pace of
            a service; None: on the default backoff.
        learn: Whether the strategy's ``ended`` is called, and ``moment.job_id`` given.
        seed: Of the chance that strategies spread polls with: the same seed, the same result.

    Raises:
        TypeError, ValueError: A bad argument, named in the message; or a job was polled
            100,000 times.
    """
    arguments.strategy(strategy)
    if fallback is not None:
        arguments.callback("fallback", fallback)
    jobs = _jobs(durations, expected, groups)
    rules = _rules(max_attempts, max_wait_time, min_interval)
    if progress is not None:
        arguments.callback("progress", progress)
    arguments.count("concurrency", concurrency)
    chance = random.Random(arguments.count("seed", seed, least=0)).random
    listeners = Listeners((), getattr(strategy, "ended", None) if learn else None)
    asked = strategy if learn else _without_names(strategy)
    advice = Advice(asked, fallback, ExponentialBackoff(), plain_estimate, listeners)
    _Course(jobs, advice, chance, rules, listeners, progress).run(concurrency)
    return _summary(jobs)


class _Job:
    """One job, and what becomes of it."""

    __slots__ = ("began", "duration", "ended", "hints", "polls")

    def __init__(self, duration: float, expected: float | None, group: str | None) -> None:
        self.duration = duration
        self.hints = Hints(None, expected, group)
        self.began = 0.0
        self.polls: list[float] = []  # in seconds since it began
        self.ended: float | None = None  # likewise, when its future told that it is completed


class _Here(Workers):
    """Runs what it is given on the thread that gives it: a hand-over takes three times as long.

    As an answer takes no time on the clock, there is never anything to do beside a poll.
    """

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.has_one = True

    def start(self, function: Callable[[], None]) -> None:
        with contextlib.suppress(BaseException):  # as a pool does; the futures have got it
            function()


class _OneThread(Scheduler):
    """The scheduler, whose dispatcher is its only worker."""

    def make_workers(self, count: int) -> Workers:
        return _Here(count)


class _Course(Poller):
    """The user who submits jobs, each as soon as there is room for it, and the service.

    All on the thread of the scheduler, but for ``run``.

    Args:
        jobs: Those to submit; their ids are their positions.
        advice, chance, rules, listeners: As for the scheduler and what it is made of.
        progress: As for ``simulate``.
    """

    most = 1
    window = 0.0

    def __init__(
        self,
        jobs: Sequence[_Job],
        advice: Advice,
        chance: Callable[[], float],
        rules: Rules,
        listeners: Listeners,
        progress: Progress | None,
    ) -> None:
        from ..testing.clock import VirtualClock  # noqa: PLC0415 - who only polls has no need of it

        self._jobs = jobs
        self._progress = progress
        self._clock = VirtualClock()
        self._shift = _APART * next(_TURNS)
        self._rules = rules
        self._left = iter(range(len(jobs)))
        self._error: BaseException | None = None
        asking = Asking(self, advice, chance, rules, listeners, self._clock)
        service, most = rules.service, math.inf
        self._scheduler = _OneThread(self, asking, service, listeners, None, most, 1, self._clock)

    def run(self, concurrency: int) -> None:
        """Returns when the jobs have ended, and no thread is left.

        Raises:
            BaseException: What has kept the jobs from their ends.
        """
        try:
            self._scheduler.threads.start()
            self._scheduler.call_later(partial(self._submit, concurrency))
            self._scheduler.threads.join()
        finally:
            self._scheduler.shutdown(wait=True, cancel_futures=True)
        if self._error is not None:
            raise self._error

    def _submit(self, count: int) -> None:
        with contextlib.suppress(RuntimeError):  # after Ctrl-C, or at the end of the process
            for position in itertools.islice(self._left, count):
                job, count = self._jobs[position], count - 1
                future = StatusFuture(str(position), self._scheduler, self._clock, None, job.hints)
                future.submitted_at += self._shift
                future.add_done_callback(self._on_end)
                job.began = future.began
                self._scheduler.submit((future,), self._rules)
        if count:
            self._scheduler.abandon()

    def _on_end(self, future: StatusFuture) -> None:
        end = future.ends[0]
        if end.error is not None:
            self._stop(end.error)
        elif end.status is not Status.CANCELLED:
            if end.status is Status.COMPLETED:
                self._jobs[int(end.job_id or 0)].ended = end.elapsed
            self._submit(1)

    def _stop(self, error: BaseException) -> None:
        self._error = self._error or error
        self._scheduler.shutdown(wait=False, cancel_futures=True)

    # As the poller of the scheduler

    def poll(self, job_ids: Sequence[str | None], exchange: Exchange) -> list[Outcome]:
        """Answers by the duration of the job."""
        job = self._jobs[int(job_ids[0] or 0)]
        elapsed = self._clock.monotonic() - job.began
        job.polls.append(elapsed)
        if elapsed >= job.duration - _ROUNDING:
            return [_COMPLETED]
        try:
            return [self._pending(job, elapsed)]
        except BaseException as error:  # noqa: BLE001 - the caller of ``simulate`` gets it
            self._stop(error)
            return [_PENDING]

    def close(self) -> None:
        """Does nothing: there is no connection."""

    def after_fork(self) -> None:
        """Does nothing likewise."""

    def _pending(self, job: _Job, elapsed: float) -> Outcome:
        if len(job.polls) >= _MOST_POLLS:
            raise ValueError(
                f"strategy has had a job of {job.duration:g} s polled {_MOST_POLLS} times in"
                f" {elapsed:g} s; its waits must let time pass"
            )
        progress = None if self._progress is None else self._progress(elapsed, job.duration)
        if progress is None or not 0 <= progress <= 1:
            return _PENDING
        return Outcome(StatusReport(Status.PENDING, "pending", progress))


def _without_names(strategy: Strategy) -> Strategy:
    """Keeps a strategy from remembering jobs of whose ends it is not told."""
    return lambda moment: strategy(moment._replace(job_id=None))


def _summary(jobs: Sequence[_Job]) -> Simulation:
    late = sorted(max(0.0, job.ended - job.duration) for job in jobs if job.ended is not None)

    def quantile(share: float) -> float:
        return late[math.ceil(share * len(late)) - 1] if late else math.nan

    return Simulation(
        polls_per_job=sum(len(job.polls) for job in jobs) / len(jobs),
        mean_lateness=math.fsum(late) / len(late) if late else math.nan,
        p50_lateness=quantile(0.5),
        p95_lateness=quantile(0.95),
        max_lateness=quantile(1.0),
        jobs=len(jobs),
        unfinished=len(jobs) - len(late),
        polls=tuple(tuple(job.polls) for job in jobs),
    )


def _jobs(durations: Any, expected: Any, groups: Any) -> list[_Job]:
    """Returns the jobs, of checked arguments."""
    try:
        given = list(durations)
    except TypeError:
        problem = f"must be numbers of seconds, not {durations!r}"
        raise arguments.BadTypeError("durations", problem) from None
    if not given:
        raise arguments.BadValueError("durations", "must hold at least one number of seconds")
    seconds = [arguments.number(f"durations[{i}]", one, least=0) for i, one in enumerate(given)]
    hints = [
        None if hint is None else arguments.number(f"expected[{position}]", hint, above=0)
        for position, hint in enumerate(_beside("expected", expected, len(seconds)))
    ]
    kinds = [
        None if kind is None else arguments.word(f"groups[{position}]", kind)
        for position, kind in enumerate(_beside("groups", groups, len(seconds)))
    ]
    return [_Job(*job) for job in zip(seconds, hints, kinds)]


def _beside(name: str, values: Any, count: int) -> list[Any]:
    """Returns as many values as there are jobs."""
    if values is None:
        return [None] * count
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise arguments.BadTypeError(name, f"must be a sequence or None, not {values!r}")
    if len(values) != count:
        problem = f"must have as many items as durations, {count}, not {len(values)}"
        raise arguments.BadValueError(name, problem)
    return list(values)


def _rules(max_attempts: Any, max_wait_time: Any, min_interval: Any) -> Rules:
    return Rules(
        max_attempts=arguments.optional_count("max_attempts", max_attempts, none="no limit"),
        max_wait_time=arguments.optional_number(
            "max_wait_time", max_wait_time, above=0, none="no limit"
        ),
        min_interval=arguments.number("min_interval", min_interval, least=0),
    )
