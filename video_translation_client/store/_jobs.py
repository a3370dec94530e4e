"""Which jobs one client waits for with a store, and which of its futures leads for each.

Changed on the desk's thread alone; any thread may look a job up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Iterator

    from ._future import StoredFuture


class Job:
    """A job that is waited for here.

    Attributes:
        number: That of its wait in the file; None: it could not be written.
        futures: Those that have not ended, and those whose end is still to be dealt with.
        leader: Which of them is polled for; None: another client polls.
        is_new: Whether it is still to be looked up what others have written of it.
        attempts: Polls of others by the latest answer that the followers were told.
    """

    __slots__ = ("attempts", "futures", "is_new", "leader", "number")

    def __init__(self, number: int | None) -> None:
        self.number = number
        self.futures: list[StoredFuture] = []
        self.leader: StoredFuture | None = None
        self.is_new = True
        self.attempts = 0

    def followers(self) -> list[StoredFuture]:
        """Returns the futures that rest."""
        return [future for future in self.futures if future is not self.leader]


class Jobs:
    """The jobs of one client.

    Attributes:
        callers: How many futures there are whose end was not delivered, by the number of the wait.
        followed: The jobs that another client polls for.
    """

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self.callers: dict[int, int] = {}
        self.followed: dict[Job, None] = {}

    def get(self, job_id: str | None) -> Job | None:
        """Returns a job that is waited for, or None."""
        return self._jobs.get(job_id or "")

    def __iter__(self) -> Iterator[Job]:
        return iter(list(self._jobs.values()))

    def clear(self) -> None:
        """Forgets all."""
        self._jobs.clear()
        self.callers.clear()
        self.followed.clear()

    def join(self, future: StoredFuture, number: int | None, *, is_mine: bool) -> bool:
        """Adds a future; says whether it leads.

        Args:
            future: It.
            number: That of its wait in the file, or None.
            is_mine: Whether this client polls for that.
        """
        job = self._jobs.get(future.job_id or "")
        if job is None:
            job = self._jobs[future.job_id or ""] = Job(number)
        elif number is not None:
            job.number = number
        job.futures.append(future)
        self.count(future, number)
        if is_mine and (job.leader is None or job.leader.ends):
            self.set_leader(job, future)
        elif job.leader is None:
            self.followed[job] = None
        return job.leader is future

    def set_leader(self, job: Job, future: StoredFuture | None) -> None:
        """Has a future lead; None: another client polls for its job."""
        job.leader = future
        if future is None:
            self.followed[job] = None
        else:
            self.followed.pop(job, None)

    def elect(self, job: Job) -> StoredFuture | None:
        """Has another future of a job lead, and returns it; None: all have ended."""
        left = next((future for future in job.futures if not future.ends), None)
        self.set_leader(job, left)
        return left

    def part(self, future: StoredFuture) -> Job | None:
        """Takes out a future that has ended; returns its job, or None where it was out before."""
        job = self._jobs.get(future.job_id or "")
        if job is None or future not in job.futures:
            return None
        job.futures.remove(future)
        if not job.futures:
            del self._jobs[future.job_id or ""]
            self.followed.pop(job, None)
        return job

    def count(self, future: StoredFuture, number: int | None) -> None:
        """Reckons with one more future whose end is to be delivered."""
        future.number = number
        if number is not None:
            self.callers[number] = self.callers.get(number, 0) + 1

    def discount(self, number: int) -> bool:
        """Reckons with one less; says whether that was the last one of its wait."""
        left = self.callers.pop(number, 0) - 1
        if left > 0:
            self.callers[number] = left
        return left == 0
