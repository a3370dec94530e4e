"""The jobs of a mock service: those with a script, and those that it makes up when asked.

It takes no lock: the service does, as polls are counted in their order of arrival.
"""

from __future__ import annotations

import heapq
import itertools
from typing import cast

from .script import Job, JobPlan, JobScript, merge


class Jobs:
    """All jobs that are known.

    Args:
        usual: What holds where a job's script says nothing.
        seed: Of what is left to chance.
        strict: Whether only jobs with a script are known, and the unnamed one.
        keep: How many without a script are kept that have ended; None: all.

    Attributes:
        known: Those with a script, or asked for before, by their ids.
    """

    def __init__(self, usual: JobScript, seed: int, *, strict: bool, keep: int | None) -> None:
        self.known: dict[str | None, Job] = {}
        self._usual, self._seed, self._strict, self._keep = usual, seed, strict, keep
        # Those without a script by their ends, each with a number, as jobs have no order.
        self._made_up: list[tuple[float, int, Job]] = []
        self._numbers = itertools.count()

    def add(self, job_id: str | None, script: JobScript) -> JobPlan:
        """Scripts a job, which begins anew; returns what it will do."""
        job = self.known[job_id] = Job(job_id, merge(self._usual, script), self._seed)
        return job.plan

    def find(self, job_id: str | None) -> Job | None:
        """Returns a job, made up where it has no script; None: there is none such."""
        job = self.known.get(job_id)
        if job is None and (job_id is None or not self._strict):
            job = Job(job_id, self._usual, self._seed)
        return job

    def keep(self, job_id: str | None, job: Job, now: float) -> None:
        """Takes in a job that was asked for; forgets what ended first, where there are many."""
        if job_id in self.known:
            return
        self.known[job_id] = job
        if self._keep is None:
            return
        heapq.heappush(self._made_up, (cast("float", job.plan.ends_at), next(self._numbers), job))
        while len(self._made_up) > self._keep and self._made_up[0][0] <= now:
            _, _, ended = heapq.heappop(self._made_up)
            if self.known.get(ended.plan.job_id) is ended:  # it has got no script meanwhile
                del self.known[ended.plan.job_id]
