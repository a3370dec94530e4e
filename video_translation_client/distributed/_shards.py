"""The caller's part: which jobs stand in which shard, and what is said to whom.

    submit, cancel, ...  (any thread) --> inbox --> its own thread --> mailboxes of the stations
    mailbox --> reader thread ------------> '            |
    Dask: a task has ended ---------------> '            '--> futures: answers, ends

One thread alone knows and changes all of it, so there is no lock. What has not ended is sent again
to wherever a shard sits next, with the attempts and the time that are left.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import zlib
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Mapping, Sequence

from .._base.log import log
from ..status import Status
from ._dask import ClusterError, all_in
from ._line import Line
from ._messages import (
    HEARTBEAT,
    Alive,
    Forget,
    Heard,
    Hurry,
    Leave,
    Over,
    Seated,
    Slowed,
)
from ._places import Places
from ._stations import Stations
from ._waits import Entries

if TYPE_CHECKING:
    from .._scheduling.decision import Rules
    from .._scheduling.waits import Start
    from ..clock import Clock
    from ..future import StatusFuture
    from ._dask import Cluster
    from ._scheduler import RemoteScheduler
    from ._waits import Entry

_LOOK = 1.0  # seconds between two looks at which workers there are
_NO_WORKER = "the Dask cluster at %s has no worker that is free, so jobs are not asked for"

# Seconds within which all places are left.
_PARTING = 5.0


class Shards:
    """Has the jobs of one client polled for on a cluster; every public method is for any thread.

    Args:
        cluster: It.
        count: The number of shards.
    """

    def __init__(self, cluster: Cluster, count: int) -> None:
        self._cluster = cluster
        self._count = count
        self._inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._is_started = False
        self._starting_in = 0  # which thread starts this one's own
        self._ticket = threading.Lock()  # whichever thread gets it is that
        self._has_ended = threading.Event()
        self._gone: str | None = None
        self._is_over = False
        # Only for its own thread:
        self._entries = Entries()
        self._places = Places(cluster, self._note_end)
        self._line = Line(cluster, self._inbox.put, self._take, self._lose)
        self._look_at = self._beat_at = 0.0
        self._has_told = False
        self._has_warned = False
        self._turns: dict[type, Callable[[Any], None]] = {
            Seated: self._take_seat,
            Heard: self._hear,
            Over: self._conclude,
            Slowed: self._slow_down,
            Alive: self._note_life,
        }

    def order(self, arguments: Mapping[str, Any]) -> None:
        """Learns what each worker is to make its client by, before there are any waits."""
        self._line.arguments = arguments

    def attach(self, scheduler: RemoteScheduler, max_rate: float | None, clock: Clock) -> None:
        """Learns whose waits it has polled for, likewise."""
        self._scheduler = scheduler
        self._clock = clock
        self._is_limited = max_rate is not None
        self._stations = Stations(self._cluster, max_rate)

    # For any thread

    def check(self) -> None:
        """Makes sure that there is somebody to poll.

        Raises:
            RuntimeError: There is not, and will not be.
        """
        if self._gone is not None:
            raise RuntimeError(f"{self._gone}; make a new DistributedClient")
        here = threading.get_ident()
        # A signal handler that interrupts this leaves it alone: Thread.start() is not reentrant.
        if self._is_started or self._starting_in == here:
            return
        self._starting_in = here
        try:
            # Of several, all but one end at once.
            threading.Thread(target=self._run, name="video-translation-shards", daemon=True).start()
            self._is_started = True
        finally:
            self._starting_in = 0

    def begin(self, futures: Sequence[StatusFuture], rules: Rules, start: Start) -> None:
        """Has the jobs of futures polled for."""
        self._inbox.put(partial(self._begin, futures, rules, start))

    def part(self, future: StatusFuture) -> None:
        """Has a job polled for no more for the sake of this future."""
        self._inbox.put(partial(self._part, future))

    def hurry(self, future: StatusFuture) -> None:
        """Has the job of a future asked for as soon as possible."""
        self._inbox.put(lambda: self._hurry(self._entries.of_future(future), is_free=False))

    def nudge(self, job_id: str | None) -> None:
        """Has a job asked for as soon as may be, at no cost."""
        self._inbox.put(lambda: self._hurry(self._entries.of_job(job_id), is_free=True))

    def close(self) -> None:
        """Leaves all places, and the cluster; not for its own thread."""
        if self._is_started:
            self._inbox.put(self._leave)
            self._has_ended.wait(_PARTING)
        else:
            self._cluster.close()

    def after_fork_in_child(self) -> None:  # pragma: no cover - the tests' child saves no coverage
        """Is of no use in a forked child, which has no connection."""
        self._gone = "the process is a fork"

    def _note_end(self, shard: int, key: str) -> None:
        self._inbox.put(partial(self._end_task, shard, key))

    # On its own thread

    def _run(self) -> None:
        if self._ticket.acquire(blocking=False):
            while not self._is_over:
                self._turn()
            self._has_ended.set()

    def _turn(self) -> None:
        """Does what has come in, and what is due."""
        for work in all_in(self._inbox, HEARTBEAT / 2):
            self._do(work)
        if not self._is_over:
            self._do(partial(self._go_on, self._clock.monotonic()))
        if self._has_told:
            self._has_told = False
            self._scheduler.catch_up_soon()

    def _do(self, work: Callable[[], object]) -> None:
        try:
            work()
        except ClusterError as error:
            self._lose(error)
        except BaseException as error:  # noqa: BLE001 - whatever it is, no wait may hang on it
            self._gone = f"the library failed ({type(error).__name__})"
            log(logging.ERROR, "%s: all waits on the cluster end", self._gone, error=error)

    def _go_on(self, now: float) -> None:
        """Does what is due, and sends what is to be said."""
        if self._gone is not None:
            for entry in self._entries:
                self._give_up(entry, self._gone)
            return
        if not self._line.is_open(now):
            if self._line.is_gone(now):
                self._gone = "the Dask scheduler is gone"
            return
        if now >= self._look_at:
            self._look(now)
        self._places.fill(self._entries.shards(), self._line.order, now)
        if now >= self._beat_at:
            self._beat_at = now + HEARTBEAT
            self._beat(now)
        self._stations.flush()

    def _look(self, now: float) -> None:
        """Looks at who is there, and gives a shard another place where that is better."""
        self._look_at = now + _LOOK
        self._places.look(now)
        is_missing = self._places.are_missing(self._entries.shards(), now)
        if is_missing and not self._has_warned:
            log(logging.WARNING, _NO_WORKER, self._cluster.address)
        self._has_warned = is_missing
        self._places.leave_busy(self._line.order, now)
        for name in self._stations.silent(now):
            if self._places.leave_silent(name, self._line.order, now):
                worker = self._stations.worker(name)
                log(logging.WARNING, "worker %s does not answer, so others go on", worker)
            self._stations.lose(name, now)
        place = self._places.overfull()
        if place is not None:
            station = place.station
            for entry in self._entries.of_shard(place.shard):
                self._say(place.shard, Forget(entry.number))
            self._say(place.shard, Leave(place.shard))
            self._places.move(place, self._line.order, now)
            self._lose_if_empty(station, now)

    def _beat(self, now: float) -> None:
        counts = {
            name: sum(self._entries.count(place.shard) for place in self._places.at(name))
            for name in self._stations.names()
        }
        self._stations.beat(counts, now)

    def _begin(self, futures: Sequence[StatusFuture], rules: Rules, start: Start) -> None:
        now = self._clock.monotonic()
        for future in futures:
            if future.ends:
                continue
            shard = zlib.crc32((future.job_id or "").encode()) % self._count
            entry = self._entries.add(shard, future, rules, start, now)
            if entry is not None:
                self._say(shard, entry.message(now))
        if self._is_limited:
            self._beat_at = now  # who has more to do now gets more of the rate

    def _part(self, future: StatusFuture) -> None:
        entry = self._entries.part(future)
        if entry is not None:
            self._say(entry.shard, Forget(entry.number))

    def _hurry(self, entry: Entry | None, *, is_free: bool) -> None:
        if entry is not None:
            entry.next_at = 0.0  # for whoever has it next, if this one dies
            self._say(entry.shard, Hurry(entry.number, is_free))

    def _say(self, shard: int, message: Any) -> None:
        """Tells the station of a shard, if it has one; otherwise it hears all once it has."""
        self._stations.say(self._places.of(shard).station, message)

    def _take(self, messages: Sequence[Any]) -> None:
        for message in messages:
            self._turns[type(message)](message)

    def _take_seat(self, seated: Seated) -> None:
        now, shard = self._clock.monotonic(), seated.shard
        before = self._places.take(seated)
        if before is not None:
            self._stations.say(before, Leave(shard))
            self._lose_if_empty(before, now)
        if seated.station not in self._stations:
            self._stations.add(seated.station, seated.worker, now)
        for entry in self._entries.of_shard(shard):
            self._say(shard, entry.message(now))
        self._beat_at = now

    def _lose_if_empty(self, station: str | None, now: float) -> None:
        if station is not None and not self._places.at(station):
            self._stations.lose(station, now)

    def _hear(self, heard: Heard) -> None:
        entry, event = self._entries.get(heard.number), heard.event
        if entry is None:
            return  # it was over here when that was said
        entry.attempts = max(entry.attempts, event.attempt)
        if event.next_poll is not None:
            entry.interval = event.next_poll
        entry.next_at = self._clock.monotonic() + entry.interval
        scheduler = self._scheduler
        for future, follower in list(entry.followers.items()):
            tell = partial(scheduler.relay, future, event, event.attempt - follower.before)
            call_later = scheduler.call_later if scheduler.has_listeners(future) else None
            follower.hear(tell, call_later)
        self._has_told = True

    def _conclude(self, over: Over) -> None:
        entry, end = self._entries.get(over.number), over.end
        if entry is None:
            return
        now = self._clock.monotonic()
        entry.attempts = max(entry.attempts, end.attempts)
        self._entries.remove(entry)
        is_timeout = end.status is Status.TIMEOUT
        if is_timeout and entry.goes_on(now, end.pause):
            self._entries.renew(entry)
            self._say(entry.shard, entry.message(now))
        for future, follower in list(entry.followers.items()):
            is_over = not is_timeout or not entry.goes_on_for(future, now, end.pause)
            if not is_over or end.limit == "max_wait_time":
                continue  # here its time is over a little later, or not yet
            attempts = end.attempts - follower.before
            tell = partial(self._scheduler.conclude_as, future, end, attempts)
            follower.hear(tell, self._scheduler.call_later)

    def _slow_down(self, slowed: Slowed) -> None:
        if slowed.event.pause is not None:
            self._stations.pause(slowed.event.pause, of=slowed.station)
        self._scheduler.tell_pace(slowed.event)

    def _note_life(self, alive: Alive) -> None:
        self._stations.hear(alive.station, alive.max_rate, self._clock.monotonic())

    def _end_task(self, shard: int, key: str) -> None:
        now = self._clock.monotonic()
        station = self._places.of(shard).station
        why = self._places.end(shard, key, now)
        self._lose_if_empty(station, now)
        if why is not None:
            for entry in self._entries.of_shard(shard):
                self._give_up(entry, why)

    # When the connection is gone

    def _lose(self, error: ClusterError) -> None:
        """Takes note that nothing is heard of the cluster any more."""
        now, where = self._clock.monotonic(), self._cluster.address
        if self._line.lose(now):
            log(logging.WARNING, "%s at %s: waits go on if it is back in time", error, where)
        self._places.clear()
        self._stations.lose_all(now)

    def _give_up(self, entry: Entry, why: str) -> None:
        self._entries.remove(entry)
        for future in entry.followers:
            self._scheduler.give_up(future, why)
        self._has_told = True

    def _leave(self) -> None:
        """Leaves all places, and ends this thread."""
        self._is_over = True
        with contextlib.suppress(ClusterError):
            for place in self._places.seated():
                self._say(place.shard, Leave(place.shard))
            self._stations.flush()
        self._places.clear()
        self._line.close()
        self._cluster.close()
