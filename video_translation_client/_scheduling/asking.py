"""One job's way through a poll, on a worker: what was answered, and what is decided of it.

Here the user's strategy and update callbacks run; no lock is held, and no wait is changed.
"""

from __future__ import annotations

from typing import Callable, Sequence

from .._http.exchange import Exchange
from .._http.poller import Outcome, Poller
from ..clock import Clock
from ..events import Ended, Polled
from ..status import Status, StatusReport
from ..strategy import Moment
from .advice import Advice, Range
from .decision import Again, Rules, decide, needs_strategy
from .listeners import Listeners
from .waits import Wait

# How many readings of its progress are remembered of a job.
_MOST_READINGS = 16


class Asking:
    """Asks for the jobs of one client; safe for use from many threads.

    Args:
        poller: Makes the exchanges.
        advice: Says how many seconds to wait after each.
        chance: Draws a number from [0, 1) for the strategy.
        rules: What ends a wait.
        listeners: Hear of polls.
        clock: The time.

    Attributes:
        first_interval: Seconds between two polls of a job that has not been answered yet: what the
            strategy says then.

    Raises:
        TypeError, ValueError: The strategy returns something else than seconds.
        BaseException: What it raises.
    """

    def __init__(
        self,
        poller: Poller,
        advice: Advice,
        chance: Callable[[], float],
        rules: Rules,
        listeners: Listeners,
        clock: Clock,
    ) -> None:
        self._poller = poller
        self._advice = advice
        self._chance = chance
        self._listeners = listeners
        self._clock = clock
        first = Moment(1, 0.0, None, rules.max_wait_time, chance=0.0, service=rules.service)
        self.first_interval = max(rules.min_interval, advice.first_wait(first))

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
            _note_pending(wait, result)
            future._set_report(result)
        now = self._clock.monotonic()
        if wait.rests:  # when its job is asked for is decided elsewhere
            seconds = 0.0 if needs_strategy(wait, outcome) else None
        elif needs_strategy(wait, outcome):
            seconds = self._advice.wait(_moment_of(wait, now, self._chance()))
            now = self._clock.monotonic()
        decision = decide(wait, outcome, seconds, now, paused_until - now)
        if not wait.rests and self._listeners.wants_poll(outcome):
            self._tell(wait, outcome, decision, is_silent)
        if future.ends:
            return decision  # its deadline came, or it was cancelled, while the user's code ran
        if isinstance(decision, Again):
            future.last_error = decision.failure or future.last_error
            if decision.end is not None:
                future.ended_by = decision.end_at - wait.began
        elif decision.report is not None and decision.report is not future.report:
            future.last_error, future.ended_by = decision.last_error, decision.ended_by
            future._set_report(decision.report)
        return decision

    def estimate(self, wait: Wait) -> Range | None:
        """Returns when a job is likely to end, from now on; None: nobody knows, or it has ended.

        For any thread, also while another one asks for the job: nothing is locked or changed.
        """
        if wait.future.ended_by is not None:
            return None
        return self._advice.estimate(_moment_of(wait, self._clock.monotonic(), 0.5))

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
            wait.rules.max_attempts,
            wait.rules.max_wait_time,
            wait.rules.is_check,
        )
        self._listeners.tell(wait.stream, event)


def _moment_of(wait: Wait, now: float, chance: float) -> Moment:
    future, elapsed = wait.future, now - wait.began
    age, expected, group = future.hints
    return Moment(
        future.attempts,
        elapsed,
        None if age is None else age + elapsed,
        None if wait.deadline is None else max(0.0, wait.deadline - now),
        future.report,
        chance,
        expected,
        group,
        wait.rules.service,
        None,
        wait.progress,
        future.job_id,
        future.submitted_at,
    )


def _note_pending(wait: Wait, report: StatusReport) -> None:
    """Remembers until when a job was surely pending, and how far it was."""
    future = wait.future
    future.ended_by, future.pending_until = None, wait.asked - wait.began
    if report.progress is not None:
        answered = wait.since + wait.took - wait.began
        wait.progress = (*wait.progress[1 - _MOST_READINGS :], (answered, report.progress))
