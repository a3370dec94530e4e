"""Where each shard sits: a task of Dask on one worker, evenly spread, and moved when that changes.

Plain bookkeeping of one thread, and the calls to Dask that follow from it.
"""

from __future__ import annotations

import logging
import math
import uuid
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Callable, Iterable, Sequence

from distributed.scheduler import KilledWorker

from .._base.log import log
from ._messages import LEASE
from ._station import StationError, hold_shard

if TYPE_CHECKING:
    from distributed import Future

    from ._dask import Cluster
    from ._messages import Order, Seated

# Seconds after which a shard that has lost its place is given another.
_RETRY = 1.0

# Seconds after which a worker that has hung is asked again.
_TRY_AGAIN = 60.0

# How often in turn a shard may be given up by Dask because its workers die, within so many seconds
# each: then what it holds is likely to kill them. Dask itself tries several workers each time.
_MOST_DEATHS = 2
_SOON = 60.0


class Place:
    """That of one shard.

    Attributes:
        shard: Its number.
        station: Who polls for it, or None.
    """

    def __init__(self, shard: int) -> None:
        self.shard = shard
        self.station: str | None = None
        self.worker: str | None = None
        self.task: Future | None = None
        self.key = ""
        self.placed_at = 0.0
        self.waits_since: float | None = None  # while nobody polls for it
        self.retry_at = 0.0
        self.deaths = 0


class Places:
    """The places of the shards of one caller.

    Args:
        cluster: Where they are.
        on_end: Called on a thread of Dask's as ``on_end(shard, key)`` when a task has ended.
    """

    def __init__(self, cluster: Cluster, on_end: Callable[[int, str], object]) -> None:
        self._cluster = cluster
        self._on_end = on_end
        self._places: dict[int, Place] = {}
        self._workers: list[str] = []
        # Those that hang, or can't make a client, and until when nothing is asked of them.
        self._unfit: dict[str, float] = {}

    def of(self, shard: int) -> Place:
        """Returns the place of a shard, which may have none yet."""
        return self._places.setdefault(shard, Place(shard))

    def at(self, station: str) -> list[Place]:
        """Returns those at a station."""
        return [place for place in self._places.values() if place.station == station]

    def seated(self) -> list[Place]:
        """Returns those that somebody polls for."""
        return [place for place in list(self._places.values()) if place.station is not None]

    def look(self, now: float) -> None:
        """Looks which workers there are."""
        self._workers = self._cluster.workers()
        unfit = self._unfit.items()
        self._unfit = {w: until for w, until in unfit if w in self._workers and until > now}

    def are_missing(self, shards: Sequence[int], now: float) -> bool:
        """Says whether shards are not polled for, as there is no worker or each has other work."""
        waiting = [since for since in (self.of(shard).waits_since for shard in shards) if since]
        is_late = any(now - since > LEASE for since in waiting)
        return is_late or (bool(shards) and not self._workers)

    def leave_busy(self, order: Order, now: float) -> None:
        """Gives those that their worker does not take, which is busy or gone, other places.

        Dask keeps a task for a worker that is gone where there was no other at that moment.
        """
        for place in self._places.values():
            is_late = place.waits_since is not None and now - place.placed_at > LEASE
            if is_late and place.worker is not None:
                self._unfit[place.worker] = now + _TRY_AGAIN
                self._put(place, order, self._emptiest(), now)

    def fill(self, shards: Iterable[int], order: Order, now: float) -> None:
        """Finds a place for those that have none."""
        for shard in shards:
            place = self.of(shard)
            if place.task is None and place.retry_at <= now:
                self._put(place, order, self._emptiest(), now)

    def take(self, seated: Seated) -> str | None:
        """Takes note of who polls for a shard now; returns who did before, if somebody else."""
        place = self.of(seated.shard)
        before, place.station, place.worker = place.station, seated.station, seated.worker
        place.waits_since = None
        self._unfit.pop(seated.worker, None)
        return None if before == seated.station else before

    def overfull(self) -> Place | None:
        """Returns one that had better be moved to a worker that has fewer, or None."""
        counts = self._counts()
        if not counts or max(counts.values()) - min(counts.values()) < 2:
            return None
        fullest = max(counts, key=lambda worker: counts[worker])
        return next((place for place in self.seated() if place.worker == fullest), None)

    def move(self, place: Place, order: Order, now: float) -> None:
        """Gives a shard another place."""
        place.station = None
        self._put(place, order, self._emptiest(), now)

    def leave_silent(self, station: str, order: Order, now: float) -> bool:
        """Gives the shards of a station that is not heard of other places.

        Returns:
            Whether its worker hangs; or else it is no more.
        """
        places = self.at(station)
        hanging = {str(place.worker) for place in places} & {*self._workers}
        self._unfit.update(dict.fromkeys(hanging, now + _TRY_AGAIN))
        for place in places:
            self.move(place, order, now)
        return bool(hanging)

    def end(self, shard: int, key: str, now: float) -> str | None:
        """Takes note that a task has ended; returns why its shard can't be polled for, or None."""
        place = self.of(shard)
        task = place.task
        if task is None or place.key != key:
            return None  # it was moved since
        place.task, place.station = None, None
        place.retry_at = now + (0.0 if task.status == "finished" else _RETRY)
        if task.status != "error":
            return None
        error = task.exception()
        if isinstance(error, OSError):
            return None
        if isinstance(error, KilledWorker):
            return self._die(place, now)
        return self._put_aside(place, error, now)

    def _die(self, place: Place, now: float) -> str | None:
        place.deaths = place.deaths + 1 if now - place.placed_at < _SOON else 1
        if place.deaths < _MOST_DEATHS:
            return None
        return f"one worker after the other has died while it polled for shard {place.shard}"

    def _put_aside(self, place: Place, error: BaseException, now: float) -> str | None:
        """Does without a worker that can't poll, as long as there are others."""
        is_known = isinstance(error, StationError)
        worker = error.args[0] if is_known else place.worker
        why = str(error) if is_known else f"worker {worker} raised {error!r}"
        others = {*self._workers} - self._unfit.keys() - {worker}
        if not others:
            return why
        if worker not in self._unfit:  # pragma: no branch - or another shard has met it just now
            log(logging.WARNING, "%s; others poll in its place", why)
            self._unfit[str(worker)] = math.inf
        place.retry_at = now
        return None

    def clear(self) -> None:
        """Forgets all places, which are gone."""
        self._places.clear()
        self._workers.clear()

    def _put(self, place: Place, order: Order, worker: str | None, now: float) -> None:
        # A new name each time: Dask remembers those of tasks that have failed.
        place.key = f"video-translation-shard-{place.shard}-{uuid.uuid4().hex}"
        place.worker, place.placed_at = worker, now
        place.waits_since = place.waits_since or now
        ended = partial(self._tell, place.shard, place.key)
        place.task = self._cluster.seat(hold_shard, (order, place.shard), place.key, worker, ended)

    def _tell(self, shard: int, key: str, task: Future) -> None:
        self._on_end(shard, key)

    def _emptiest(self) -> str | None:
        counts = self._counts()
        return min(counts, key=lambda worker: counts[worker], default=None)

    def _counts(self) -> dict[str, int]:
        workers = [worker for worker in self._workers if worker not in self._unfit]
        sitting = Counter(place.worker for place in self._places.values() if place.task)
        return {worker: sitting[worker] for worker in workers}
