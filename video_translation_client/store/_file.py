"""The file of a store: its tables, and what is read and written of them, statement by statement.

It decides nothing. All is done within a transaction of whoever calls; one thread at a time does.

A wait is there as long as somebody has it: each client that has futures for it is one of its
callers, and of those that died with their process, or have left, one remains that is nobody, until
somebody takes its place. The owner of a wait is the client that polls for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .._base.database import Connection, Kind
from ..status import Hints
from ._owners import Owner
from ._records import (
    Key,
    Limits,
    Progress,
    Record,
    end_as_text,
    end_of,
    failure_as_text,
    failure_of,
    report_as_text,
    report_of,
)

if TYPE_CHECKING:
    from typing import Any, Iterable, Sequence

    from ..events import Ended

_WAITS = """\
CREATE TABLE waits (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    service TEXT NOT NULL,
    base_url TEXT NOT NULL,
    account TEXT NOT NULL,
    job_id TEXT NOT NULL,
    owner INTEGER,
    age REAL,
    expected REAL,
    job_group TEXT,
    max_attempts INTEGER,
    max_wait_time REAL,
    submitted_at REAL NOT NULL,
    attempts INTEGER NOT NULL,
    elapsed REAL NOT NULL,
    next_poll REAL,
    pending_until REAL,
    ended_by REAL,
    report TEXT,
    failure TEXT,
    written_at REAL NOT NULL,
    ending TEXT,
    nudges INTEGER NOT NULL DEFAULT 0,
    change INTEGER NOT NULL,
    UNIQUE (service, base_url, account, job_id)
)"""

# From where on numbers are given, at most.
_NUMBERS = 2**40 - 1

# The number is the letters "vtws".
KIND = Kind(
    "store",
    0x76747773,
    (
        (
            _WAITS,
            "CREATE INDEX waits_of_owner ON waits (owner)",
            "CREATE INDEX waits_by_change ON waits (change)",
            "CREATE INDEX nudged_waits ON waits (owner) WHERE nudges > 0",
            """CREATE TABLE owners (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                place TEXT NOT NULL,
                pid INTEGER NOT NULL,
                started TEXT NOT NULL,
                beat INTEGER NOT NULL DEFAULT 0
            )""",
            """CREATE TABLE callers (
                wait INTEGER NOT NULL,
                owner INTEGER NOT NULL,
                PRIMARY KEY (wait, owner)
            ) WITHOUT ROWID""",
            "CREATE INDEX callers_of_owner ON callers (owner)",
            "CREATE TABLE changes (latest INTEGER NOT NULL)",
            "INSERT INTO changes VALUES (0)",
            # Numbers from one file are none in another that has come to its place.
            *(
                f"INSERT INTO sqlite_sequence VALUES ('{table}', random() & {_NUMBERS})"  # noqa: S608 - of names
                for table in ("waits", "owners")
            ),
        ),
    ),
    # What a service gives of a finished job may open for anybody.
    mode=0o600,
)

NOBODY = 0
"""The owner of callers that have died, or have left: somebody else is to find their waits."""

_COLUMNS = """
id, service, base_url, account, job_id, owner, age, expected, job_group, max_attempts,
max_wait_time, submitted_at, attempts, elapsed, next_poll, pending_until, ended_by, report, failure,
written_at, ending
"""

_SELECT = f"SELECT {_COLUMNS} FROM waits "  # noqa: S608 - of nothing but the names above

_SCOPE = "service = ? AND base_url = ? AND account = ?"

# "CROSS" has SQLite go through the callers, of which few are nobody, and not through all waits.
_LEFT = f"""
SELECT {_COLUMNS} FROM (SELECT wait FROM callers WHERE owner = ?) CROSS JOIN waits ON id = wait
WHERE {_SCOPE} ORDER BY wait LIMIT ?
"""  # noqa: S608 - likewise

# What was known of an earlier wait for the same job goes.
_BEGIN = """
INSERT OR REPLACE INTO waits (id, service, base_url, account, job_id, owner, age, expected,
    job_group, max_attempts, max_wait_time, submitted_at, attempts, elapsed, written_at, change)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0.0, ?, ?)
"""

_WRITE = """
UPDATE waits SET max_attempts = ?, max_wait_time = ?, attempts = ?, elapsed = ?, next_poll = ?,
    pending_until = ?, ended_by = ?, report = ?, failure = ?, written_at = ?, ending = ?, change = ?
WHERE id = ? AND owner = ?
"""


class Scope(NamedTuple):
    """Of which clients waits are: the key without the job."""

    service: str
    base_url: str
    account: str


class File(Connection):
    """Reads and writes the lines of the file; all but ``connect`` within a transaction."""

    def __init__(self, path: str) -> None:
        super().__init__(path, KIND)

    def be_durable(self, durable: bool) -> None:
        """Has what is committed from now on outlive a crash of the machine, or of processes alone.

        Outside of a transaction.
        """
        self.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")

    # Owners

    def register(self, place: str, pid: int, started: str) -> int:
        """Makes a new owner; returns its number."""
        self.execute(
            "INSERT INTO owners (place, pid, started) VALUES (?, ?, ?)", (place, pid, started)
        )
        return self._last_id()

    def beat(self, owner: int) -> bool:
        """Shows that an owner lives; False if it was taken for dead meanwhile."""
        self.execute("UPDATE owners SET beat = beat + 1 WHERE id = ?", (owner,))
        return self._changed() > 0

    def owners(self) -> list[Owner]:
        """Returns all owners, some of which may have died since somebody looked."""
        return [Owner(*row) for row in self.execute("SELECT * FROM owners")]

    def bury(self, owner: int, change: int) -> None:
        """Forgets an owner: its waits have none any more, and its callers are nobody."""
        self.execute("DELETE FROM owners WHERE id = ?", (owner,))
        self.execute("UPDATE OR REPLACE callers SET owner = ? WHERE owner = ?", (NOBODY, owner))
        self.execute("UPDATE waits SET owner = NULL, change = ? WHERE owner = ?", (change, owner))

    # Waits

    def next_change(self) -> int:
        """Returns the number of a change that is made now; each is higher than those before."""
        self.execute("UPDATE changes SET latest = latest + 1")
        return int(self.execute("SELECT latest FROM changes")[0][0])

    def find(self, key: Key) -> Record | None:
        """Returns a wait by its key."""
        rows = self.execute(f"{_SELECT} WHERE {_SCOPE} AND job_id = ?", key)
        return _record(rows[0]) if rows else None

    def begin(
        self,
        wait: int | None,
        key: Key,
        owner: int,
        hints: Hints,
        limits: Limits,
        submitted_at: float,
        change: int,
    ) -> int:
        """Makes a wait that nobody has polled for yet, and returns its number.

        Where there was one for the same job, ``wait`` is its number, and its callers remain.
        """
        times = (submitted_at, submitted_at)  # by then it had come no further
        self.execute(_BEGIN, (wait, *key, owner, *hints, *limits, *times, change))
        return self._last_id()

    def take(self, wait: int, owner: int, change: int) -> None:
        """Makes a client the owner of a wait that has none."""
        mine = "UPDATE waits SET owner = ?, change = ? WHERE id = ? AND owner IS NULL"
        self.execute(mine, (owner, change, wait))

    def release(self, wait: int, owner: int, change: int) -> None:
        """Lets others poll for a wait, if it is the owner's."""
        free = "UPDATE waits SET owner = NULL, change = ? WHERE id = ? AND owner = ?"
        self.execute(free, (change, wait, owner))

    def get(self, wait: int) -> Record | None:
        """Returns a wait by its number."""
        rows = self.execute(f"{_SELECT} WHERE id = ?", (wait,))
        return _record(rows[0]) if rows else None

    def write(
        self,
        wait: int,
        owner: int,
        limits: Limits,
        progress: Progress,
        now: float,
        end: Ended | None,
        change: int,
    ) -> bool:
        """Writes how far a wait has come; False if it is not the owner's any more."""
        told = (report_as_text(progress.report), failure_as_text(progress.failure))
        ending = None if end is None else end_as_text(end)
        line = (*limits, *progress[:5], *told, now, ending, change, wait, owner)
        self.execute(_WRITE, line)
        return self._changed() > 0

    def left(self, scope: Scope, most: int) -> list[Record]:
        """Returns waits of which a caller is nobody, from the oldest on."""
        return [_record(row) for row in self.execute(_LEFT, (NOBODY, *scope, most))]

    def changed_since(self, change: int, owner: int) -> list[Record]:
        """Returns the waits that others have changed after a change."""
        return self._records("WHERE change > ? AND owner IS NOT ? ORDER BY id", (change, owner))

    def all(self) -> list[Record]:
        """Returns all waits, in the order of their submits."""
        return self._records("ORDER BY submitted_at, id", ())

    # Callers and nudges

    def attach(self, wait: int, owner: int) -> None:
        """Makes a client a caller of a wait, in the place of nobody where that was one."""
        self.execute("DELETE FROM callers WHERE wait = ? AND owner = ?", (wait, NOBODY))
        self.execute("INSERT OR IGNORE INTO callers VALUES (?, ?)", (wait, owner))

    def detach(self, wait: int, owner: int) -> None:
        """Makes a client a caller of a wait no more; with the last one, the wait goes.

        One that has left before is nobody, unless somebody has taken its place.
        """
        self.execute("DELETE FROM callers WHERE wait = ? AND owner = ?", (wait, owner))
        if not self._changed():
            self.execute("DELETE FROM callers WHERE wait = ? AND owner = ?", (wait, NOBODY))
        if not self.execute("SELECT 1 FROM callers WHERE wait = ? LIMIT 1", (wait,)):
            self.execute("DELETE FROM waits WHERE id = ?", (wait,))

    def leave(self, wait: int, owner: int) -> None:
        """Has somebody else find a wait of which a client was a caller."""
        self.execute(
            "UPDATE OR REPLACE callers SET owner = ? WHERE wait = ? AND owner = ?",
            (NOBODY, wait, owner),
        )

    def has_others(self, wait: int, owner: int) -> bool:
        """Says whether a wait has another caller than this one."""
        others = "SELECT 1 FROM callers WHERE wait = ? AND owner <> ? LIMIT 1"
        return bool(self.execute(others, (wait, owner)))

    def nudge(self, key: Key) -> None:
        """Has the owner of a wait ask for its job as soon as possible, if there is such a wait."""
        where = f"{_SCOPE} AND job_id = ? AND owner IS NOT NULL"
        self.execute(f"UPDATE waits SET nudges = nudges + 1 WHERE {where}", key)  # noqa: S608 - likewise

    def take_nudged(self, owner: int) -> list[str]:
        """Returns for which jobs an owner was nudged since it asked last."""
        rows = self.execute("SELECT job_id FROM waits WHERE owner = ? AND nudges > 0", (owner,))
        if rows:
            self.execute("UPDATE waits SET nudges = 0 WHERE owner = ? AND nudges > 0", (owner,))
        return [job_id for (job_id,) in rows]

    def _records(self, where: str, values: Iterable[object]) -> list[Record]:
        return [_record(row) for row in self.execute(_SELECT + where, tuple(values))]

    def _last_id(self) -> int:
        return int(self.execute("SELECT last_insert_rowid()")[0][0])

    def _changed(self) -> int:
        return int(self.execute("SELECT changes()")[0][0])


def _record(row: Sequence[Any]) -> Record:
    number, *key, owner = row[:6]
    hints, limits = Hints(*row[6:9]), Limits(*row[9:11])
    submitted_at, (report, failure, written_at, ending) = row[11], row[17:]
    which, progress = Key(*key), Progress(*row[12:17])
    progress = progress._replace(report=report_of(report), failure=failure_of(failure, which))
    end = None if ending is None else end_of(ending, which, hints, submitted_at, progress)
    return Record(number, which, owner, hints, limits, submitted_at, progress, written_at, end)
