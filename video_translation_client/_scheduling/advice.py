"""What the strategies of one client say: the user's, that of its service, the backoff.

One that fails is made up for by the next, so a mistake in it ends no wait.
"""

from __future__ import annotations

from typing import Callable, Tuple

from .._base import arguments
from .._base.log import is_ctrl_c
from ..strategy import ExponentialBackoff, Moment, Strategy
from .listeners import Listeners

Range = Tuple[float, float, float]
"""Seconds from now until the likely end of a job: low, median, high."""


class Advice:
    """Asks the strategies; safe for use from many threads.

    Args:
        strategy: The user's, or None.
        of_service: That of the service, or None where the user's waits take its place.
        backoff: What is left if both fail, or there are none.
        plain_estimate: Stands for a strategy's ``estimate`` where it has none.
        listeners: Hear of what fails.
    """

    def __init__(
        self,
        strategy: Strategy | None,
        of_service: Strategy | None,
        backoff: ExponentialBackoff,
        plain_estimate: Callable[[Moment], Range | None],
        listeners: Listeners,
    ) -> None:
        self._strategy = strategy
        self._of_service = of_service
        self._backoff = backoff
        first = of_service if strategy is None else strategy
        self._estimate: Callable[[Moment], Range | None]
        self._estimate = getattr(first, "estimate", plain_estimate)
        self._listeners = listeners

    def first_wait(self, moment: Moment) -> float:
        """Returns the seconds to wait by what a strategy says before there is an answer.

        Raises:
            TypeError, ValueError: It says something else than seconds.
            BaseException: What it raises.
        """
        own, pace = self._strategy, self._of_service
        seconds = _wait_of(self._backoff if pace is None else pace, moment)
        return seconds if own is None else _wait_of(own, moment._replace(fallback=seconds))

    def wait(self, moment: Moment) -> float:
        """Returns the seconds to wait; a strategy that fails ends nothing."""
        if self._strategy is None and self._of_service is None:
            return self._backoff(moment)
        seconds = None if self._of_service is None else self._ask(self._of_service, moment)
        if seconds is None:
            seconds = self._backoff(moment)
        if self._strategy is None:
            return seconds
        said = self._ask(self._strategy, moment._replace(fallback=seconds))
        return seconds if said is None else said

    def estimate(self, moment: Moment) -> Range | None:
        """Returns when a job is likely to end; None: nobody knows, or a strategy fails to say."""
        try:
            said = self._estimate(moment)
            return None if said is None else _range_of(said)
        except BaseException as error:
            if is_ctrl_c(error):  # it runs on a thread of the user
                raise
            self._listeners.tell_fault("the strategy's estimate", "eta is None", error)
            return None

    def _ask(self, strategy: Strategy, moment: Moment) -> float | None:
        try:
            return _wait_of(strategy, moment)
        except BaseException as error:  # noqa: BLE001 - SystemExit as well, as in callbacks
            instead = "the wait goes on as it would without it"
            self._listeners.tell_fault("the strategy", instead, error)
            return None


def _wait_of(strategy: Strategy, moment: Moment) -> float:
    return arguments.number("the strategy's wait", strategy(moment), least=0)


def _range_of(said: object) -> Range:
    wanted = "a tuple of three numbers, 0 or more and none below the one before, or None"
    if not isinstance(said, tuple) or len(said) != 3:
        raise arguments.BadTypeError("the strategy's estimate", f"must be {wanted}, not {said!r}")
    low, median, high = (arguments.number("the strategy's estimate", one, least=0) for one in said)
    if not low <= median <= high:
        raise arguments.BadValueError("the strategy's estimate", f"must be {wanted}, not {said!r}")
    return low, median, high
