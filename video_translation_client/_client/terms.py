"""What holds for the wait of one job: what is known of it beforehand, and its limits.

Most jobs have nothing of their own; they all share what holds for their client.
"""

from __future__ import annotations

import warnings
from typing import Any, Iterator, NamedTuple

from .. import _contradictions
from .._base import arguments
from .._base.arguments import ArgumentWarning
from .._scheduling.decision import Rules
from .._settings import Settings
from ..status import NO_HINTS, Hints

# A job that is expected to take long may take so many times longer before a default limit ends the
# wait for it: what a caller expects is often far off.
_PATIENCE = 10.0


class _OfClient:
    """Stands for an argument that was left out; None is a value of its own."""

    def __repr__(self) -> str:
        return "<that of the client>"


OF_CLIENT: Any = _OfClient()


class Terms(NamedTuple):
    """What holds for one wait."""

    hints: Hints
    rules: Rules


class TermsOfJobs:
    """Settles what holds for single jobs of one client; safe for use from many threads.

    Args:
        settings: What holds for all.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._usual = Terms(NO_HINTS, settings.rules)

    def of_wait(
        self,
        age: float | None,
        expected: float | None,
        group: str | None,
        max_wait_time: float | None,
        max_attempts: int | None,
    ) -> Terms:
        """Returns what holds for a wait, by what the caller's caller gave, who gets the warnings.

        Raises:
            TypeError, ValueError: A bad argument, named in the message.
        """
        is_limited = max_wait_time is not OF_CLIENT or max_attempts is not OF_CLIENT
        if age is None and expected is None and group is None and not is_limited:
            return self._usual
        hints = Hints(
            None if age is None else arguments.number("age", age, least=0),
            arguments.optional_number("expected", expected, above=0, none="not known"),
            None if group is None else arguments.word("group", group),
        )
        terms = Terms(hints, self._rules_of(hints.expected, max_wait_time, max_attempts))
        for contradiction in self._contradictions_in(terms, max_wait_time is not OF_CLIENT):
            warnings.warn(contradiction, stacklevel=3)
        return terms

    def of_check(self, timeout: float) -> Terms:
        """Returns what holds where one answer is wanted, within ``timeout`` seconds.

        Raises:
            TypeError, ValueError: It is no number above 0.
        """
        rules = self._usual.rules._replace(
            max_attempts=1,
            max_wait_time=arguments.number("timeout", timeout, above=0),
            missing_delay=0.0,
            result_delay=0.0,
            is_check=True,
        )
        return Terms(NO_HINTS, rules)

    def _rules_of(
        self, expected: float | None, max_wait_time: float | None, max_attempts: int | None
    ) -> Rules:
        rules, limits = self._usual.rules, self._settings.limits
        if max_attempts is not OF_CLIENT:
            attempts = arguments.optional_count("max_attempts", max_attempts, none="no limit")
            rules = rules._replace(max_attempts=attempts)
        if max_wait_time is not OF_CLIENT:
            seconds = arguments.optional_number(
                "max_wait_time", max_wait_time, above=0, none="no limit"
            )
            return rules._replace(max_wait_time=seconds)
        if limits.grows and limits.max_wait_time and expected is not None:
            seconds = max(limits.max_wait_time, _PATIENCE * expected)
            return rules._replace(max_wait_time=seconds)
        return rules

    def _contradictions_in(self, terms: Terms, is_time_own: bool) -> Iterator[ArgumentWarning]:
        settings, (hints, rules) = self._settings, terms
        yield from _contradictions.of_hints(hints, rules.max_wait_time)
        if is_time_own:
            yield from _contradictions.of_limits(
                settings.waits, rules.min_interval, rules.max_attempts, rules.max_wait_time
            )
