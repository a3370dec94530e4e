"""What follows on an answer, or on its absence: another poll, or the end of the wait.

Pure: it reads what it is given, changes nothing, and knows no clock. Nobody else decides how a
wait ends; the scheduler only applies what is decided here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, overload

from .._http.poller import Outcome
from ..errors import JobNotFoundError, PollError, RejectedError
from ..events import Ended
from ..status import Status, StatusReport

if TYPE_CHECKING:
    from .waits import Wait

LONGEST_PAUSE = 24 * 60 * 60.0
"""Seconds of a pause at most; a service that means longer is asked once a day."""

# Seconds before the deadline at which the last poll starts, where answers come fast.
_LEAD = 0.1

# Seconds between two polls of a job that has ended, until its result can be read, and for how
# many seconds; then the strategy's waits are long enough.
_RESULT_INTERVAL = 2.0
_RESULT_PATIENCE = 30.0


class Rules(NamedTuple):
    """What holds for a wait: most waits of one client have all of it in common.

    Attributes:
        service: The name of the service.
        max_attempts: The most polls of one job, or None.
        max_wait_time: The most seconds of one wait, or None.
        missing_delay: For how many seconds a job that the service does not know may be too new.
        result_delay: For how many seconds a completed job may still be without its result.
        min_interval: Seconds from the start of one poll of a job to that of the next, at least;
            not for the last one before the deadline, for ``poll_now``, nor for reading the result
            of a job that has ended.
        is_check: Whether one answer is all that is wanted: no wait, so no end of it is told, and
            what an answer for many does not tell of the job is asked at once.
    """

    service: str = "default"
    max_attempts: int | None = None
    max_wait_time: float | None = None
    missing_delay: float = 0.0
    result_delay: float = 0.0
    min_interval: float = 0.0
    is_check: bool = False

    def value_of(self, limit: str) -> float | None:
        """Returns what a limit is that has ended a wait, by its name in ``Ended``."""
        return self.max_attempts if limit == "max_attempts" else self.max_wait_time


class Again(NamedTuple):
    """The wait goes on.

    Attributes:
        seconds: Until the next poll.
        interval: Seconds between two polls of the job, as things are, by which the pace is
            reckoned; None: as before.
        failure: Why this poll failed in passing, or None.
        alone: Whether the job must be asked for by itself.
        held: Whether the service wants it not to be asked for any earlier.
        free: Whether the next poll goes with this one, and costs no attempt.
        end: The end of the job, of which more is to be read, or None.
        end_at: When that was told first.
    """

    seconds: float
    interval: float | None = None
    failure: PollError | None = None
    alone: bool = False
    held: bool = False
    free: bool = False
    end: StatusReport | None = None
    end_at: float = 0.0


@overload
def decide(wait: Wait, outcome: None, seconds: None, now: float, pause: float) -> Ended: ...


@overload
def decide(
    wait: Wait, outcome: Outcome, seconds: float | None, now: float, pause: float
) -> Again | Ended: ...


def decide(
    wait: Wait, outcome: Outcome | None, seconds: float | None, now: float, pause: float
) -> Again | Ended:
    """Returns what follows.

    Args:
        wait: The wait, as it was when its job was asked for.
        outcome: What the poll told of its job; None: its deadline has come instead.
        seconds: What the strategy says to wait now; None where ``needs_strategy`` says no.
        now: The time.
        pause: Seconds for which no request at all may start.
    """
    if outcome is None:
        return _at_deadline(wait, now, pause)
    end, end_at = _end_of_job(wait, outcome, now)
    if end is not None and not _is_more_to_read(wait.rules, outcome, end, now - end_at):
        return _ended(wait, now, end.status, report=end, told=end_at)
    failure = None
    if not isinstance(outcome.result, StatusReport):
        failure = _failure(wait, outcome.result, outcome.retry_after, end, now)
    if failure is not None and not isinstance(failure, PollError):
        # What the user's own code has raised says nothing of the job.
        status = Status.REJECTED if isinstance(failure, RejectedError) else Status.ABANDONED
        return _ended(wait, now, status, error=failure)
    if end is not None and isinstance(outcome.result, RejectedError):
        return _ended(wait, now, end.status, report=end, failure=failure, told=end_at)
    alone = outcome.alone or end is not None
    # An answer for many has told the end; the rest is read now. A check reads there all that such
    # an answer does not tell.
    free = outcome.alone and (end is not None or wait.rules.is_check)
    again = Again(0.0, None, failure, alone, False, free, end, end_at)
    if free:
        return again
    return _next_poll(wait, again, outcome.retry_after or 0.0, seconds, now, pause)


def needs_strategy(wait: Wait, outcome: Outcome) -> bool:
    """Says whether what follows depends on the strategy: no limit and no answer ends the wait."""
    rules, result = wait.rules, outcome.result
    if rules.max_attempts is not None and wait.future.attempts >= rules.max_attempts:
        return False
    if isinstance(result, StatusReport):
        return result.status is Status.PENDING or (_is_bare(result) and rules.result_delay > 0)
    if isinstance(result, RejectedError):
        return isinstance(result, JobNotFoundError) and wait.job_end is None
    return result is None or isinstance(result, PollError)


def _is_bare(report: StatusReport) -> bool:
    return report.status is Status.COMPLETED and report.result is None


def _end_of_job(wait: Wait, outcome: Outcome, now: float) -> tuple[StatusReport | None, float]:
    """Returns the end of the job that is known by now, and when it was told first."""
    result = outcome.result
    if not isinstance(result, StatusReport):
        return wait.job_end, wait.job_end_at
    if result.status is Status.PENDING:
        return None, 0.0
    return result, now if wait.job_end is None else wait.job_end_at


def _is_more_to_read(rules: Rules, outcome: Outcome, end: StatusReport, age: float) -> bool:
    """Says whether the service tells of an end before all is known of it."""
    if outcome.alone or outcome.result is not end:
        return True
    return _is_bare(end) and age < rules.result_delay


def _failure(
    wait: Wait,
    error: BaseException | None,
    retry_after: float | None,
    end: StatusReport | None,
    now: float,
) -> BaseException | None:
    """Returns why the poll failed: a PollError if that passes."""
    if error is None or isinstance(error, PollError):
        return error
    if isinstance(error, RejectedError) and end is not None:
        after = "the job had ended before that"
    elif isinstance(error, JobNotFoundError) and now - wait.began < wait.rules.missing_delay:
        after = f"a new job may appear for {wait.rules.missing_delay:g} s"
    else:
        return error
    passing = PollError(f"{error.reason}; {after}", error.job_id, error.status_code)
    passing.retry_after = retry_after
    return passing


def _next_poll(
    wait: Wait, again: Again, retry_after: float, seconds: float | None, now: float, pause: float
) -> Again | Ended:
    """Returns when the job is asked for next, or which limit forbids it."""
    if seconds is None:
        return _at_limit(wait, again, now, "max_attempts", wait.rules.max_attempts)
    seconds = max(seconds, wait.asked + wait.rules.min_interval - now)
    if again.end is not None and now - again.end_at < _RESULT_PATIENCE:
        seconds = min(seconds, _RESULT_INTERVAL)
    if wait.deadline is None:
        until = max(seconds, min(retry_after, LONGEST_PAUSE))
    else:
        limit = wait.rules.max_wait_time
        pause = max(retry_after, pause)
        if pause > 0 and now + pause >= wait.deadline:
            return _at_limit(wait, again, now, "retry_after", limit, pause)
        # The last poll starts in time to be answered before the deadline. Jobs that were
        # submitted together have it together, so those that queued longest start first.
        lead = min(max(_LEAD, 2 * wait.took), (limit or 0.0) / 10)
        left = wait.deadline - lead - now
        if left <= 0 and not wait.poll_again:
            return _at_limit(wait, again, now, "max_wait_time", limit)
        until = max(retry_after, min(seconds, max(0.0, left)))
    # As ``_replace`` would do in three times the time.
    _, _, failure, alone, _, free, end, end_at = again
    interval = max(seconds, retry_after)
    return Again(until, interval, failure, alone, retry_after > 0, free, end, end_at)


def _at_limit(
    wait: Wait,
    again: Again,
    now: float,
    limit: str,
    value: float | None,
    pause: float = 0.0,
    *,
    under_way: bool = False,
) -> Ended:
    """Returns the end of a wait that has used up what it may: that of its job if it is known."""
    if again.end is not None:
        return _ended(wait, now, again.end.status, report=again.end, failure=again.failure)
    failure = again.failure or wait.future.last_error
    if failure is None and wait.future.report is None:
        failure = _unanswered(wait, under_way=under_way)
    end = _ended(wait, now, Status.TIMEOUT, failure=failure)
    return replace(end, limit=limit, limit_value=value, pause=pause)


def _at_deadline(wait: Wait, now: float, pause: float) -> Ended:
    report, under_way = wait.job_end or wait.future.report, wait.poll is not None
    if report is not None and report.status is Status.PENDING:
        report = None
    # Of a job that is not being asked for, a pause may have kept us from knowing more.
    limit = "retry_after" if pause > 0 and not under_way else "max_wait_time"
    value = wait.rules.max_wait_time
    pause = pause if limit == "retry_after" else 0.0
    return _at_limit(wait, Again(0.0, end=report), now, limit, value, pause, under_way=under_way)


def _unanswered(wait: Wait, *, under_way: bool) -> PollError:
    """Returns why a limit was reached without an answer, or a failure, to any poll."""
    if not wait.future.attempts:
        why = (
            "it was not asked for until the limit was reached: requests of other jobs, max_rate,"
            " or a pause that the service asked for came before"
        )
    elif under_way:
        why = "the poll under way had no answer when the limit was reached"
    else:
        why = "the answers for many jobs told nothing of it until the limit was reached"
    return PollError(why, wait.future.job_id)


def _ended(
    wait: Wait,
    now: float,
    status: Status,
    *,
    report: StatusReport | None = None,
    error: BaseException | None = None,
    failure: PollError | None = None,
    told: float | None = None,
) -> Ended:
    """Returns an end; ``told`` is when that of the job was, if that is not known of the future."""
    future = wait.future
    return Ended(
        future.job_id,
        wait.rules.service,
        status,
        future.attempts,
        now - wait.began,
        report or future.report,
        error,
        failure or future.last_error,
        None,
        None,
        0.0,
        *future.hints,
        future.pending_until,
        future.ended_by if told is None else told - wait.began,
        future.submitted_at,
    )
