"""The waits of one client, as they stand in a store: claimed before their first poll, and told on.

Of several futures for one job, one leads: its job is asked for. The others follow: they rest in the
scheduler, and are told what the leader is told, which may be in another process.

    submit, resume -> claim in the file -> leads:   polled by the scheduler -- events --> the file,
                                      `--> follows: rests in the scheduler <-- a leader, here or as
                                                                               the file says
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from .._scheduling.intake import Intake
from .._scheduling.waits import Start
from ..events import Ended, Polled
from ..status import Status
from ._future import StoredFuture
from ._guests import Guest, Step
from ._jobs import Jobs
from ._others import Others
from ._records import Key, limits_of

if TYPE_CHECKING:
    from typing import Any, Callable, Sequence

    from .._scheduling.decision import Rules
    from .._scheduling.scheduler import Scheduler
    from ..clock import Clock
    from ..events import Event, Listener
    from ..future import StatusFuture
    from ..status import Hints
    from ._desk import Desk
    from ._file import Scope
    from ._guests import Books
    from ._jobs import Job
    from ._records import Limits

# How a wait may end because of its job, and for all who wait for it.
_OF_JOB = (Status.COMPLETED, Status.ERROR, Status.REJECTED)

# Jobs of strangers' webhooks, at most, of which the file is told at once.
_MOST_NUDGES = 10_000


class Claim(NamedTuple):
    """What the file says of a wait that is to begin.

    Attributes:
        number: That of the wait; None: it could not be written.
        is_mine: Whether it is polled for here.
    """

    number: int | None
    is_mine: bool


class Keeping(Intake, Guest):
    """Keeps the waits of one client.

    Args:
        make_scheduler: Makes what polls for those that lead, and lets the others rest, and tells a
            listener of all.
        clock: The client's.
        desk: Writes the waits.
        scope: What they have in common.
        rules: What holds for those that were begun elsewhere, but for their limits.
        patience: Seconds within which one poll is answered.

    Attributes:
        is_leaving: Whether what is cancelled from now on is to be found by others.
    """

    def __init__(
        self,
        make_scheduler: Callable[[Listener], Scheduler],
        clock: Clock,
        desk: Desk,
        scope: Scope,
        rules: Rules,
        patience: float,
    ) -> None:
        super().__init__(make_scheduler(self.listen), clock)
        self._desk = desk
        self._scope = scope
        self.is_leaving = False
        self._has_left = False
        self._jobs = Jobs()
        self._others = Others(
            self._jobs, self.scheduler, clock, scope, rules, patience, self.make, self._hand_over
        )
        # What the desk is to hear of, from any thread:
        self._news: dict[Job, None] = {}  # answers
        self._ended: deque[StoredFuture] = deque()
        self._delivered: deque[int] = deque()
        self._nudged: dict[str, None] = {}

    # For any thread

    def make(
        self, job_id: str | None, on_update: Callable[[Status], Any] | None, hints: Hints
    ) -> StoredFuture:
        """Returns the future of a wait that is to begin, or that was begun elsewhere."""
        return StoredFuture(self, job_id, self.scheduler, self._clock, on_update, hints)

    def submit(self, futures: Sequence[Any], rules: Rules) -> None:
        """Takes over futures that it has made, once their waits are written.

        Raises:
            RuntimeError: After ``shutdown``, or there is no thread to be had.
        """
        self.scheduler.start()
        limits = limits_of(rules.max_attempts, rules.max_wait_time)
        write = partial(self._claim, futures, limits)
        try:
            self._desk.ask(self, write, partial(self._take_in, futures, rules, limits))
        except BaseException:  # nobody has them
            for future in futures:
                self.leave(future)
            raise

    def resume(
        self, on_future: Callable[[StatusFuture], Any] | None
    ) -> dict[str | None, StatusFuture]:
        """As ``VideoTranslationClient.resume``."""
        self.scheduler.start()
        found: dict[str | None, StatusFuture] = {}
        self._desk.look_soon()
        while True:
            some = self._desk.ask(self, self._others.find, self._revive)
            if not some:
                break
            found.update((future.job_id, future) for future in some)
        if on_future is not None:  # only now, so that it is not given what is returned
            self._others.on_future = on_future
        return found

    def nudge(self, job_id: str | None) -> None:
        """Has a job asked for as soon as may be, wherever it is waited for."""
        job = self._jobs.get(job_id)
        if job is not None and job.leader is not None:
            self.scheduler.nudge(job_id)
        elif len(self._nudged) < _MOST_NUDGES:
            self._nudged[job_id or ""] = None
            self._wake()

    def poll_now(self, future: StoredFuture) -> None:
        """Has the job of a future asked for as soon as possible."""
        job = self._jobs.get(future.job_id)
        if job is None or job.leader is None:
            self.nudge(future.job_id)
        else:
            self.scheduler.poll_now(job.leader)

    def deliver(self, future: StoredFuture) -> None:
        """Notes that somebody was told of the end of a future."""
        if future.number is not None:
            self._delivered.append(future.number)
            self._wake()

    def leave(self, future: Any) -> None:
        """Ends a future that nobody can have any more, and has others find its wait."""
        future.leaves = future.leaves or not future.ends
        future.cancel()
        if future.is_left:  # now, as the same thread may want to resume it
            self._ended.append(future)
            self._wake()

    def shutdown(self, wait: bool, cancel_futures: bool) -> None:
        """As ``VideoTranslationClient.shutdown``; what is cancelled so is to be found by others."""
        self._others.on_future = None
        self.is_leaving = self.is_leaving or cancel_futures
        super().shutdown(wait, cancel_futures)
        if wait and self.scheduler.threads.have_ended():
            self._has_left = True
            self._desk.leave(self)

    def listen(self, event: Event) -> None:
        """Hears of what happens to the waits, on workers."""
        job = self._jobs.get(getattr(event, "job_id", None))
        if job is None:
            return
        if isinstance(event, Polled) and not event.is_check:
            self._news[job] = None
            if event.report is not None and event.report.status is Status.PENDING:
                self._others.pass_on(job, event.report, event.seconds)
        elif isinstance(event, Ended):
            self._ended.extend(one for one in list(job.futures) if one.end is event)
            self._wake()

    def _wake(self) -> None:
        (self._desk.wake_late if self._has_left else self._desk.wake)(self)

    # On the desk's thread

    def gather(self) -> Sequence[Step]:
        """Returns what is to be written of answers and ends."""
        steps = []
        while self._ended:
            steps += self._part(self._ended.popleft())
        delivered = [self._delivered.popleft() for _ in range(len(self._delivered))]
        gone = [number for number in delivered if self._jobs.discount(number)]
        if gone:
            steps.append(Step(self, partial(_detach, gone), is_kept=True))
        for _ in range(len(self._nudged)):  # more may come as fast as they are taken
            key = Key(*self._scope, self._nudged.popitem()[0])
            steps.append(Step(self, partial(_nudge, key)))
        news = [self._news.popitem()[0] for _ in range(len(self._news))]
        leaders = [job.leader for job in news if job.leader is not None and not job.leader.ends]
        if leaders:
            now = self._clock.time()
            lines = [(one.number, one.limits, one.progress()) for one in leaders if one.number]
            steps.append(Step(self, partial(_write_news, lines, now)))
        return steps

    def reclaim(self, books: Books) -> Callable[[], object]:
        """Takes part again after the client was taken for dead."""
        return self._others.reclaim(books)

    def look(self, books: Books) -> Callable[[], object]:
        """Looks at what others have done, and returns what follows once that is written."""
        return self._others.look(books)

    def go_alone(self) -> None:
        """Polls for all jobs here."""
        self._others.go_alone()

    def begin_anew(self) -> None:
        """Forgets all, in a forked child."""
        for kept in (self._news, self._ended, self._delivered, self._nudged):
            kept.clear()
        self._jobs.clear()
        self._others.on_future = None

    def _claim(self, futures: Sequence[StoredFuture], limits: Limits, books: Books) -> list[Claim]:
        file = books.file
        claims = []
        for future in futures:
            key = Key(*self._scope, future.job_id or "")
            record = file.find(key)
            number, is_mine = None if record is None else record.id, True
            if record is not None and record.end is None and record.owner is not None:
                number, is_mine = record.id, record.owner == books.owner
            else:
                line = (number, key, books.owner, future.hints, limits)
                number = file.begin(*line, future.submitted_at, books.change)
            file.attach(number, books.owner)
            claims.append(Claim(number, is_mine))
        return claims

    def _take_in(
        self,
        futures: Sequence[StoredFuture],
        rules: Rules,
        limits: Limits,
        claims: Sequence[Claim] | None,
    ) -> None:
        leading: list[StatusFuture] = []
        following: list[StatusFuture] = []
        for future, claim in zip(futures, claims or [Claim(None, is_mine=True)] * len(futures)):
            future.limits = limits
            leads = self._jobs.join(future, claim.number, is_mine=claim.is_mine)
            (leading if leads else following).append(future)
        self._hand_over(((leading, rules, Start()), (following, rules, Start(rests=True))))

    def _hand_over(self, parts: Sequence[tuple[Sequence[Any], Rules, Start]]) -> None:
        futures = [future for part in parts for future in part[0]]
        try:
            for some, rules, start in parts:
                self.scheduler.submit([one for one in some if not one.ends], rules, start)
        except BaseException:  # it was shut down since; nobody has them
            for future in futures:
                self.leave(future)
            raise
        finally:
            for future in futures:
                if future.status is Status.CANCELLED:  # perhaps before the scheduler knew it
                    self.scheduler.forget(future, future.ends[0])
                if future.ends:
                    self._ended.append(future)
                    self._wake()

    def _revive(self, found: Any) -> list[StatusFuture]:
        if found is None:
            raise OSError(f"{self._desk.trouble}; no wait was resumed")
        return self._others.revive(found)

    def _part(self, future: StoredFuture) -> list[Step]:
        """Deals with the end of a future; returns what is to be written of it."""
        job, end = self._jobs.part(future), future.ends[0]
        if job is None:
            return []
        if future is job.leader and job.futures:
            if end.status in _OF_JOB:  # here, as whoever joins does so on this thread
                self._others.conclude(job, end)
            else:
                self._others.elect(job, 0.0)
        number, is_left = future.number, future.is_left
        if (is_left and job.futures) or (end.status is Status.CANCELLED and not is_left):
            future.deliver()  # to those that go on, or to who has cancelled it
        if number is None or job.futures:
            return []
        if is_left:
            self._jobs.callers.pop(number, None)
        write = partial(_write_end, future, number, self._clock.time(), is_left)
        return [Step(self, write, is_kept=True)]


def _detach(numbers: Sequence[int], books: Books) -> None:
    for number in numbers:
        books.file.detach(number, books.owner)


def _nudge(key: Key, books: Books) -> None:
    books.file.nudge(key)


def _write_news(lines: Sequence[Any], now: float, books: Books) -> None:
    for number, limits, progress in lines:
        books.file.write(number, books.owner, limits, progress, now, None, books.change)


def _write_end(future: StoredFuture, number: int, now: float, is_left: bool, books: Books) -> None:
    """Writes how the last future of a wait that is here has ended."""
    file, owner, change = books.file, books.owner, books.change
    end: Ended | None = future.ends[0]
    if future.status not in _OF_JOB and (is_left or file.has_others(number, owner)):
        end = None  # others go on with it
    file.write(number, owner, future.limits, future.progress(), now, end, change)
    if end is None:
        file.release(number, owner, change)
    if is_left:
        file.leave(number, owner)
