"""What happens to waits, as plain values, for whoever wants to know: metrics, a display, a store.

``VideoTranslationClient(on_event=...)`` takes them. They do nothing and know nobody.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Union

from ._base.protocols import Protocol
from ._base.text import LONGEST_REASON, quote
from .errors import KEEP_WAITING, PollError, VideoTranslationError
from .status import Status, StatusReport


@dataclass(frozen=True)
class Submitted:
    """A wait has begun.

    Attributes:
        job_id: The job, or None for a service with one unnamed job.
        service: The name of the service.
    """

    job_id: str | None
    service: str


@dataclass(frozen=True)
class Polled:
    """A poll was answered, or has failed, and the wait goes on or ends right after.

    One of ``check`` is no part of a wait: there is no ``Submitted`` before, and no ``Ended`` after.

    Attributes:
        job_id: The job.
        service: The name of the service.
        attempt: Which poll of the job it was, from 1.
        seconds: From the moment at which it was due to its answer.
        status_code: The HTTP status of the answer, or None without one.
        report: The answer; None where there was none, or where an answer for many jobs told
            nothing of this one.
        error: Why it failed, or None.
        next_poll: Seconds until the next one; None: there is none.
        silent: Whether no poll of the job has been answered so far.
        max_attempts: The most polls of this wait, or None.
        max_wait_time: Its most seconds, or None.
        is_check: Whether it was one of ``check``.
    """

    job_id: str | None
    service: str
    attempt: int
    seconds: float
    status_code: int | None
    report: StatusReport | None = field(repr=False)
    error: BaseException | None
    next_poll: float | None
    silent: bool
    max_attempts: int | None = None
    max_wait_time: float | None = None
    is_check: bool = False

    @property
    def status(self) -> Status | None:
        """The status received, or None."""
        return None if self.report is None else self.report.status


@dataclass(frozen=True)
class Paced:
    """The pace of all requests of a client has changed.

    Attributes:
        service: The name of the service.
        pause: Seconds for which no request starts, or None.
        rate: The most requests a second from now on; None: no such limit.
        why: What the service said or did.
    """

    service: str
    pause: float | None
    rate: float | None
    why: str


@dataclass(frozen=True)
class Ended:
    """How a wait ended; ``future.end`` keeps it.

    Attributes:
        job_id: The job.
        service: The name of the service.
        status: ``completed``, ``error``, ``timeout``, ``rejected``, ``cancelled`` or
            ``abandoned``.
        attempts: The polls it took.
        elapsed: The seconds it took, from the submit on.
        report: The latest answer, or None.
        error: What ``future.result()`` raises, but for a cancelled wait, or None.
        last_error: Why the latest poll that failed in passing did, or None.
        limit: For a timeout, what ended the wait: ``max_attempts``, ``max_wait_time``, or
            ``retry_after``: the service wants no request before ``max_wait_time`` is over.
        limit_value: The value of that limit; of ``max_wait_time`` for ``retry_after``.
        pause: For ``retry_after``, the seconds that the service wants.
        age: Seconds that the job had run when it was submitted here; None: not told.
        expected: Seconds that it was expected to take from its start; None: not told.
        group: What kind of job it is; None: not told.
        pending_until: Seconds since the submit at which the job was surely pending still: the
            start of the last poll that said so; None: none has.
        ended_by: Seconds since the submit at which its end was told first; None: the job is not
            known to have ended. It ended after ``pending_until``, and by this moment.
        submitted_at: Seconds since the epoch at the submit, by the client's clock.
    """

    job_id: str | None
    service: str
    status: Status
    attempts: int
    elapsed: float
    report: StatusReport | None = field(default=None, repr=False)
    error: BaseException | None = None
    last_error: PollError | None = None
    limit: str | None = None
    limit_value: float | None = None
    pause: float = 0.0
    age: float | None = None
    expected: float | None = None
    group: str | None = None
    pending_until: float | None = None
    ended_by: float | None = None
    submitted_at: float = 0.0

    @property
    def reason(self) -> str | None:
        """One sentence on why the wait ended so, without the advice; None: it completed."""
        if self.status is Status.ERROR and self.report is not None:
            return _reason_of(self.report)
        if self.status is Status.TIMEOUT:
            return self._reason_of_timeout()
        if self.status is Status.CANCELLED:
            return "the wait was cancelled; of the job this says nothing"
        if isinstance(self.error, VideoTranslationError):
            return self.error.reason
        if self.error is None:
            return None
        return f"what authenticates, or the clock, raised {type(self.error).__name__}"

    @property
    def advice(self) -> str | None:
        """What to do about it, or None."""
        if isinstance(self.error, VideoTranslationError):
            return self.error.advice
        unfinished = self.status in (Status.TIMEOUT, Status.CANCELLED)
        return KEEP_WAITING if unfinished and self.report is not None else None

    def _reason_of_timeout(self) -> str:
        polls = f"{self.attempts} poll{'s' if self.attempts != 1 else ''}"
        if self.limit == "retry_after":
            reached = (
                f"the service asks to wait another {self.pause:.0f} s (Retry-After), beyond"
                f" max_wait_time={self.limit_value:g}"
            )
        else:
            reached = f"the limit {self.limit}={self.limit_value:g} is reached"
        if self.report is None:
            return f"no status was received in {polls} and {self.elapsed:.1f} s; {reached}"
        return f"still running after {polls} in {self.elapsed:.1f} s; {reached}"


Event = Union[Submitted, Polled, Paced, Ended]


class Listener(Protocol):
    """What hears of events: ``listener(event)``, for ``on_event=``.

    Any such function is one. It is called on worker threads, in order for each job and never two at
    a time for one, and never under a lock. What it raises is logged and changes nothing.
    """

    def __call__(self, __event: Any) -> Any:
        """Takes a ``Submitted``, ``Polled``, ``Paced`` or ``Ended``."""


def _reason_of(report: StatusReport) -> str:
    code = report.error_code
    if report.error:
        reason = quote(report.error, LONGEST_REASON)
    else:
        reason = f"the service reported {quote(report.state)} and gave no reason"
    return reason if code is None or code in reason else f"{reason} ({quote(code)})"
