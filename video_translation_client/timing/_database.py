"""The file of a history: a SQLite database that clients, threads and processes share.

Its trouble is told once and raised never: what can't be written now is written with what comes
next, and what can never be stays in memory. It knows of no threads: one at a time uses it.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from .._base.arguments import BadValueError
from .._base.database import Connection, Kind, identity
from .._base.log import log
from ._observations import Observation

if TYPE_CHECKING:
    from typing import Iterable

    from ._ledger import Line

# The time is for people alone, and so is what stands for a job not known to have ended: Inf.
_TABLE = """\
CREATE TABLE observations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    service TEXT NOT NULL CHECK (typeof(service) = 'text'),
    job_group TEXT CHECK (job_group IS NULL OR typeof(job_group) = 'text'),
    low REAL NOT NULL CHECK (typeof(low) = 'real' AND low >= 0),
    high REAL NOT NULL CHECK (typeof(high) = 'real' AND high >= low),
    completed INTEGER CHECK (completed IN (0, 1)),
    expected REAL CHECK (expected IS NULL OR typeof(expected) = 'real' AND expected > 0),
    began REAL NOT NULL CHECK (typeof(began) = 'real'),
    written TEXT NOT NULL DEFAULT (datetime('now'))
)"""

_INDEX = "CREATE INDEX observations_of_group ON observations (service, job_group, began)"

# The number is the letters "vtdh".
_KIND = Kind("path", 0x76746468, ((_TABLE, _INDEX),))

_STORED_TABLE = "SELECT sql FROM sqlite_master WHERE name = 'observations'"

_NEWER = """
SELECT id, service, low, high, completed, expected, job_group, began
FROM observations WHERE id > ? ORDER BY id
"""

_INSERT = """
INSERT INTO observations (service, low, high, completed, expected, job_group, began)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""

_DELETE_OLD = """
DELETE FROM observations WHERE id IN (
    SELECT id FROM observations WHERE service = ? AND job_group IS ?
    ORDER BY began DESC, id DESC LIMIT -1 OFFSET ?
)
"""

# Seconds for which others may hold the file: while the user waits for it to be opened or closed;
# while a worker has better things to do; and while it is known to be held for long.
_AT_EASE, _AT_WORK, _IN_TROUBLE = 2.0, 0.25, 0.0

# Lines that wait for a file that can't be written; the oldest go first.
_MOST_UNWRITTEN = 10_000


class Database:
    """Writes lines to the file, and reads those that others have written.

    Args:
        path: An absolute path.
        keep: The most lines of one group of a service in it.
    """

    def __init__(self, path: str, keep: int) -> None:
        self.path = path
        self._file = Connection(path, _KIND)
        self._keep = keep
        self._seen = 0  # the id of the latest line that was read or written
        self._unwritten: deque[Line] = deque(maxlen=_MOST_UNWRITTEN)
        self._patience = _AT_EASE
        self._is_over = False
        self._has_warned = False

    def load(self) -> tuple[list[Line], str | None]:
        """Reads all there is, and makes the file where there is none.

        Returns:
            The lines, and in one sentence what is wrong with the file, or None.

        Raises:
            ValueError: The file is of another kind, or application; it was not touched.
        """
        try:
            before = identity(self.path)
            try:
                return self._read_all(), None
            except sqlite3.DatabaseError as error:
                if type(error) is not sqlite3.DatabaseError:  # which is how sqlite3 tells damage
                    raise
                aside = _move_aside(self.path, before)
                what = f"the history {self.path!r} is damaged ({error})"
                return self._read_all(), f"{what}: it is now {aside!r}, and a new one begins"
        except (sqlite3.Error, OSError) as error:
            return [], self._note(error)

    def write(self, lines: Iterable[Line]) -> list[Line]:
        """Writes lines, and those that could not be written before.

        Returns:
            What others have written since this last wrote or read.
        """
        if self._is_over:
            return []
        self._unwritten.extend(lines)
        try:
            news = self._exchange()
        except (sqlite3.Error, OSError, BadValueError) as error:
            problem = self._note(error)
            if not self._has_warned:
                self._has_warned = True
                log(logging.WARNING, "%s", problem)
            return []
        self._unwritten.clear()
        self._patience = _AT_WORK
        return news

    def disconnect(self) -> None:
        """Closes the file until something is written; what is under way is undone."""
        self._file.disconnect()

    def leave_to_parent(self) -> None:
        """Forgets what the process that this is a fork of has still to write."""
        self._unwritten.clear()

    def close(self) -> None:
        """Writes what could not be written before, if that is possible by now, for the last time.

        Takes seconds where others hold the file.
        """
        if self._unwritten:
            self._patience = _AT_EASE
            self.write([])
        self.disconnect()
        self._is_over = True

    def _note(self, error: Exception) -> str:
        # Only what is of sqlite3's OperationalError, or the system's, can pass.
        self._is_over = not isinstance(error, (sqlite3.OperationalError, OSError))
        self._patience = _IN_TROUBLE
        return f"the history {self.path!r} can't be used: {error}; what is learned " + (
            "stays in memory" if self._is_over else "is kept in memory until it can"
        )

    def _read_all(self) -> list[Line]:
        try:
            self._file.connect(self._patience)
            if self._file.execute(_STORED_TABLE) != [(_TABLE,)]:
                raise sqlite3.DatabaseError("its table is not the one that was made")
            (state,) = self._file.execute("PRAGMA quick_check(1)")[0]
            if state != "ok":
                raise sqlite3.DatabaseError(" ".join(state.split()))
            self._seen, lines = self._read_newer(0)
        finally:
            # So that processes may be forked in any way before the first write.
            self._file.disconnect()
        self._patience = _AT_WORK
        return lines

    def _exchange(self) -> list[Line]:
        execute = self._file.execute
        self._file.connect(self._patience)
        with self._file.transaction():
            _, news = self._read_newer(self._seen)
            for service, observation in self._unwritten:
                execute(_INSERT, (service, *observation))
            for service, group in {(service, line.group) for service, line in self._unwritten}:
                execute(_DELETE_OLD, (service, group, self._keep))
            (seen,) = execute("SELECT max(id) FROM observations")[0]
        self._seen = seen
        return news

    def _read_newer(self, seen: int) -> tuple[int, list[Line]]:
        rows = self._file.execute(_NEWER, (seen,))
        lines = [
            (service, Observation(low, high, None if done is None else bool(done), *others))
            for _, service, low, high, done, *others in rows
        ]
        return (rows[-1][0] if rows else seen), lines


def _move_aside(path: str, which: tuple[int, int] | None) -> str:
    """Moves a file, unless another process has put a new one in its place; returns where it is."""
    aside, number = f"{path}.damaged", 1
    if identity(path) == which:
        while Path(aside).exists():
            number += 1
            aside = f"{path}.damaged-{number}"
        for end in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                Path(path + end).replace(aside + end)
    return aside
