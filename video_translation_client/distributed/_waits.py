"""What the caller remembers of each job that is polled for on the cluster.

Plain bookkeeping of one thread. Several futures for one job share its polls, and each ends by
limits of its own. A worker is told those of the most patient that there is then; where one with
more patience has come since, it is told to go on.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Callable, Iterator, Sequence

from .._scheduling.resting import Hearing
from ._messages import Begin

if TYPE_CHECKING:
    from .._scheduling.decision import Rules
    from .._scheduling.waits import Start
    from ..future import StatusFuture

# Seconds by which a wait ends there before it ends here, and as what part of it at most: so the
# answer of the last poll arrives in time.
_LEAD = 0.25
_LEAD_SHARE = 0.05


class Follower:
    """One future.

    Attributes:
        rules: What ends it.
        before: Polls of the job that were none of its own.
        hearing: What it is still to hear; None: whatever it is told, it hears at once.
    """

    __slots__ = ("before", "hearing", "rules")

    def __init__(self, rules: Rules, before: int) -> None:
        self.rules = rules
        self.before = before
        self.hearing: Hearing | None = None

    def hear(self, news: Callable[[], object], call_later: Callable[..., object] | None) -> None:
        """Has it hear of something: by ``call_later`` where code of the user may run."""
        if self.hearing is None and call_later is not None:
            self.hearing = Hearing()
        if self.hearing is None or call_later is None:
            news()
        else:
            self.hearing.add(news)
            call_later(self.hearing.hear)


class Entry:
    """A wait as a station has it.

    Attributes:
        number: Its name there.
        shard: That of its job.
        job_id: The job.
        followers: By the futures that have not ended.
        attempts: Polls so far.
        interval: Seconds between the last two.
        next_at: When the next one is due.
    """

    __slots__ = (
        "_began",
        "_patience",
        "_rules",
        "attempts",
        "followers",
        "interval",
        "job_id",
        "next_at",
        "number",
        "shard",
    )

    def __init__(
        self, number: int, shard: int, future: StatusFuture, rules: Rules, start: Start, now: float
    ) -> None:
        self.number = number
        self.shard = shard
        self.job_id = future.job_id
        self.followers: dict[StatusFuture, Follower] = {}
        self.attempts = future.attempts
        self.interval = 0.0
        self.next_at = now + start.seconds
        self._began = future.began
        self._patience = start.patience
        self._rules = rules

    def join(self, future: StatusFuture, rules: Rules) -> None:
        """Takes a future in."""
        self.followers[future] = Follower(rules, self.attempts - future.attempts)

    def goes_on(self, now: float, pause: float) -> bool:
        """Says whether one of its futures does, of which the worker was not told."""
        return any(self.goes_on_for(future, now, pause) for future in self.followers)

    def goes_on_for(self, future: StatusFuture, now: float, pause: float) -> bool:
        """Says whether a future has not reached its limits, nor is to before a pause is over."""
        rules, before = self.followers[future].rules, self.followers[future].before
        if rules.max_attempts is not None and self.attempts - before >= rules.max_attempts:
            return False
        seconds = rules.max_wait_time
        return seconds is None or future.began + seconds - now > max(2 * _LEAD, pause)

    @property
    def is_check(self) -> bool:
        """Whether it is a look, which shares nothing with others."""
        return self._rules.is_check

    def message(self, now: float) -> Begin:
        """Returns what a station is to be told to go on with it."""
        attempts, seconds = self._limits()
        if seconds is not None:
            seconds -= min(_LEAD, _LEAD_SHARE * seconds)
        return Begin(
            self.number,
            self.job_id,
            next(iter(self.followers)).hints,
            self._rules._replace(max_attempts=attempts, max_wait_time=seconds),
            self.attempts,
            now - self._began,
            max(0.0, self.next_at - now),
            self._patience,
        )

    def _limits(self) -> tuple[int | None, float | None]:
        """Returns those of the most patient of its futures, by polls and time of the job."""
        attempts: float = 0
        seconds = 0.0
        for future, follower in self.followers.items():
            waited = future.began - self._began
            attempts = max(attempts, follower.before + (follower.rules.max_attempts or math.inf))
            seconds = max(seconds, waited + (follower.rules.max_wait_time or math.inf))
        return (
            None if attempts == math.inf else int(attempts),
            None if seconds == math.inf else seconds,
        )


class Entries:
    """All of one caller."""

    def __init__(self) -> None:
        self._by_number: dict[int, Entry] = {}
        self._by_job: dict[str | None, Entry] = {}
        self._by_future: dict[StatusFuture, Entry] = {}
        self._by_shard: dict[int, dict[Entry, None]] = {}
        self._numbers = itertools.count()

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._by_number.values()))

    def get(self, number: int) -> Entry | None:
        """Returns what a station calls so, unless it is over here."""
        return self._by_number.get(number)

    def of_job(self, job_id: str | None) -> Entry | None:
        """Returns the wait for a job, or None."""
        return self._by_job.get(job_id)

    def of_future(self, future: StatusFuture) -> Entry | None:
        """Returns what a future follows, or None."""
        return self._by_future.get(future)

    def of_shard(self, shard: int) -> Sequence[Entry]:
        """Returns the waits of a shard."""
        return list(self._by_shard.get(shard, ()))

    def shards(self) -> list[int]:
        """Returns those that have waits."""
        return list(self._by_shard)

    def count(self, shard: int) -> int:
        """Returns how many waits a shard has."""
        return len(self._by_shard.get(shard, ()))

    def add(
        self, shard: int, future: StatusFuture, rules: Rules, start: Start, now: float
    ) -> Entry | None:
        """Takes a future in; returns its wait if that is to begin."""
        entry = None if rules.is_check else self._by_job.get(future.job_id)
        is_new = entry is None
        if entry is None:
            entry = Entry(next(self._numbers), shard, future, rules, start, now)
            self._add(entry)
        entry.join(future, rules)
        self._by_future[future] = entry
        return entry if is_new else None

    def renew(self, entry: Entry) -> None:
        """Takes in again what was removed; what is still said by the old number is not for it."""
        entry.number = next(self._numbers)
        self._add(entry)

    def _add(self, entry: Entry) -> None:
        self._by_number[entry.number] = entry
        self._by_shard.setdefault(entry.shard, {})[entry] = None
        if not entry.is_check:
            self._by_job[entry.job_id] = entry

    def part(self, future: StatusFuture) -> Entry | None:
        """Lets go of a future that has ended; returns its wait if that is over with it."""
        entry = self._by_future.pop(future, None)
        if entry is None:
            return None
        entry.followers.pop(future, None)
        if entry.followers or entry.number not in self._by_number:
            return None
        self.remove(entry)
        return entry

    def remove(self, entry: Entry) -> None:
        """Lets go of a wait; its futures are still to end."""
        del self._by_number[entry.number]
        if self._by_job.get(entry.job_id) is entry:
            del self._by_job[entry.job_id]
        waits = self._by_shard[entry.shard]
        del waits[entry]
        if not waits:
            del self._by_shard[entry.shard]
