"""What the caller's process and the workers say to each other: plain values, which are pickled.

No secret is in them. They are read in the order in which they were sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping, NamedTuple

if TYPE_CHECKING:
    from .._scheduling.decision import Rules
    from ..events import Ended, Paced, Polled
    from ..status import Hints

HEARTBEAT = 0.5
"""Seconds between two signs of life, either way."""

LEASE = 10.0
"""Seconds without one after which the other side is taken for dead."""


class Order(NamedTuple):
    """What each worker makes a client by.

    Attributes:
        version: That of the library at the caller.
        caller: The name of the caller's mailbox.
        arguments: Those of ``VideoTranslationClient``.
    """

    version: str
    caller: str
    arguments: Mapping[str, Any]


# To a worker


class Begin(NamedTuple):
    """A wait goes on there from now on; one that it has by this number takes over its limits.

    Attributes:
        number: The caller's name for it.
        job_id: The job.
        hints: What is known of it beforehand.
        rules: What ends the wait.
        attempts: Polls so far.
        elapsed: Seconds so far.
        seconds: Until the next poll.
        patience: Seconds for which it goes on where its time is over, for one last poll; or 0.
    """

    number: int
    job_id: str | None
    hints: Hints
    rules: Rules
    attempts: int
    elapsed: float
    seconds: float
    patience: float


class Forget(NamedTuple):
    """Nobody wants to know of a wait any more."""

    number: int


class Hurry(NamedTuple):
    """A job is to be asked for as soon as possible; ``is_free``: at no cost to its wait."""

    number: int
    is_free: bool


class Keep(NamedTuple):
    """A sign of life, and the pace to keep to.

    Attributes:
        max_rate: Requests a second, 0 included, or None for no limit.
        pause: Seconds for which no request starts.
    """

    max_rate: float | None
    pause: float


class Leave(NamedTuple):
    """A shard has no place there any more."""

    shard: int


# To the caller


class Seated(NamedTuple):
    """A shard has found a place, and nothing is known of its waits there.

    Attributes:
        shard: Its number.
        station: The name of the mailbox there.
        worker: The address of the worker.
    """

    shard: int
    station: str
    worker: str


class Heard(NamedTuple):
    """What a poll was answered."""

    number: int
    event: Polled


class Over(NamedTuple):
    """How a wait has ended there."""

    number: int
    end: Ended


class Slowed(NamedTuple):
    """The service wants fewer requests, or none for a while, or takes them all again."""

    station: str
    event: Paced


class Alive(NamedTuple):
    """A sign of life, and the rate that is kept to since."""

    station: str
    max_rate: float | None
