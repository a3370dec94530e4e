"""Everything that can go wrong between the client and the service, as one tree.

    VideoTranslationError
     |-- PollError       one poll failed in passing; the wait goes on
     |-- DownloadError   a finished job's file could not be had
     `-- RejectedError   no poll of this job can succeed; the wait ends
          `-- JobNotFoundError   the service knows no such job

A job that the service reports as failed is none of these: it ends as ``'error'``.
"""

from __future__ import annotations

from ._base.text import quote

KEEP_WAITING = "to keep waiting, submit the same job id again"
"""What to do about a wait that ended before its job."""


class VideoTranslationError(Exception):
    """The base of the library's errors; ``str(error)`` names the job, what was wrong, what to do.

    Attributes:
        reason: What was wrong, without the job's name.
        job_id: The job that was asked for; None for a service with one unnamed job.
        status_code: The HTTP status of the answer; None where there was no answer.
        advice: What to do about it, or None.
    """

    def __init__(
        self,
        reason: str,
        job_id: str | None = None,
        status_code: int | None = None,
        advice: str | None = None,
    ) -> None:
        super().__init__(reason, job_id, status_code, advice)
        self.reason = reason
        self.job_id = job_id
        self.status_code = status_code
        self.advice = advice

    def __str__(self) -> str:
        text = f"{name_job(self.job_id)}: {self.reason}"
        return text if self.advice is None else f"{text}; {self.advice}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"


class PollError(VideoTranslationError):
    """One poll failed in passing.

    There was no connection, no answer in time, a 408, 425, 429 or 5xx, or a body that is no
    valid status. It costs an attempt and the wait goes on; ``future.last_error`` is the latest.

    Attributes:
        retry_after: Seconds for which the service asks to be left alone, or None.
    """

    retry_after: float | None = None


class RejectedError(VideoTranslationError):
    """No poll of this job can succeed.

    The answer was a 401, 403, 404 or another 4xx, the two sides do not take each other's
    certificates, or the request can't be made at all. It ends the wait; ``future.result()`` and
    ``get_status`` raise it.
    """


class JobNotFoundError(RejectedError):
    """The service knows no such job, and the time in which a new one may appear is over."""


class DownloadError(VideoTranslationError):
    """A job's file could not be had; nothing of it is on the disk.

    Attributes:
        url: From where, without its query, which is a secret; None where there was no URL.
    """

    def __init__(
        self,
        reason: str,
        job_id: str | None = None,
        status_code: int | None = None,
        advice: str | None = None,
        url: str | None = None,
    ) -> None:
        super().__init__(reason, job_id, status_code, advice)
        self.args = (*self.args, url)
        self.url = url


# A traceback names what it shows so, and users import these from there. Values and settings keep
# their modules, as ``typing.get_type_hints`` looks up the names of their fields in those.
for _error in (VideoTranslationError, PollError, RejectedError, JobNotFoundError, DownloadError):
    _error.__module__ = "video_translation_client"


def abandoned(job_id: str | None, why: str) -> VideoTranslationError:
    """Returns the error of a wait that can't go on although its job may."""
    return VideoTranslationError(
        f"the wait was abandoned ({why}), and the job may still be running",
        job_id,
        advice=KEEP_WAITING,
    )


def name_job(job_id: str | None) -> str:
    """Returns how messages speak of a job; a very long id is shortened."""
    if job_id is None:
        return "the job"
    return f"job {quote(job_id if len(job_id) <= 100 else job_id[:97] + '...')}"
