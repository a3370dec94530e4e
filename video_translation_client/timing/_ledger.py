"""Where observations arrive from any thread, and are written in order by whoever comes by.

    record, observe -> queue -> whoever has the turn -> memory, and the file if there is one

Nobody waits for the turn but who closes, and who forks: a signal handler or a finalizer may bring
something in the middle of all this, and leaves it to the thread that it interrupts.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from .._base import forks
from .._base.forks import PATIENCE, Forking
from ._observations import Observation, Observations

if TYPE_CHECKING:
    from typing import Iterable, Tuple

    from ._database import Database

    Line = Tuple[str, Observation]  # the name of a service, and what was seen of it


class Ledger(Forking):
    """The observations of all services; safe for use from many threads.

    Args:
        keep: The most observations of one group of a service.
        database: The file to keep them in as well, which this closes, or None.
    """

    def __init__(self, keep: int, database: Database | None = None) -> None:
        self._keep = keep
        self._database = database
        self._services: dict[str, Observations] = {}
        self._queue: deque[Line] = deque()
        self._turn = threading.Lock()  # whoever holds it writes all that is there
        forks.watch(self)

    def load(self) -> str | None:
        """Reads the file, if there is one, and returns what is wrong with it, or None."""
        if self._database is None:
            return None
        with self._turn:  # so that no fork meanwhile inherits an open file
            lines, problem = self._database.load()
            self._remember(lines)
        return problem

    def take(self, line: Line) -> None:
        """Takes an observation; what the file brings about is logged, and never raised."""
        self._queue.append(line)
        # Who finds it taken leaves the line to who writes those before it.
        while self._queue and self._turn.acquire(blocking=False):
            try:
                self._write_queue()
            finally:
                self._turn.release()

    def of(self, service: str) -> Observations | None:
        """Returns what is known of a service, or None."""
        return self._services.get(service)

    def services(self) -> dict[str, Observations]:
        """Returns what is known of all, by their names."""
        return self._services.copy()

    def close(self) -> None:
        """Writes what is left; from now on, all is in memory alone."""
        if self._turn.acquire(timeout=PATIENCE):
            try:
                self._write_queue()
                database, self._database = self._database, None
                if database is not None:
                    database.close()
            finally:
                self._turn.release()

    def _write_queue(self) -> None:
        lines = []
        while self._queue:
            lines.append(self._queue.popleft())
        self._remember(lines)
        if self._database is not None and lines:
            self._remember(self._database.write(lines))

    def before_fork(self) -> bool:
        """Lets no write be under way, and no file be open, when the process forks.

        Returns:
            Whether it is so; if not, a write hangs, or is what was interrupted and forks.
        """
        if not self._turn.acquire(timeout=PATIENCE):
            return False
        if self._database is not None:
            self._database.disconnect()
        return True

    def after_fork(self) -> None:
        """Goes on, where ``before_fork`` said that it is so."""
        self._turn.release()

    def after_fork_in_child(self) -> None:
        """Goes on likewise; what was on its way to the file gets there in the parent."""
        lines = list(self._queue)
        self._queue.clear()
        self._remember(lines)
        if self._database is not None:
            self._database.leave_to_parent()
        self._turn.release()

    def _remember(self, lines: Iterable[Line]) -> None:
        by_service: dict[str, list[Observation]] = {}
        for service, observation in lines:
            by_service.setdefault(service, []).append(observation)
        for service, observations in by_service.items():
            known = self._services.get(service)
            if known is None:
                known = self._services[service] = Observations(self._keep)
            known.add(observations)
