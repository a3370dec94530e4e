"""What a mock service was asked, in order of arrival, as far as it is kept.

It takes no lock: the service does, as it counts polls in the same order.
"""

from __future__ import annotations

import collections
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Mapping, NamedTuple

if TYPE_CHECKING:
    from .faults import Fault
    from .script import Job, JobPlan, Poll

# How many requests a look tells of.
_MOST_AT_ONCE = 1000


@dataclass(frozen=True)
class ReceivedRequest:
    """One request as it arrived, and what it got.

    Attributes:
        time: When it arrived, in the clock's seconds.
        method: The HTTP method.
        path: The path, decoded.
        query: The query as it was sent, without its question mark.
        headers: The request's headers; names as in ``X-Api-Key``.
        job_ids: The jobs that it asked for; ``(None,)`` is the one unnamed job.
        polls: The jobs among them that the service knows, in the same order.
        code: The HTTP status of the ordinary answer: 200, 400, 401, 404, 405 or 409.
        fault: What it got in place of the ordinary answer, or None.
    """

    time: float
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    job_ids: tuple[str | None, ...]
    polls: tuple[Poll, ...]
    code: int
    fault: Fault | None


class Look(NamedTuple):
    """What ``Page`` is told at a look.

    Attributes:
        now: The time, in the clock's seconds.
        first: The number of the first request in ``requests``, counted from 0.
        received: How many requests there were so far.
        requests: Those from ``first`` on, in order of arrival; not more than fit into one answer.
        plans: What the jobs do that these ask for, as far as the service remembers them.
    """

    now: float
    first: int
    received: int
    requests: list[ReceivedRequest]
    plans: list[JobPlan]


class Received:
    """The requests so far.

    Args:
        keep: How many of the latest are kept; None: all.
    """

    def __init__(self, keep: int | None) -> None:
        self._kept: collections.deque[ReceivedRequest] = collections.deque(maxlen=keep)
        self._count = 0

    def add(self, request: ReceivedRequest) -> None:
        """Takes the next one."""
        self._count += 1
        self._kept.append(request)

    def all(self) -> list[ReceivedRequest]:
        """Returns those that are kept."""
        return list(self._kept)

    def look(self, since: int, now: float, jobs: Mapping[str | None, Job]) -> Look:
        """Returns what is kept of those from number ``since`` on, counted from 0."""
        forgotten = self._count - len(self._kept)
        first = max(since, forgotten)
        start = first - forgotten
        requests = list(itertools.islice(self._kept, start, start + _MOST_AT_ONCE))
        job_ids = {poll.job_id for request in requests for poll in request.polls}
        plans = [jobs[job_id].plan for job_id in job_ids if job_id in jobs]
        return Look(now, first, self._count, requests, plans)
