"""When to ask next: a pure function of what is known.

A strategy does no I/O, takes no lock, reads no clock and draws no random number; chance
is an argument like the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ._base.arguments import number
from ._base.protocols import Protocol
from .status import StatusReport


class Moment(NamedTuple):
    """What is known of a wait after one of its polls.

    Attributes:
        attempt: The polls so far, from 1.
        elapsed: Seconds since the submit.
        age: Seconds since the job's start, where ``submit`` was told its ``age``; or None.
        remaining: Seconds until the wait's limit, or None without one.
        report: The latest answer; None before the first.
        chance: A number drawn from [0, 1), to spread polls with.
        expected: Seconds that the job is expected to take from its start, as ``submit`` was told,
            or None.
        group: What kind of job it is, likewise, or None.
        service: The name of the service.
        fallback: Seconds that the client would wait without this strategy: the pace of its
            service, or the backoff of its four arguments; None where the strategy is that itself.
        progress: What the answers so far have said of it: pairs of seconds since the submit, and
            a number from 0 to 1, of answers that carried one; the latest 16, the oldest first.
        job_id: The job; None for a service with one unnamed job.
        submitted_at: Seconds since the epoch at the submit, by the client's clock.
    """

    attempt: int
    elapsed: float
    age: float | None = None
    remaining: float | None = None
    report: StatusReport | None = None
    chance: float = 0.5
    expected: float | None = None
    group: str | None = None
    service: str = "default"
    fallback: float | None = None
    progress: tuple[tuple[float, float], ...] = ()
    job_id: str | None = None
    submitted_at: float = 0.0


class Strategy(Protocol):
    """What says when to ask next: ``strategy(moment) -> seconds`` to wait until then, 0 or more.

    Any such function is one. It is called from worker threads, and once when a client is made: its
    first wait is the pace that is reckoned with before the first answer, and what it raises then,
    the caller gets. Where it raises later, or returns something else than seconds, the wait goes on
    with ``moment.fallback`` in place of its word, and the first such failure of a client is logged
    at ERROR. No strategy has a job asked oftener than the client's ``min_interval``.

    If it has a method ``ended(end)``, that is called with the ``Ended`` of each wait of its client,
    on a worker thread. If it has a method ``estimate(moment)``, ``future.eta`` is what that
    returns: the seconds from now until the likely end, as a tuple ``(low, median, high)`` such as
    ``timing.Estimate``, or None; it runs on the thread that reads ``eta``, with ``attempt`` from 0.
    What either raises is logged, of ``estimate`` once for each client.
    """

    def __call__(self, __moment: Moment) -> float:
        """Returns the seconds to wait."""


@dataclass(frozen=True)
class ExponentialBackoff:
    """Waits that grow by a factor up to a cap, spread by jitter.

    The n-th wait, from 0, is ``min(max_interval, initial_wait_time * backoff_factor**n) +
    uniform(0, jitter)`` seconds.

    Attributes:
        initial_wait_time: The first wait in seconds, above 0.
        backoff_factor: What each wait is multiplied by, 1 or more.
        jitter: The most seconds that chance adds to a wait, 0 or more.
        max_interval: The cap of a wait in seconds, above 0, before jitter.
    """

    initial_wait_time: float = 1.0
    backoff_factor: float = 2.0
    jitter: float = 0.5
    max_interval: float = 30.0

    def __post_init__(self) -> None:
        number("initial_wait_time", self.initial_wait_time, above=0)
        number("backoff_factor", self.backoff_factor, least=1)
        number("jitter", self.jitter, least=0)
        number("max_interval", self.max_interval, above=0)

    def __call__(self, moment: Moment) -> float:
        """Returns the seconds to wait; safe for any number of attempts."""
        try:
            wait = self.initial_wait_time * self.backoff_factor ** (moment.attempt - 1)
        except OverflowError:
            wait = self.max_interval
        return min(self.max_interval, wait) + self.jitter * moment.chance


@dataclass(frozen=True)
class FixedInterval:
    """The same wait after every poll, spread by jitter.

    Attributes:
        interval: Seconds between two polls, above 0.
        jitter: The most seconds that chance adds to a wait, 0 or more.
    """

    interval: float
    jitter: float = 0.5

    def __post_init__(self) -> None:
        number("interval", self.interval, above=0)
        number("jitter", self.jitter, least=0)

    def __call__(self, moment: Moment) -> float:
        """Returns the seconds to wait."""
        return self.interval + self.jitter * moment.chance


@dataclass(frozen=True)
class Stages:
    """Waits that depend on how long the job has been waited for.

    Attributes:
        stages: Pairs of seconds since the submit, from 0 upwards, and the seconds between two
            polls, above 0, from then on.
        jitter: The most seconds that chance adds to a wait, 0 or more.

    Raises:
        TypeError, ValueError: The stages are not as described.
    """

    stages: tuple[tuple[float, float], ...]
    jitter: float = 0.5

    def __post_init__(self) -> None:
        number("jitter", self.jitter, least=0)
        pairs = self.stages
        if not isinstance(pairs, tuple) or not all(
            isinstance(pair, tuple) and len(pair) == 2 for pair in pairs
        ):
            raise TypeError(f"stages must be a tuple of pairs of seconds, not {pairs!r}")
        begins = [number("a stage's begin", begin, least=0) for begin, _ in pairs]
        for _, interval in pairs:
            number("a stage's wait", interval, above=0)
        if begins[:1] != [0] or begins != sorted(set(begins)):
            raise ValueError(f"stages must begin at 0 and follow each other, not {pairs!r}")

    def __call__(self, moment: Moment) -> float:
        """Returns the seconds to wait."""
        elapsed = moment.elapsed
        interval = next(wait for begin, wait in reversed(self.stages) if begin <= elapsed)
        return interval + self.jitter * moment.chance


if TYPE_CHECKING:
    _: tuple[Strategy, ...] = (ExponentialBackoff(), FixedInterval(1.0), Stages(((0.0, 1.0),)))
