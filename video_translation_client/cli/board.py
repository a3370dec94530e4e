"""What is known of all jobs of a watch. Only the thread that writes uses it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional, Sequence

from ..clock import Clock
from ..status import Status
from .exit_status import ExitStatus
from .wording import ended as why_ended

if TYPE_CHECKING:
    from ..errors import PollError
    from ..events import Ended
    from ..future import StatusFuture
    from .downloading import Saved

    JobId = Optional[str]

PENDING = Status.PENDING.value
COMPLETED = Status.COMPLETED.value
ERROR = Status.ERROR.value
TIMEOUT = Status.TIMEOUT.value
REJECTED = Status.REJECTED.value

# How waits end, and what the process then tells its caller.
_ENDS = {
    COMPLETED: ExitStatus.COMPLETED,
    ERROR: ExitStatus.FAILED,
    REJECTED: ExitStatus.REJECTED,
    TIMEOUT: ExitStatus.RUNNING,
    Status.CANCELLED.value: ExitStatus.RUNNING,
    Status.ABANDONED.value: ExitStatus.RUNNING,
}


class Job:
    """What is known of one job, as the thread that writes has come to know it.

    Attributes:
        future: The wait.
        status: ``pending``, one of the ends, or None before the first answer.
        progress: From 0 to 1, or None.
        reason: Why it ended as it did; of a completed job, what is wrong with its result or its
            download, mostly nothing.
        is_downloading: Whether the wait has ended, and the result is being downloaded.
        saved: What has been downloaded, or None.
    """

    __slots__ = (
        *("_end", "_old_error", "future", "is_downloading", "progress", "reason"),
        *("saved", "status"),
    )

    def __init__(self, future: StatusFuture) -> None:
        self.future = future
        self.status: str | None = None
        self.progress: float | None = None
        self.reason: str | None = None
        self.is_downloading = False
        self.saved: Saved | None = None
        self._end: Ended | None = None
        self._old_error: PollError | None = None

    @property
    def is_running(self) -> bool:
        """Whether its wait has not ended."""
        return self._end is None

    @property
    def result(self) -> Any:
        """What the service gives of the finished job, or None."""
        report = self.future.report
        return None if report is None else report.result

    @property
    def path(self) -> str | list[str] | None:
        """Where its result has been downloaded to: a file, or several, or None."""
        paths = () if self.saved is None else self.saved.paths
        return paths[0] if len(paths) == 1 else list(paths) or None

    @property
    def estimate(self) -> tuple[float, float, float] | None:
        """Seconds until one such job in ten is done, five, and nine.

        None: that is not known, or it takes longer than was likely.
        """
        median, bounds = self.future.eta, self.future.eta_range
        return (bounds[0], median, bounds[1]) if median and bounds else None

    @property
    def trouble(self) -> PollError | None:
        """What went wrong with a poll since the latest answer."""
        error = self.future.last_error if self._end is None else self._end.last_error
        return None if error is self._old_error else error

    def answer(self, status: Status) -> bool:
        """Takes one answer; returns whether it says anything new."""
        before = self.status, self.progress
        self.status, self._old_error = status.value, self.future.last_error
        self._note_progress()
        return before != (self.status, self.progress)

    def end(self, end: Ended, saved: Saved | None) -> None:
        """Takes how the wait ended, and what was downloaded then."""
        self._end, self.saved = end, saved
        self._note_progress()
        self.status, self.reason = end.status.value, why_ended(end)
        if end.status is Status.TIMEOUT and self.trouble:
            self.reason = f"{self.trouble.reason}; {self.reason}"
        if saved is not None:
            self.reason = saved.problem

    def _note_progress(self) -> None:
        report = self.future.report
        self.progress = None if report is None else report.progress


class Board:
    """All jobs of a watch, kept so that a look at it costs little with 10,000 of them.

    Attributes:
        job_ids: All jobs, in the order in which they were asked for.
        jobs: Those whose wait has begun, in the same order.
        running: Those of them that have not ended.
        ended: The others, by how they ended, in the order in which they did.
        interrupted: What the process tells its caller of the signal that ended it all, or None.
    """

    def __init__(self, job_ids: Sequence[JobId]) -> None:
        self.job_ids = dict.fromkeys(job_ids)
        self.jobs: dict[JobId, Job] = {}
        self.running: dict[JobId, Job] = {}
        self.ended: dict[str, list[Job]] = {word: [] for word in _ENDS}
        self.interrupted: ExitStatus | None = None
        self._polls_of_ended = 0
        self._clock = Clock()
        self._began = self._clock.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the watch began."""
        return self._clock.monotonic() - self._began

    @property
    def polls(self) -> int:
        """How many polls were started, of all jobs together."""
        running = sum(job.future.attempts for job in self.running.values())
        return self._polls_of_ended + running

    @property
    def next_poll(self) -> float | None:
        """Seconds until the next poll; None while one is under way."""
        waiting = [job for job in self.running.values() if not job.is_downloading]
        moments = [job.future.next_poll for job in waiting]
        known = [moment for moment in moments if moment is not None]
        return min(known) if known and len(known) == len(moments) else None

    @property
    def trouble(self) -> PollError | None:
        """What went wrong with the latest poll of some running job."""
        errors = (job.trouble for job in self.running.values())
        return next((error for error in errors if error is not None), None)

    @property
    def unfinished(self) -> list[JobId]:
        """The jobs that were still running, or not downloaded, when the watch ended, in order."""
        finished = {
            job.future.job_id
            for word, jobs in self.ended.items()
            if _ENDS[word] is not ExitStatus.RUNNING
            for job in jobs
            if job.saved is None or job.saved.problem is None or job.saved.is_final
        }
        return [job_id for job_id in self.job_ids if job_id not in finished]

    @property
    def waits_go_on(self) -> bool:
        """Whether nothing but a signal has come between the unfinished jobs and their waits."""
        return all(job_id in self.running for job_id in self.unfinished)

    @property
    def exit_status(self) -> ExitStatus:
        """What the process tells its caller: that of the end that counts most."""
        if self.interrupted:
            return self.interrupted
        ends = [status for word, status in _ENDS.items() if self.ended[word]]
        if any(map(_lacks_file, self.ended[COMPLETED])):
            ends.append(ExitStatus.REJECTED)
        return max(ends, default=ExitStatus.COMPLETED)

    def add(self, job: Job) -> None:
        """Takes in a job whose wait has begun."""
        self.job_ids[job.future.job_id] = None
        self.jobs[job.future.job_id] = self.running[job.future.job_id] = job

    def end(self, job: Job, end: Ended, saved: Saved | None) -> None:
        """Books the end of a job's wait, and of its download."""
        job.end(end, saved)
        del self.running[job.future.job_id]
        self._polls_of_ended += end.attempts
        self.ended[end.status.value].append(job)


def where(job: Job) -> str:
    """Returns where the result of a job is, for people; an empty text: nowhere."""
    return "" if job.saved is None else ", ".join(job.saved.paths)


def _lacks_file(job: Job) -> bool:
    return job.saved is not None and job.saved.problem is not None
