"""What follows on an answer, or on its absence: the specification of how waits go on and end."""

import pytest

from video_translation_client import (
    Clock,
    Ended,
    JobNotFoundError,
    PollError,
    RejectedError,
    Status,
    StatusFuture,
    StatusReport,
)
from video_translation_client._http.poller import Outcome
from video_translation_client._scheduling.decision import Again, Rules, decide, needs_strategy
from video_translation_client._scheduling.waits import Poll, Wait
from video_translation_client.future import Owner

pytestmark = pytest.mark.one_python

NOW = 20.0
"""Seconds since the submit at which the answer comes; the deadline is at 60."""

RULES = Rules("acme", 10, 60.0, missing_delay=30.0, result_delay=30.0)
LEISURELY = RULES._replace(min_interval=30.0)
PENDING = StatusReport(Status.PENDING, "running")
DONE = StatusReport(Status.COMPLETED, "done", result="https://files.example/v.mp4")
BARE = StatusReport(Status.COMPLETED, "done")
FAILED = StatusReport(Status.ERROR, "failed", error="no speech")
DROPPED = PollError("no answer", "job-1")
REFUSED = RejectedError("HTTP status 403", "job-1", 403)
MISSING = JobNotFoundError("no such job", "job-1", 404)
BROKEN = SystemExit("of the session's auth")


def a_wait(rules=RULES, **known):
    """A wait whose third poll is answered, with what else is ``known`` of it."""
    future = StatusFuture("job-1", Owner(), Clock())
    future.attempts = known.pop("attempts", 3)
    future.report = known.pop("report", PENDING)
    future.last_error = known.pop("last_error", None)
    wait = Wait(future, rules, 0.0)
    for name, value in known.items():
        setattr(wait, name, value)
    future.ended_by = wait.job_end and wait.job_end_at
    return wait


def follows(outcome, seconds=5.0, now=NOW, pause=0.0, **known):
    """What follows on an outcome; the strategy says ``seconds`` if it is asked."""
    wait = a_wait(**known)
    if outcome is not None and not needs_strategy(wait, outcome):
        seconds = None
    return decide(wait, outcome, seconds, now, pause)


# An answer, what is known of the wait, and in how many seconds its job is asked for again.
AGAIN = {
    "still running": (Outcome(PENDING), {}, 5.0),
    "nothing told by an answer for many": (Outcome(None), {}, 5.0),
    "a poll failed in passing": (Outcome(DROPPED), {}, 5.0),
    "the strategy wants it at once": (Outcome(PENDING), {"seconds": 0.0}, 0.0),
    "the service wants a pause for this job": (Outcome(PENDING, 20.0), {}, 20.0),
    "the strategy waits longer than that": (Outcome(PENDING, 2.0), {}, 5.0),
    "so after a failure": (Outcome(DROPPED, 20.0), {}, 20.0),
    "a pause of all jobs is the pace's": (Outcome(PENDING), {"pause": 20.0}, 5.0),
    "a pause of a year, without a deadline": (
        Outcome(PENDING, 3e7),
        {"rules": RULES._replace(max_wait_time=None)},
        24 * 60 * 60.0,
    ),
    "a strategy's year, without a deadline": (
        Outcome(PENDING),
        {"rules": RULES._replace(max_wait_time=None), "seconds": 3e7},
        3e7,
    ),
    "the last poll is just before the deadline": (Outcome(PENDING), {"seconds": 50.0}, 39.9),
    "earlier if answers take long": (Outcome(PENDING), {"seconds": 50.0, "took": 1.0}, 38.0),
    "never more than a tenth before": (Outcome(PENDING), {"seconds": 50.0, "took": 9.0}, 34.0),
    "at the last moment, as poll_now was called": (
        Outcome(PENDING),
        {"now": 59.95, "poll_again": True},
        0.0,
    ),
    "a new job may appear": (Outcome(MISSING), {"report": None}, 5.0),
    "completed, and its result follows": (Outcome(BARE), {}, 2.0),
    "the strategy asks for the result sooner": (Outcome(BARE), {"seconds": 1.0}, 1.0),
    "a failure while the result is awaited": (
        Outcome(DROPPED),
        {"job_end": BARE, "job_end_at": 10.0},
        2.0,
    ),
    "after half a minute as the strategy says": (
        Outcome(DROPPED),
        {"job_end": FAILED, "job_end_at": -20.0},
        5.0,
    ),
    "an answer for many told the end": (Outcome(DONE, alone=True), {}, 0.0),
    "that of a failed job as well": (Outcome(FAILED, alone=True), {}, 0.0),
    "an answer for many tells nothing of it": (Outcome(None, alone=True), {}, 5.0),
    "not oftener than the service wants, from poll to poll": (
        Outcome(PENDING),
        {"rules": LEISURELY, "asked": 18.0},
        28.0,
    ),
    "so after a failure as well": (Outcome(DROPPED), {"rules": LEISURELY, "asked": 18.0}, 28.0),
    "and where an answer for many told nothing": (
        Outcome(None, alone=True),
        {"rules": LEISURELY, "asked": 18.0},
        28.0,
    ),
    "seldom enough": (
        Outcome(PENDING),
        {"rules": LEISURELY, "asked": 18.0, "seconds": 28.5},
        28.5,
    ),
    "after an answer that took longer": (
        Outcome(PENDING),
        {"rules": LEISURELY, "asked": -11.0},
        5.0,
    ),
    "the last poll is never too early": (
        Outcome(PENDING),
        {"rules": LEISURELY, "asked": 39.0, "now": 40.0},
        19.9,
    ),
    "the end of a job is read at once": (
        Outcome(DONE, alone=True),
        {"rules": LEISURELY, "asked": 19.0},
        0.0,
    ),
    "and its result soon": (Outcome(BARE), {"rules": LEISURELY, "asked": 19.0}, 2.0),
}


@pytest.mark.parametrize(("outcome", "known", "seconds"), AGAIN.values(), ids=AGAIN)
def test_a_wait_goes_on(outcome, known, seconds):
    """A job that may still tell something new is asked for again, at a known moment."""
    again = follows(outcome, **known)
    assert isinstance(again, Again)
    assert again.seconds == pytest.approx(seconds)


# An answer or None for the deadline, what is known of the wait, the status and the limit.
ENDS = {
    "completed": (Outcome(DONE), {}, "completed", None),
    "failed": (Outcome(FAILED), {}, "error", None),
    "completed without a result, of a service that has none": (
        Outcome(BARE),
        {"rules": RULES._replace(result_delay=0.0)},
        "completed",
        None,
    ),
    "completed, and no result within half a minute": (
        Outcome(BARE),
        {"job_end": BARE, "job_end_at": -10.0},
        "completed",
        None,
    ),
    "failed, after the answer for many said so": (
        Outcome(FAILED),
        {"job_end": FAILED, "job_end_at": NOW},
        "error",
        None,
    ),
    "completed by the last poll": (Outcome(DONE), {"attempts": 10}, "completed", None),
    "rejected": (Outcome(REFUSED), {}, "rejected", None),
    "no such job, and it is not new": (Outcome(MISSING), {"now": 31.0}, "rejected", None),
    "what the user's code raised": (Outcome(BROKEN), {}, "abandoned", None),
    "rejected, but the job had ended": (
        Outcome(REFUSED),
        {"job_end": DONE, "job_end_at": NOW},
        "completed",
        None,
    ),
    "the last poll": (Outcome(PENDING), {"attempts": 10}, "timeout", "max_attempts"),
    "the last poll failed": (Outcome(DROPPED), {"attempts": 10}, "timeout", "max_attempts"),
    "the last poll found no new job": (
        Outcome(MISSING),
        {"attempts": 10},
        "timeout",
        "max_attempts",
    ),
    "the last poll, and the end is known": (
        Outcome(DROPPED),
        {"attempts": 10, "job_end": FAILED},
        "error",
        None,
    ),
    "no time for another poll": (Outcome(PENDING), {"now": 59.95}, "timeout", "max_wait_time"),
    "a pause for this job beyond the deadline": (
        Outcome(PENDING, 41.0),
        {},
        "timeout",
        "retry_after",
    ),
    "a pause for all jobs beyond it": (
        Outcome(DROPPED),
        {"pause": 40.0},
        "timeout",
        "retry_after",
    ),
    "such a pause, and the end is known": (
        Outcome(DROPPED),
        {"pause": 40.0, "job_end": DONE},
        "completed",
        None,
    ),
    "the deadline, while its job is asked for": (
        None,
        {"now": 60.0, "poll": Poll(59.0), "pause": 5.0},
        "timeout",
        "max_wait_time",
    ),
    "the deadline, while it is queued": (None, {"now": 60.0}, "timeout", "max_wait_time"),
    "the deadline in a pause": (None, {"now": 50.0, "pause": 20.0}, "timeout", "retry_after"),
    "the deadline, and the end is known": (
        None,
        {"now": 60.0, "job_end": DONE, "poll": Poll(59.0)},
        "completed",
        None,
    ),
    "the deadline in the callback that hears of the end": (
        None,
        {"now": 60.0, "report": FAILED},
        "error",
        None,
    ),
}


@pytest.mark.parametrize(("outcome", "known", "status", "limit"), ENDS.values(), ids=ENDS)
def test_a_wait_ends(outcome, known, status, limit):
    """It ends once nothing new can be told of its job, or a limit forbids to ask."""
    end = follows(outcome, **known)
    assert isinstance(end, Ended)
    assert (end.status, end.limit) == (status, limit)
    assert (end.job_id, end.service) == ("job-1", "acme")
    assert end.attempts == known.get("attempts", 3)
    assert end.elapsed == known.get("now", NOW)
    assert (end.error is None) == (status not in ("rejected", "abandoned"))
    assert (end.reason is None) == (status == "completed")


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        ({"attempts": 0}, "it was not asked for until the limit was reached"),
        ({"poll": Poll(59.0)}, "the poll under way had no answer"),
        ({}, "the answers for many jobs told nothing of it"),
    ],
)
def test_a_wait_without_any_answer_has_a_reason_for_it(known, reason):
    """Why no status was received is told apart, as ``last_error``."""
    end = follows(None, now=60.0, report=None, **known)
    assert reason in end.last_error.reason
    assert "no status was received" in end.reason


@pytest.mark.parametrize(
    ("outcome", "known", "ended_by"),
    [
        (Outcome(DONE), {}, NOW),
        (Outcome(FAILED), {"job_end": FAILED, "job_end_at": 12.0}, 12.0),
        (Outcome(REFUSED), {"job_end": DONE, "job_end_at": 12.0}, 12.0),
        (Outcome(BROKEN), {"job_end": DONE, "job_end_at": 12.0}, 12.0),
        (Outcome(DROPPED), {"attempts": 10, "job_end": FAILED, "job_end_at": 12.0}, 12.0),
        (None, {"now": 60.0, "job_end": DONE, "job_end_at": 12.0}, 12.0),
        (Outcome(PENDING), {"attempts": 10}, None),
        (Outcome(REFUSED), {}, None),
        (None, {"now": 60.0}, None),
    ],
)
def test_the_moment_by_which_a_job_has_ended_is_that_at_which_its_end_was_told_first(
    outcome, known, ended_by
):
    """However long it took to read the rest, and whatever the wait itself ended by."""
    assert follows(outcome, **known).ended_by == ended_by


def test_a_failure_before_it_stays_the_reason():
    """What went wrong last is told of a wait that ends at its limit."""
    assert follows(None, now=60.0, report=None, last_error=DROPPED).last_error is DROPPED


@pytest.mark.parametrize(
    ("outcome", "known", "asked"),
    [
        (Outcome(PENDING), {}, True),
        (Outcome(None), {}, True),
        (Outcome(DROPPED), {}, True),
        (Outcome(MISSING), {}, True),
        (Outcome(BARE), {}, True),
        (Outcome(DONE), {}, False),
        (Outcome(FAILED), {}, False),
        (Outcome(REFUSED), {}, False),
        (Outcome(BROKEN), {}, False),
        (Outcome(PENDING), {"attempts": 10}, False),
        (Outcome(MISSING), {"job_end": DONE}, False),
    ],
)
def test_the_strategy_is_asked_only_where_its_word_counts(outcome, known, asked):
    """No code of the user runs for a wait that ends anyway."""
    assert needs_strategy(a_wait(**known), outcome) is asked


@pytest.mark.parametrize(
    ("outcome", "known", "is_alone", "is_held", "is_free"),
    [
        (Outcome(PENDING), {}, False, False, False),
        (Outcome(PENDING, 3.0), {}, False, True, False),
        (Outcome(None, alone=True), {}, True, False, False),
        (Outcome(DONE, alone=True), {}, True, False, True),
        (Outcome(BARE), {}, True, False, False),
        (Outcome(DROPPED), {"job_end": DONE, "job_end_at": NOW}, True, False, False),
        (Outcome(PENDING), {"job_end": DONE, "job_end_at": NOW}, False, False, False),
    ],
)
def test_how_a_job_is_asked_for_next(outcome, known, is_alone, is_held, is_free):
    """It is asked by itself, not early, or without costing an attempt, where the answer says so."""
    again = follows(outcome, **known)
    assert (again.alone, again.held, again.free) == (is_alone, is_held, is_free)


def test_the_end_that_is_known_is_kept_with_the_moment_at_which_it_was_told_first():
    """It counts from then on how long its result is awaited, unless the job runs again."""
    first = follows(Outcome(BARE))
    assert (first.end, first.end_at) == (BARE, NOW)
    later = follows(Outcome(BARE), now=25.0, job_end=BARE, job_end_at=NOW)
    assert (later.end, later.end_at) == (BARE, NOW)
    assert follows(Outcome(PENDING), job_end=BARE, job_end_at=NOW).end is None


@pytest.mark.parametrize("outcome", [Outcome(MISSING, 7.0), Outcome(REFUSED, 7.0)])
def test_a_rejection_that_ends_no_wait_is_a_failure_in_passing_with_all_its_facts(outcome):
    """The header that holds for its job is not lost with the type of the error."""
    known = {} if outcome.result is MISSING else {"job_end": DONE, "job_end_at": NOW}
    what = follows(outcome, **known)
    failure = what.failure if isinstance(what, Again) else what.last_error
    assert isinstance(failure, PollError)
    assert (failure.job_id, failure.status_code, failure.retry_after) == (
        "job-1",
        outcome.result.status_code,
        7.0,
    )
    assert outcome.result.reason in failure.reason
