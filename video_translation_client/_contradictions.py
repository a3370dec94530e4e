"""What can't be meant of a user's arguments together, though each makes sense: worth a warning.

Pure; who warns, and at whose line, is not known here.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Iterator, Mapping

from ._base.arguments import ArgumentWarning
from .services._definition import Service
from .status import Hints
from .strategy import ExponentialBackoff, FixedInterval, Moment

# Waits that are added up one by one; any further ones count as the last of these.
_GROWING_WAITS = 10_000


def of_cap(backoff: ExponentialBackoff) -> Iterator[ArgumentWarning]:
    """Yields what a first wait that is longer than the longest one is."""
    first, cap = backoff.initial_wait_time, backoff.max_interval
    if first > cap:
        problem = f"contradict each other: {first:g} s is above {cap:g} s, the longest wait"
        advice = "raise max_interval as well"
        yield ArgumentWarning("initial_wait_time", problem, advice, "max_interval")


def of_limits(
    waits: ExponentialBackoff | FixedInterval | None,
    min_interval: float,
    attempts: int | None,
    seconds: float | None,
) -> Iterator[ArgumentWarning]:
    """Yields what a limit is that another one never lets be reached.

    Args:
        waits: How long they are; None: nobody knows.
        min_interval: The least of one.
        attempts: The most polls; None: no limit.
        seconds: The most seconds that a user has asked for; None: no limit, or a default.
    """
    if waits is None or attempts is None or seconds is None:
        return
    most = _longest_time_of(waits, min_interval, attempts)
    if most * 2 < seconds:
        problem = (
            f"contradict each other: poll {attempts}, the last, comes after {math.ceil(most)} s at"
            f" most, long before {seconds:g} s"
        )
        advice = "pass max_attempts=None to wait by time alone"
        yield ArgumentWarning("max_attempts", problem, advice, "max_wait_time")


def of_pace(service: Service, waits: Mapping[str, float]) -> Iterator[ArgumentWarning]:
    """Yields which of the waits that a user has asked for, by name, the service wants longer."""
    least = service.min_interval
    for name in ("initial_wait_time", "max_interval", "interval"):
        wait = waits.get(name, least)
        if wait < least:
            problem = (
                f"contradict each other: {wait:g} s is below {least:g} s, and service"
                f" {service.name!r} wants a job asked no oftener than that"
            )
            advice = f"pass min_interval={wait:g} to ask so often all the same"
            yield ArgumentWarning(name, problem, advice, "min_interval")


def of_hints(hints: Hints, max_wait_time: float | None) -> Iterator[ArgumentWarning]:
    """Yields what a job is that is expected to end after the wait for it."""
    age, expected, _ = hints
    if expected is None or max_wait_time is None:
        return
    left = expected - (age or 0.0)
    if left > max_wait_time:
        problem = (
            f"contradict each other: the job is expected to take another {left:g} s, and the wait"
            f" for it ends after {max_wait_time:g} s"
        )
        yield ArgumentWarning("expected", problem, "raise max_wait_time", "max_wait_time")


# Jobs with limits of their own ask for the same again and again.
@lru_cache(maxsize=16)
def _longest_time_of(
    waits: ExponentialBackoff | FixedInterval, least: float, attempts: int
) -> float:
    """Returns the most seconds from the first of these polls to the last."""
    spent = wait = 0.0
    for attempt in range(1, min(attempts, _GROWING_WAITS)):
        wait = max(least, waits(Moment(attempt, spent, chance=1.0)))
        spent += wait
    # So many that a float would overflow are more than any limit all the same.
    return spent + wait * min(max(0, attempts - _GROWING_WAITS), 10**9)
