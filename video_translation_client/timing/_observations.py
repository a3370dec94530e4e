"""What is known of how long jobs took: one observation, what an end teaches, and many of them.

Plain values in memory; no file, no lock.
"""

from __future__ import annotations

import math
from typing import Iterable, NamedTuple, Sequence

from .._base import arguments
from ..events import Ended
from ..status import Status

# The golden section: the fractions of its multiples are in no order.
_SCATTER = 0.6180339887498949


class Observation(NamedTuple):
    """When one job ended, in seconds since its start: after ``low``, and at ``high`` at the latest.

    Attributes:
        low: The last moment at which it was known to run; ``high`` where its end is known exactly.
        high: The first moment at which it was known to have ended; inf: it is not known to have.
        completed: Whether it completed, or else failed; None: it is not known to have ended.
        expected: Seconds that it was expected to take, or None.
        group: What kind of job it was, or None.
        began: Its start, in seconds since the epoch. Of jobs that start together the short ones
            end first, so only the order of starts tells whether a service has changed.
    """

    low: float
    high: float
    completed: bool | None
    expected: float | None = None
    group: str | None = None
    began: float = 0.0


def by_begin(observations: Sequence[Observation]) -> list[Observation]:
    """Returns them in the order in which jobs began: at random of those that began together."""

    def place(index: int) -> tuple[float, float]:
        return observations[index].began, index * _SCATTER % 1.0

    return [observations[index] for index in sorted(range(len(observations)), key=place)]


def text(name: str, value: object) -> str:
    """Returns ``value`` if it is a text that can name something, also in a file."""
    if not isinstance(value, str):
        raise arguments.BadTypeError(name, f"must be a str, not {value!r}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise arguments.BadValueError(name, f"must be valid Unicode, not {value!r}") from None
    if not value:
        raise arguments.BadValueError(name, "must not be empty")
    return value


def hints(expected: object, group: object) -> tuple[float | None, str | None]:
    """Returns what was told of a job beforehand, if it can be meant."""
    none = "nothing is expected of the job"
    seconds = arguments.optional_number("expected", expected, above=0, none=none)
    return seconds, None if group is None else text("group", group)


def taught_by(end: Ended) -> Observation | None:
    """Returns what the end of a wait teaches, or None.

    A job found ended by its first poll may have ended long before, and teaches nothing unless the
    time of its start was told.
    """
    age, pending = end.age or 0.0, end.pending_until
    low = None if pending is None else age + pending
    high, completed = math.inf, None
    if end.ended_by is not None and end.status in (Status.COMPLETED, Status.ERROR):
        high, completed = age + end.ended_by, end.status is Status.COMPLETED
        if low is None and end.age is not None:
            low = 0.0
    if low is None or end.status is Status.REJECTED:
        return None
    if not (0 <= low <= high and low < math.inf):
        return None  # by the clock of a test, or a user's, that went back
    began = float(end.submitted_at) - age
    return Observation(low + 0.0, high + 0.0, completed, *hints(end.expected, end.group), began)


class Observations:
    """The observations of one service, by their ``began``, and no more of a group than ``keep``.

    One thread at a time adds to them; any number may read meanwhile, without a lock.

    Attributes:
        version: How many were added; it changes after what ``latest`` returns.
    """

    def __init__(self, keep: int) -> None:
        self.version = 0
        self._keep = keep
        # Only ever grows, until another takes its place: so what a reader sees of it stays.
        self._all: list[Observation] = []
        self._most = 2 * keep
        self._latest: tuple[int, tuple[Observation, ...]] = (0, ())

    def __len__(self) -> int:
        return len(self.latest())

    def add(self, observations: Iterable[Observation]) -> None:
        """Takes more of them."""
        before = len(self._all)
        self._all.extend(observations)
        grown = len(self._all) - before
        if len(self._all) > self._most:
            self._all = self._kept()
            self._most = 2 * max(self._keep, len(self._all))
        self.version += grown

    def latest(self) -> tuple[Observation, ...]:
        """Returns those that are kept."""
        version, latest = self._latest
        if version != self.version:
            version = self.version  # before what it may be too old for, but never too new
            latest = tuple(self._kept())
            self._latest = (version, latest)
        return latest

    def _kept(self) -> list[Observation]:
        everything = by_begin(self._all[:])
        if len(everything) <= self._keep:
            return everything
        left: dict[str | None, int] = {}
        kept = []
        for observation in reversed(everything):
            more = left.get(observation.group, self._keep)
            if more:
                left[observation.group] = more - 1
                kept.append(observation)
        kept.reverse()
        return kept
