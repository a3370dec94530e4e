"""What an answer that ends a wait is worth: services tell some ends before all is known of them.

It decides from what it is given, and notes in the wait what is still to be read.
"""

from __future__ import annotations

from .._http.poller import Outcome
from ..errors import JobNotFoundError, PollError, RejectedError
from ..services._definition import Service
from ..status import Status, StatusReport
from .waits import Wait


class Endings:
    """Weighs the ends that one service tells; safe for use from many threads."""

    def __init__(self, service: Service) -> None:
        self._missing_delay = service.missing_delay
        self._result_delay = service.result_delay

    def weigh(
        self, wait: Wait, outcome: Outcome, now: float
    ) -> StatusReport | BaseException | None:
        """Returns what a wait is to be settled with; None: nothing yet, so its job is asked on.

        An end of which more is to be read stays in ``wait.ended``: how the wait ends if that
        can't be read.
        """
        result = outcome.result
        if isinstance(result, StatusReport):
            result = self._weigh_report(wait, result, outcome.alone, now)
        elif isinstance(result, RejectedError) and wait.ended is not None:
            wait.future.last_error = PollError(
                f"{result.reason}; the job had ended before that",
                result.job_id,
                result.status_code,
            )
            result, wait.ended = wait.ended, None
        elif isinstance(result, JobNotFoundError) and wait.future.elapsed < self._missing_delay:
            result = PollError(
                f"{result.reason}; a new job may appear for {self._missing_delay:g} s",
                result.job_id,
                result.status_code,
            )
            result.retry_after = outcome.retry_after
        wait.alone = outcome.alone or wait.ended is not None
        return result

    def _weigh_report(
        self, wait: Wait, report: StatusReport, partial: bool, now: float
    ) -> StatusReport | None:
        if report.status is Status.PENDING:
            wait.ended = None
            return report
        if wait.ended is None:
            wait.ended_at = now
        bare = report.status is Status.COMPLETED and report.result is None
        if partial or (bare and now - wait.ended_at < self._result_delay):
            wait.ended = report
            return None
        wait.ended = None
        return report
