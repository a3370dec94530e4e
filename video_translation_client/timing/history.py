"""What is remembered of how long jobs took, in memory or in a file, for whoever estimates.

It takes what is told and gives it back; it estimates nothing and asks no service.
"""

from __future__ import annotations

import time
import warnings
import weakref
from typing import TYPE_CHECKING

from .._base import arguments
from ..events import Ended
from ._ledger import Ledger
from ._observations import Observation, hints, taught_by, text

if TYPE_CHECKING:
    import os
    from types import TracebackType
    from typing import NoReturn, Sequence


class DurationHistory:
    """How long jobs took, as far as polling has shown it; safe for use from many threads.

    A file may be shared by clients, threads and processes of one machine: what others have written
    is known here once something is written here. Whatever befalls the file, its user does not
    notice but for a warning: what is learned is kept in memory, and written when that is possible
    again. It holds durations, and the names of services and groups.

    Args:
        path: A SQLite file, made where there is none, with its folder; None: in memory alone. A
            damaged file is renamed, with ``.damaged`` at its end, and a new one begins.
        keep: The most observations of one group of a service, 1 or more; the oldest go first.

    Raises:
        TypeError, ValueError: A bad argument, named in the message, such as the path of another
            application's database.

    Warns:
        RuntimeWarning: The file can't be used, or was damaged. What befalls it later is logged.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None, *, keep: int = 1000) -> None:
        keep = arguments.count("keep", keep)
        self._path = (
            None
            if path is None
            else arguments.file_path("path", path, "None means in memory alone")
        )
        database = None
        if self._path is not None:
            from ._database import Database  # noqa: PLC0415 - SQLite is for who wants a file

            database = Database(self._path, keep)
        self._ledger = Ledger(keep, database)
        problem = self._ledger.load()
        weakref.finalize(self, self._ledger.close)
        if problem is not None:
            warnings.warn(problem, RuntimeWarning, stacklevel=2)

    def record(
        self,
        seconds: float,
        *,
        service: str = "default",
        group: str | None = None,
        expected: float | None = None,
        completed: bool = True,
    ) -> None:
        """Takes a job that took exactly so long, from its start to its end, and counts as new.

        Args:
            seconds: 0 or more.
            service: The name of the service.
            group: What kind of job it was; None: no kind.
            expected: Seconds that it was expected to take, above 0; None: not known.
            completed: Whether it completed, or else failed.

        Raises:
            TypeError, ValueError: A bad argument, named in the message.
        """
        seconds = arguments.number("seconds", seconds, least=0)
        if not isinstance(completed, bool):
            raise arguments.BadTypeError("completed", f"must be True or False, not {completed!r}")
        told = hints(expected, group)
        observation = Observation(seconds, seconds, completed, *told, time.time())
        self._ledger.take((text("service", service), observation))

    def observe(self, end: Ended) -> None:
        """Takes what the end of a wait teaches, which may be nothing.

        A job that was seen to end did so after the last answer that said ``pending``. One that was
        given up while it ran takes longer than that. One found ended by its first poll teaches
        something only if its age was told at the submit.

        Raises:
            TypeError, ValueError: It is no ``Ended``, or holds what no wait can have.
        """
        observation = taught_by(arguments.instance("end", end, Ended))
        if observation is not None:
            self._ledger.take((text("service", end.service), observation))

    def observations(self, service: str) -> Sequence[Observation]:
        """Returns what is known of a service, by when jobs began, as it is now; never blocks."""
        known = self._ledger.of(service)
        return () if known is None else known.latest()

    def services(self) -> list[str]:
        """Returns the names of the services of which something is known; no I/O."""
        return sorted(self._ledger.services())

    def version(self, service: str) -> int:
        """Returns a number that changes whenever ``observations`` of a service do; no I/O."""
        known = self._ledger.of(service)
        return 0 if known is None else known.version

    def close(self) -> None:
        """Writes what is not written yet, and closes the file; what comes later stays in memory.

        It takes up to two seconds where another process holds the file, or where a signal handler
        calls it in the middle of a write. A history that is dropped, or left when the process
        ends, closes itself.
        """
        self._ledger.close()

    def __enter__(self) -> DurationHistory:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a DurationHistory can't be pickled: make one in each process")

    def __repr__(self) -> str:
        place = "in memory" if self._path is None else repr(self._path)
        services = sorted(self._ledger.services().items())
        counts = ", ".join(f"{len(known)} of {name}" for name, known in services)
        return f"<{type(self).__name__} {place}: {counts or 'nothing yet'}>"
