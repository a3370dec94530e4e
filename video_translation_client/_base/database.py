"""A SQLite file of the library's own: made, told from those of others, and safe in a forked child.

It knows no table but by the statements that make them, and one thread at a time uses it.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .arguments import BadValueError

if TYPE_CHECKING:
    from typing import Any, Iterator, Sequence

# Connections of the parent that a fork has brought here. To close one would take away the locks of
# the parent, and remove what it still writes to (https://sqlite.org/howtocorrupt.html, 2.6).
_inherited: list[sqlite3.Connection] = []


# How every SQLite database begins (https://sqlite.org/fileformat.html, 1.3).
_MAGIC = b"SQLite format 3\0"


class Kind(NamedTuple):
    """What tells a file from those of others, and what makes it.

    Attributes:
        argument: What a caller's argument for its path is called.
        application: SQLite's ``application_id``.
        steps: The statements of each version, from the first on; a file of an older version is
            brought up to the newest by those that it lacks.
        mode: The rights with which the file is made; None: those that ``umask`` leaves.
    """

    argument: str
    application: int
    steps: tuple[tuple[str, ...], ...]
    mode: int | None = None


class NewerError(sqlite3.DatabaseError):
    """The file was made by a newer version of the library."""


class Connection:
    """The file, open from the first use on until ``disconnect``.

    Args:
        path: An absolute path.
        kind: What it is.
    """

    def __init__(self, path: str, kind: Kind) -> None:
        self.path = path
        self._kind = kind
        self._connection: sqlite3.Connection | None = None
        self._owner = 0  # the process that has opened it
        self._opened: tuple[int, int] | None = None  # which file, the latest time

    def connect(self, patience: float) -> None:
        """Opens the file unless it is open, makes it where there is none, or brings it up to date.

        Args:
            patience: The most seconds to wait for others who hold it, from now on.

        Raises:
            ValueError: It is a file of another kind or application; it was not touched.
            sqlite3.Error, OSError: It can't be used.
        """
        if self._connection is None:
            Path(self.path).parent.mkdir(parents=True, exist_ok=True)
            if self._kind.mode is not None:
                with contextlib.suppress(FileExistsError):
                    os.close(os.open(self.path, os.O_CREAT | os.O_EXCL, self._kind.mode))
            self._owner = os.getpid()
            self._connection = sqlite3.connect(
                self.path, timeout=patience, isolation_level=None, check_same_thread=False
            )
            self._connection.text_factory = _text
            try:
                self._prepare()
            except BaseException as error:
                self.disconnect()
                # One that was open before is damaged, and not of another kind.
                if "not a database" in str(error) and self._opened is None:
                    self._check_kind()
                raise
            self._opened = identity(self.path)
        self.execute(f"PRAGMA busy_timeout = {patience * 1000:.0f}")

    def is_moved(self) -> bool:
        """Says whether the file is open, and was deleted since, or another one is in its place."""
        return self._connection is not None and identity(self.path) != self._opened

    def disconnect(self) -> None:
        """Closes the file until the next ``connect``; what is under way is undone."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if self._owner != os.getpid():
            _inherited.append(connection)
            return
        with contextlib.suppress(sqlite3.Error):
            connection.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Writes all that is executed within, or nothing, and then disconnects."""
        try:
            self.execute("BEGIN IMMEDIATE")
            yield
            self.execute("COMMIT")
        except BaseException:
            self.disconnect()
            raise

    def execute(self, statement: str, values: Sequence[object] = ()) -> list[Any]:
        """Returns the rows of a statement.

        Raises:
            sqlite3.Error: It failed, or the process is a fork of the one that has opened the file.
        """
        if self._connection is None or self._owner != os.getpid():
            raise sqlite3.ProgrammingError("it was open when the process was forked")
        try:
            return self._connection.execute(statement, values).fetchall()
        except UnicodeDecodeError:  # also where sqlite3 quotes a damaged name in its own error
            raise sqlite3.DatabaseError("its schema is no text") from None

    def _check_kind(self) -> None:
        """Refuses what never was a SQLite database; zeros may be what a crash has left of one.

        Only for what SQLite takes for none, and has not open anywhere: to close a file takes away
        all locks that this process has on it (https://sqlite.org/howtocorrupt.html, 2.2).
        """
        with Path(self.path).open("rb") as file:
            begin = file.read(len(_MAGIC))
        if begin != _MAGIC and begin.strip(b"\0"):
            problem = f"must not be a file of another kind, as {self.path!r} is"
            raise BadValueError(self._kind.argument, problem) from None

    def _prepare(self) -> None:
        self.execute("BEGIN")  # so that another process makes the file before or after, not amid
        version = self._version()
        self.execute("COMMIT")
        # Where it can't be had, as on a network drive, all is slower, and as safe.
        with contextlib.suppress(sqlite3.OperationalError):
            self.execute("PRAGMA journal_mode = WAL")
        # A crash of the machine may take the latest lines, and leaves the file good.
        self.execute("PRAGMA synchronous = NORMAL")
        if version < len(self._kind.steps):
            self._bring_up()

    def _version(self) -> int:
        """Returns the version of the file, 0 where there is nothing in it yet."""
        (application,) = self.execute("PRAGMA application_id")[0]
        (version,) = self.execute("PRAGMA user_version")[0]
        if application == self._kind.application:
            if version > len(self._kind.steps):
                raise NewerError("it is of a newer version of this library")
            return int(version)
        if application or version or self.execute("SELECT 1 FROM sqlite_master LIMIT 1"):
            problem = f"must not be a database of another application, as {self.path!r} is"
            raise BadValueError(self._kind.argument, problem)
        return 0

    def _bring_up(self) -> None:
        self.execute("BEGIN IMMEDIATE")
        for step in self._kind.steps[self._version() :]:  # another process may have been faster
            for statement in step:
                self.execute(statement)
        self.execute(f"PRAGMA application_id = {self._kind.application}")
        self.execute(f"PRAGMA user_version = {len(self._kind.steps)}")
        self.execute("COMMIT")


def _text(content: bytes) -> str:
    # Whose errors sqlite3 would take for trouble that can pass.
    return content.decode(errors="replace")


def identity(path: str) -> tuple[int, int] | None:
    """Returns what tells a file from another one that has come to its place; None: it is gone."""
    with contextlib.suppress(OSError):
        found = Path(path).stat()
        return found.st_dev, found.st_ino
    return None
