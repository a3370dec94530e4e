"""What a user touches of a store: its file, and what waits in it."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, NamedTuple

from .._base import arguments
from ..clock import Clock
from ._desk import Desk
from ._file import File, Scope
from ._keeping import Keeping
from ._owners import Watch
from ._records import job_id_of

if TYPE_CHECKING:
    import os
    from typing import Callable, NoReturn

    from .._scheduling.decision import Rules
    from .._scheduling.scheduler import Scheduler
    from ..events import Ended, Listener
    from ..status import StatusReport
    from ._records import Record

# Seconds for which others may hold the file while somebody wants to read it.
_PATIENCE = 5.0


class StoredWait(NamedTuple):
    """A wait as it stands in a store.

    Attributes:
        service: The name of the service.
        base_url: Where it stands, without credentials.
        account: The label that was given for whose jobs they are, or empty.
        job_id: The job; None for a service with one unnamed job.
        submitted_at: Seconds since the epoch at the submit.
        attempts: Polls by the time it was written.
        elapsed: Seconds of the wait by now, or by its end.
        next_poll: Seconds from now until its next poll; None: it is due, or the wait has ended.
        report: The latest answer, or None.
        last_error: Why the latest poll that failed in passing did, or None.
        end: How the wait ended, if nobody was told of that yet; None: it goes on.
        is_waited_for: Whether a living process has it.
    """

    service: str
    base_url: str
    account: str
    job_id: str | None
    submitted_at: float
    attempts: int
    elapsed: float
    next_poll: float | None
    report: StatusReport | None
    last_error: str | None
    end: Ended | None
    is_waited_for: bool


class Store:
    """A file that keeps waits: those of any number of clients, threads and processes.

    A client with a store writes each wait before its first poll, then its answers, attempts and
    end; another one resumes it. The file is a SQLite database in WAL mode (https://sqlite.org/wal.html),
    so it should be on a disk of the machine, not on a network drive. There is no key in it, and no
    credentials of a URL; what the service says of a job, such as the URL of its result, is, so that
    only its owner may read the file.

    One thread writes for all clients that have the same ``Store``, while there are any. A process
    that dies is noticed within two seconds by others on its machine; one of another machine or
    container, or that hangs, after ``lease`` seconds.

    Args:
        path: The file; it is made where there is none, with its folders.
        lease: Seconds after which a process that shows no life counts as dead, 3 or more.

    Raises:
        TypeError, ValueError: A bad argument, or the file is of another kind.
        OSError: The file can't be used, with the reason.
    """

    def __init__(self, path: str | os.PathLike[str], *, lease: float = 15.0) -> None:
        self._path = arguments.file_path("path", path)
        self._lease = arguments.number("lease", lease, least=3)
        self._desk = Desk(self._path, self._lease)
        self._desk.open()

    @property
    def path(self) -> str:
        """The absolute path of the file."""
        return self._path

    def waits(self) -> list[StoredWait]:
        """Returns all waits that go on, or of whose end nobody was told, by their submits.

        Reads the file, which takes about two seconds with 100,000 waits.

        Raises:
            OSError: The file can't be read.
        """
        file = File(self._path)
        try:
            file.connect(_PATIENCE)
            file.execute("BEGIN")
            records, owners = file.all(), file.owners()
        except (sqlite3.Error, OSError, ValueError) as error:  # it was replaced since
            raise OSError(f"the store {self._path!r} can't be read: {error}") from None
        finally:
            file.disconnect()
        dead = Watch(self._lease).dead(owners, 0.0)
        living = {owner.id for owner in owners}.difference(dead)
        now = Clock().time()
        return [_as_wait(record, now, living) for record in records]

    def keeping(
        self,
        make_scheduler: Callable[[Listener], Scheduler],
        clock: Clock,
        scope: Scope,
        rules: Rules,
        patience: float,
    ) -> Keeping:
        """Only for a client: returns what keeps its waits, as ``Keeping`` describes it."""
        return Keeping(make_scheduler, clock, self._desk, scope, rules, patience)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Store can't be pickled: make one in each process, with the same path")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._path!r})"


def _as_wait(record: Record, now: float, living: set[int]) -> StoredWait:
    key, progress, is_over = record.key, record.progress, record.end is not None
    return StoredWait(
        key.service,
        key.base_url,
        key.account,
        job_id_of(key),
        record.submitted_at,
        progress.attempts,
        progress.elapsed + (0.0 if is_over else record.age(now)),
        None if is_over else record.next_poll(now) or None,
        progress.report,
        None if progress.failure is None else progress.failure.reason,
        record.end,
        record.owner in living,
    )
