"""What the caller knows of the stations that poll for it, and what each is to be told next.

Plain bookkeeping of one thread, and the mail that follows from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping

from ._messages import LEASE, Keep
from ._shares import Shares

if TYPE_CHECKING:
    from ._dask import Cluster, Mailbox


class _Station:
    def __init__(self, mailbox: Mailbox, worker: str, now: float) -> None:
        self.mailbox = mailbox
        self.worker = worker
        self.heard_at = now
        self.outbox: list[Any] = []


class Stations:
    """The stations of one caller, by name.

    Args:
        cluster: Where they are.
        max_rate: Requests a second that they share, or None for no limit.
    """

    def __init__(self, cluster: Cluster, max_rate: float | None) -> None:
        self._cluster = cluster
        self._shares = Shares(max_rate)
        self._stations: dict[str, _Station] = {}

    def __contains__(self, name: str | None) -> bool:
        return name in self._stations

    def names(self) -> list[str]:
        """Returns those that are known."""
        return list(self._stations)

    def worker(self, name: str) -> str:
        """Returns the address of the worker that one stands on."""
        return self._stations[name].worker

    def add(self, name: str, worker: str, now: float) -> None:
        """Takes one in."""
        self._stations[name] = _Station(self._cluster.mailbox(name), worker, now)

    def hear(self, name: str, max_rate: float | None, now: float) -> None:
        """Takes note of a sign of life."""
        self._shares.confirm(name, max_rate)
        station = self._stations.get(name)
        if station is not None:
            station.heard_at = now

    def silent(self, now: float) -> list[str]:
        """Returns those of which nothing is heard any more."""
        stations = self._stations.items()
        return [name for name, station in stations if now - station.heard_at > LEASE]

    def say(self, name: str | None, message: Any) -> None:
        """Has one be told something; where there is none, nobody is told."""
        station = self._stations.get(name or "")
        if station is not None:
            station.outbox.append(message)

    def pause(self, seconds: float, of: str) -> None:
        """Has all but the one that has heard of it send no request for a while."""
        for name in self._stations:
            if name != of:
                self.say(name, Keep(self._shares.of(name), seconds))

    def beat(self, weights: Mapping[str, int], now: float) -> None:
        """Gives all a sign of life, and a part of the rate by how much each has to do."""
        for name, rate in self._shares.grant(weights, now).items():
            self.say(name, Keep(rate, 0.0))

    def lose(self, name: str, now: float) -> None:
        """Forgets one that polls no more; where it is not dead, it finds out within the lease."""
        station = self._stations.pop(name, None)
        if station is not None:  # pragma: no branch - or it was lost before
            self._shares.lose(name, now + LEASE)
            station.mailbox.put(station.outbox)
            station.mailbox.close()

    def lose_all(self, now: float) -> None:
        """Forgets all, as there is no connection."""
        for name in self._stations:
            self._shares.lose(name, now + LEASE)
        self._stations.clear()

    def flush(self) -> None:
        """Sends what is to be said.

        Raises:
            ClusterError: The scheduler is gone.
        """
        for station in self._stations.values():
            outbox, station.outbox = station.outbox, []
            station.mailbox.put(outbox)
