"""What one client takes from the file that others have written: answers, ends, and whole waits.

All of it on the desk's thread, but for telling followers, which runs the user's code.
"""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from .._base.callbacks import call
from .._scheduling.resting import Hearing
from .._scheduling.waits import Start
from ..status import Status
from ._records import job_id_of

if TYPE_CHECKING:
    from typing import Any, Callable, Sequence

    from .._scheduling.decision import Rules
    from .._scheduling.scheduler import Scheduler
    from ..clock import Clock
    from ..events import Ended
    from ..future import StatusFuture
    from ..status import StatusReport
    from ._file import Scope
    from ._future import StoredFuture
    from ._guests import Books
    from ._jobs import Job, Jobs
    from ._records import Record

# Waits that are taken over in one transaction: it should not hold the file for long.
_TOGETHER = 1000


class Found(NamedTuple):
    """A wait that its process has left.

    Attributes:
        record: As it stands.
        leads: Whether it is polled for here from now on.
    """

    record: Record
    leads: bool


class Others:
    """What others do with the waits of one client.

    Args:
        jobs: Those here.
        scheduler, clock: The client's.
        scope, rules, patience: As for ``Keeping``.
        make: Makes a future.
        hand_over: Has the scheduler take some, all together, or leaves them to others.

    Attributes:
        on_future: Called with what is taken over, on a worker; None: nothing is, unless asked for.
    """

    def __init__(
        self,
        jobs: Jobs,
        scheduler: Scheduler,
        clock: Clock,
        scope: Scope,
        rules: Rules,
        patience: float,
        make: Callable[..., StoredFuture],
        hand_over: Callable[[Sequence[tuple[Sequence[StoredFuture], Rules, Start]]], None],
    ) -> None:
        self.on_future: Callable[[StatusFuture], Any] | None = None
        self._jobs = jobs
        self._scheduler = scheduler
        self._clock = clock
        self._scope = scope
        self._rules = rules
        self._patience = patience
        self._make = make
        self._hand_over = hand_over
        self._seen = 0  # the change up to which what others have written was looked at

    def look(self, books: Books) -> Callable[[], object]:
        """Looks at what others have done; returns what follows once that is written."""
        follow_ups: list[Callable[[], object]] = []
        if self._jobs.followed:
            for record in books.file.changed_since(self._seen, books.owner):
                follow_ups += self._follow(record, books)
        for job in self._jobs.followed:
            if job.is_new and job.number is not None:  # it may have changed before it was followed
                job.is_new = False
                known = books.file.get(job.number)
                follow_ups += [] if known is None else self._follow(known, books)
        follow_ups += [
            partial(self._scheduler.nudge, job_id or None)
            for job_id in books.file.take_nudged(books.owner)
        ]
        if self.on_future is not None:
            follow_ups.append(partial(self._give, self.on_future, self.find(books)))
        return partial(self._finish, books.change, follow_ups)

    def find(self, books: Books) -> list[Found]:
        """Takes over waits of which a caller is nobody: those that nobody polls for lead here."""
        found = []
        for record in books.file.left(self._scope, _TOGETHER):
            books.file.attach(record.id, books.owner)
            leads = record.owner is None and record.end is None
            if leads:
                books.file.take(record.id, books.owner, books.change)
            found.append(Found(record, leads))
        return found

    def revive(self, found: Sequence[Found]) -> list[StatusFuture]:
        """Has waits that were taken over go on here; returns their futures."""
        futures: list[StatusFuture] = []
        parts = []
        for one in found:
            future, rules, start = self._revive(*one)
            futures.append(future)
            if not future.ends:
                parts.append(((future,), rules, start))
        self._hand_over(parts)
        return futures

    def elect(self, job: Job, seconds: float) -> None:
        """Has another future of a job polled for, first after some seconds, if one is left."""
        leader = self._jobs.elect(job)
        if leader is not None:  # pragma: no branch - or all have ended, and are still to be told
            self._scheduler.lead(leader, seconds)

    def go_alone(self) -> None:
        """Polls for all jobs here, as nothing is heard of others."""
        for job in list(self._jobs.followed):
            self.elect(job, 0.0)

    def pass_on(self, job: Job, report: StatusReport, seconds: float) -> None:
        """Tells those that follow that their job was pending some seconds ago; for any thread."""
        for future in job.followers():
            self._tell(future, partial(self._scheduler.answer, future, report, seconds))

    def conclude(self, job: Job, end: Ended) -> None:
        """Has those that follow end as their job has; likewise."""
        for future in job.followers():
            self._tell(future, partial(self._scheduler.conclude, future, end))

    def reclaim(self, books: Books) -> Callable[[], object]:
        """Takes part again after the client was taken for dead, in what is left of its waits."""
        file, owner = books.file, books.owner
        follow_ups: list[Callable[[], object]] = []
        for number in list(self._jobs.callers):
            if file.get(number) is not None:
                file.attach(number, owner)
        for job in self._jobs:
            record = None if job.number is None else file.get(job.number)
            if record is None:
                follow_ups.append(partial(self._lose, job))
            elif job.leader is not None and record.owner is not None:
                follow_ups.append(partial(self._stand_back, job, job.leader))
            elif job.leader is not None:
                file.take(record.id, owner, books.change)
        return partial(_do_all, follow_ups)

    def _finish(self, change: int, follow_ups: Sequence[Callable[[], object]]) -> None:
        self._seen = change
        _do_all(follow_ups)

    def _revive(self, record: Record, leads: bool) -> tuple[StoredFuture, Rules, Start]:
        future = self._make(job_id_of(record.key), None, record.hints)
        now = self._clock.time()
        future.restore(record, now)
        if record.end is not None:
            self._jobs.count(future, record.id)
            future._conclude(record.end)
        else:
            leads = self._jobs.join(future, record.id, is_mine=leads)
        seconds = record.next_poll(now) if leads else 0.0
        rules = self._rules._replace(**record.limits._asdict())
        return future, rules, Start(seconds, rests=not leads, patience=self._patience)

    def _give(self, on_future: Callable[[StatusFuture], Any], found: Sequence[Found]) -> None:
        # After a shutdown they are left again.
        with contextlib.suppress(RuntimeError):
            for future in self.revive(found):
                self._scheduler.call_later(partial(call, on_future, future, future.job_id))

    def _follow(self, record: Record, books: Books) -> list[Callable[[], object]]:
        """Takes note of what others have written of a job."""
        job = self._jobs.get(record.key.job_id)
        if job is None or job.leader is not None or job.number != record.id:
            return []
        follow_ups: list[Callable[[], object]] = [partial(self._pass_on, job, record)]
        if record.owner is None and record.end is None:
            books.file.take(record.id, books.owner, books.change)
            seconds = record.next_poll(self._clock.time())
            follow_ups.append(partial(self.elect, job, seconds))
        return follow_ups

    def _pass_on(self, job: Job, record: Record) -> None:
        report, attempts = record.progress.report, record.progress.attempts
        if record.end is not None:
            self.conclude(job, record.end)
        elif report is not None and report.status is Status.PENDING and attempts != job.attempts:
            job.attempts = attempts
            self.pass_on(job, report, 0.0)

    def _tell(self, future: StoredFuture, news: Callable[[], object]) -> None:
        """Has a future hear of news on a worker, in order: one that blocks holds up no other."""
        if future.hearing is None:
            future.hearing = Hearing()
        future.hearing.add(news)
        self._scheduler.call_later(future.hearing.hear)

    def _lose(self, job: Job) -> None:
        """Goes on in memory with a job of which others have removed the wait."""
        job.number = None
        if job.leader is None:
            self.elect(job, 0.0)
        else:  # they know how it has ended, and so it is likely to have
            self._scheduler.nudge(job.leader.job_id)

    def _stand_back(self, job: Job, leader: StoredFuture) -> None:
        self._scheduler.rest(leader)
        self._jobs.set_leader(job, None)
        job.is_new = True


def _do_all(follow_ups: Sequence[Callable[[], object]]) -> None:
    for follow_up in follow_ups:
        follow_up()
