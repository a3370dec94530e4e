"""One job's way through a poll, on a worker: what was answered, and what is decided of it.

Here the user's strategy and update callbacks run; no lock is held, and no wait is changed.
"""

from __future__ import annotations

from typing import Callable, Sequence

from .._base import arguments
from .._http.exchange import Exchange
from .._http.poller import Outcome, Poller
from ..clock import Clock
from ..events import Ended, Polled
from ..status import Status, StatusReport
from ..strategy import Moment, Strategy
from .decision import Again, Rules, decide, needs_strategy
from .listeners import Listeners
from .waits import Wait


class Asking:
    """Asks for the jobs of one client; safe for use from many threads.

    Args:
        poller: Makes the exchanges.
        strategy: Says how many seconds to wait after each.
        chance: Draws a number from [0, 1) for the strategy.
        rules: What ends a wait.
        listeners: Hear of polls.
        clock: The time.

    Attributes:
        first_interval: Seconds between two polls of a job that has not been answered yet: what the
            strategy says then.

    Raises:
        TypeError, ValueError: The strategy returns something else than seconds.
    """

    def __init__(
        self,
        poller: Poller,
        strategy: Strategy,
        chance: Callable[[], float],
        rules: Rules,
        listeners: Listeners,
        clock: Clock,
    ) -> None:
        self._poller = poller
        self._strategy = strategy
        self._chance = chance
        self._listeners = listeners
        self._clock = clock
        first = Moment(1, 0.0, remaining=rules.max_wait_time, chance=0.0)
        self.first_interval = self._ask_strategy(first)

    def ask(self, job_ids: Sequence[str | None], exchange: Exchange) -> Sequence[Outcome]:
        """Makes one exchange, and returns what it told of each job."""
        if not job_ids:
            return []
        try:
            return self._poller.poll(job_ids, exchange)
        except BaseException as error:  # noqa: BLE001 - SystemExit and the like, of a session's auth
            return [Outcome(error)] * len(job_ids)

    def decide(self, wait: Wait, outcome: Outcome, paused_until: float) -> Again | Ended:
        """Takes one answer to the future, and returns what follows on it.

        Args:
            wait: It goes on.
            outcome: What was told of its job.
            paused_until: No request at all starts before this moment.
        """
        future, result, seconds = wait.future, outcome.result, None
        is_silent = future.report is None
        if isinstance(result, StatusReport) and result.status is Status.PENDING:
            future.set_report(result)
        now = self._clock.monotonic()
        if needs_strategy(wait, outcome):
            try:
                seconds = self._ask_strategy(self._moment_of(wait, now))
            except BaseException as error:  # noqa: BLE001 - the future gets it
                outcome = Outcome(error)
            now = self._clock.monotonic()
        decision = decide(wait, outcome, seconds, now, paused_until - now)
        if self._listeners.wants_poll(outcome):
            self._tell(wait, outcome, decision, is_silent)
        if future.ends:
            return decision  # its deadline came, or it was cancelled, while the user's code ran
        if isinstance(decision, Again):
            future.last_error = decision.failure or future.last_error
        elif decision.report is not None and decision.report is not future.report:
            future.last_error = decision.last_error
            future.set_report(decision.report)
        return decision

    def _moment_of(self, wait: Wait, now: float) -> Moment:
        return Moment(
            wait.future.attempts,
            now - wait.began,
            None,
            None if wait.deadline is None else max(0.0, wait.deadline - now),
            wait.future.report,
            self._chance(),
        )

    def _ask_strategy(self, moment: Moment) -> float:
        return arguments.number("the strategy's wait", self._strategy(moment), least=0)

    def _tell(self, wait: Wait, outcome: Outcome, decision: Again | Ended, is_silent: bool) -> None:
        result = outcome.result
        report, error = (result, None) if isinstance(result, StatusReport) else (None, result)
        if isinstance(decision, Again):
            error = decision.failure
        elif error is not None:
            error = decision.error or decision.last_error
        event = Polled(
            wait.future.job_id,
            wait.rules.service,
            wait.future.attempts,
            wait.took,
            outcome.status_code,
            report,
            error,
            decision.seconds if isinstance(decision, Again) else None,
            is_silent,
        )
        self._listeners.tell(wait.stream, event)
