"""What a store knows of a wait, as plain values, and how an answer or an end becomes text.

No secret of the user's is in them: a base URL comes without its credentials. What the service gives
of a finished job, such as a presigned URL, is.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from ..errors import JobNotFoundError, PollError, RejectedError
from ..events import Ended
from ..status import Hints, Status, StatusReport


class Key(NamedTuple):
    """Which wait: two submits with the same key are for one job.

    Attributes:
        service: The name of the service.
        base_url: Where it stands, without credentials.
        account: The user's label for whose jobs they are; the key is in no file.
        job_id: The job; empty for a service with one unnamed job.
    """

    service: str
    base_url: str
    account: str
    job_id: str


class Limits(NamedTuple):
    """What ends a wait; None is no such limit."""

    max_attempts: int | None
    max_wait_time: float | None


NO_LIMITS = Limits(None, None)

# The largest number that SQLite has.
_MOST_ATTEMPTS = 2**63 - 1


def limits_of(max_attempts: int | None, max_wait_time: float | None) -> Limits:
    """Returns limits as they can be written."""
    attempts = None if max_attempts is None else min(max_attempts, _MOST_ATTEMPTS)
    return Limits(attempts, max_wait_time)


class Progress(NamedTuple):
    """How far a wait has come.

    Attributes:
        attempts: Polls that were started.
        elapsed: Seconds of the wait so far.
        next_poll: Seconds from then until its next poll; None: as soon as possible.
        pending_until: As of ``Ended``.
        ended_by: As of ``Ended``.
        report: The latest answer, or None.
        failure: Why the latest poll that failed in passing did, or None.
    """

    attempts: int = 0
    elapsed: float = 0.0
    next_poll: float | None = None
    pending_until: float | None = None
    ended_by: float | None = None
    report: StatusReport | None = None
    failure: PollError | None = None


class Record(NamedTuple):
    """A wait as it stands in the file.

    Attributes:
        id: Its number there.
        key: Which wait.
        owner: Who polls for it, or did when it ended, or None.
        hints: What the user knew of the job.
        limits: What ends it.
        submitted_at: Seconds since the epoch.
        progress: How far it has come.
        written_at: Seconds since the epoch at which that was so.
        end: How it ended, or None.
    """

    id: int
    key: Key
    owner: int | None
    hints: Hints
    limits: Limits
    submitted_at: float
    progress: Progress
    written_at: float
    end: Ended | None

    def age(self, now: float) -> float:
        """Returns the seconds since it was written; of a clock that was set back, none.

        So what is left of a wait is never more than it was, whatever the clock says.
        """
        return max(0.0, now - self.written_at)

    def next_poll(self, now: float) -> float:
        """Returns the seconds until its next poll, by now."""
        return max(0.0, (self.progress.next_poll or 0.0) - self.age(now))


def job_id_of(key: Key) -> str | None:
    """Returns a job id as the client takes it."""
    return key.job_id or None


def report_as_text(report: StatusReport | None) -> str | None:
    """Returns an answer as JSON, with the payload only of a job that has completed.

    What went wrong may repeat the key that was sent; the error and its code never do.
    """
    if report is None:
        return None
    fields: dict[str, Any] = {
        name: value
        for name, value in vars(report).items()
        if value is not None and not (name == "payload" and report.status is not Status.COMPLETED)
    }
    return json.dumps(fields, default=str)


def report_of(text: str | None) -> StatusReport | None:
    """Returns an answer from its JSON."""
    if text is None:
        return None
    fields = json.loads(text)
    fields["status"] = Status(fields["status"])
    return StatusReport(**fields)


def failure_as_text(failure: PollError | None) -> str | None:
    """Returns why a poll has failed as JSON."""
    return None if failure is None else json.dumps([failure.reason, failure.status_code])


def failure_of(text: str | None, key: Key) -> PollError | None:
    """Returns why a poll has failed from its JSON."""
    if text is None:
        return None
    reason, status_code = json.loads(text)
    return PollError(reason, job_id_of(key), status_code)


_ERRORS = {kind.__name__: kind for kind in (RejectedError, JobNotFoundError)}


def end_as_text(end: Ended) -> str:
    """Returns what of an end is not in its wait's other columns, as JSON."""
    fields: dict[str, Any] = {"status": end.status}
    for name in ("limit", "limit_value", "pause"):
        value = getattr(end, name)
        if value:
            fields[name] = value
    if isinstance(end.error, RejectedError):
        fields["error"] = {
            "type": type(end.error).__name__,
            "reason": end.error.reason,
            "status_code": end.error.status_code,
            "advice": end.error.advice,
        }
    return json.dumps(fields)


def end_of(text: str, key: Key, hints: Hints, submitted_at: float, progress: Progress) -> Ended:
    """Returns an end from its JSON and the other columns of its wait."""
    fields = json.loads(text)
    error, told = None, fields.get("error")
    job_id = job_id_of(key)
    if told is not None:
        kind = _ERRORS.get(told["type"], RejectedError)
        error = kind(told["reason"], job_id, told["status_code"], told["advice"])
    return Ended(
        job_id,
        key.service,
        Status(fields["status"]),
        progress.attempts,
        progress.elapsed,
        progress.report,
        error,
        progress.failure,
        fields.get("limit"),
        fields.get("limit_value"),
        fields.get("pause", 0.0),
        *hints,
        progress.pending_until,
        progress.ended_by,
        submitted_at,
    )
