"""Several jobs at once: their ids taken in, their futures as they end, one answer of each."""

from __future__ import annotations

import concurrent.futures
import contextlib
import itertools
from typing import Any, Callable, Iterable, Iterator, Sequence

from .._base import arguments
from .._base.arguments import ArgumentError, BadTypeError
from .._scheduling.decision import Rules
from .._scheduling.intake import Intake
from .._scheduling.scheduler import Scheduler
from ..errors import PollError, VideoTranslationError
from ..future import StatusFuture
from ..status import StatusReport

# Jobs that are handed over in one go: as many as one request may ask for, and no more, as they are
# taken in under a lock.
_TOGETHER = 1000


def ids_of(job_ids: Iterable[str], check: Callable[[str], None]) -> list[str]:
    """Returns job ids, all of them checked.

    Args:
        job_ids: They; an iterator is used up.
        check: Refuses one that can't be asked for.

    Raises:
        TypeError, ValueError: One of them is none, or they are not several; the message says which.
    """
    ids = _several("job_ids", job_ids, "job ids")
    position = 0
    try:
        for position, job_id in enumerate(ids):  # noqa: B007 - where it ends, if one is wrong
            if job_id is None:
                raise BadTypeError("job_id", "must be a str, not None")
            arguments.job_id(job_id)
            check(job_id)
    except ArgumentError as error:
        name = f"job_ids[{position}]"
        raise type(error)(name, error.problem, error.advice) from None
    return ids


def submit(
    job_ids: Sequence[str],
    make: Callable[[str], StatusFuture],
    taker: Scheduler | Intake,
    rules: Rules,
) -> list[StatusFuture]:
    """Submits jobs whose ids have been checked, all or none; returns their futures.

    Raises:
        RuntimeError: After ``shutdown``.
    """
    futures: list[StatusFuture] = []
    try:
        for first in range(0, len(job_ids), _TOGETHER):
            futures += map(make, job_ids[first : first + _TOGETHER])
            taker.submit(futures[first:], rules)
    except BaseException:  # nobody has them
        for future in futures:
            taker.leave(future)
        raise
    return futures


def check(
    job_ids: Sequence[str],
    make: Callable[[str], StatusFuture],
    scheduler: Scheduler,
    rules: Rules,
) -> dict[str, StatusReport | VideoTranslationError]:
    """Returns one answer of each job, by different ids that have been checked.

    Raises:
        RuntimeError: After ``shutdown``.
        BaseException: What the user's own code has raised, such as a session's ``auth``.
    """
    futures = submit(job_ids, make, scheduler, rules)
    try:
        return dict(zip(job_ids, map(_answer_of, futures)))
    finally:
        _cancel(futures)


def as_completed(futures: Iterable[StatusFuture], timeout: float | None) -> Iterator[StatusFuture]:
    """Returns what ``VideoTranslationClient.as_completed`` does."""
    given = [*dict.fromkeys(_several("futures", futures, "futures"))]
    for future in given:
        arguments.instance("futures", future, StatusFuture)
    if timeout is not None:
        arguments.number("timeout", timeout, least=0)
    done = sorted((future for future in given if future.done()), key=_ended_at)
    others: Any = {*given}.difference(done)
    # A first one that has ended lets it begin here: with the time, and with hearing of ends.
    first: concurrent.futures.Future[None] = concurrent.futures.Future()
    first.set_result(None)
    ends = concurrent.futures.as_completed([first, *others], timeout)
    return _without(first, itertools.chain(done, [next(ends)], ends), len(given))


def _answer_of(future: StatusFuture) -> StatusReport | VideoTranslationError:
    with contextlib.suppress(concurrent.futures.CancelledError):
        future.exception()
    end = future.ends[0]
    if isinstance(end.error, VideoTranslationError):
        return end.error
    if end.error is not None:
        raise end.error
    return end.report or end.last_error or PollError(str(end.reason), end.job_id)


def _cancel(futures: Iterable[StatusFuture]) -> None:
    for future in futures:
        future.cancel()


def _several(name: str, values: Iterable[Any], what: str) -> list[Any]:
    """Returns what a user gave of several, which text is not."""
    if isinstance(values, (str, bytes)):
        advice = f"pass [{name[:-1]}] for one"
        raise BadTypeError(name, f"must be an iterable of {what}, not {values!r}", advice)
    try:
        iterator = iter(values)
    except TypeError:
        problem = f"must be an iterable of {what}, not {type(values).__name__}"
        raise BadTypeError(name, problem) from None
    return list(iterator)


def _ended_at(future: StatusFuture) -> float:
    return future.began + future.elapsed


def _without(first: Any, ends: Iterable[Any], count: int) -> Iterator[StatusFuture]:
    """Yields futures but for ``first``, and says how many of ``count`` have not ended in time."""
    left = count
    try:
        for future in ends:
            if future is not first:
                left -= 1
                yield future
    except concurrent.futures.TimeoutError:
        why = f"{left} of {count} waits have not ended"
        raise concurrent.futures.TimeoutError(why) from None
