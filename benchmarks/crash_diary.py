"""What the processes of crash.py were told, written down so that a kill takes none of it."""

from __future__ import annotations

import contextlib
import json
import os
import time
from functools import partial
from pathlib import Path
from typing import NamedTuple

from video_translation_client import StatusFuture


class Line(NamedTuple):
    """What a process wrote down about a wait.

    Attributes:
        what: ``submitted``; ``had``, by resume(); ``updated``; ``told``, by its done-callback.
            ``start`` is of a process as a whole.
        process: Its number.
        before, after: When it looked, in seconds of the clock that all processes share.
        is_live: Whether the wait had not ended by then.
    """

    what: str
    process: int
    before: float
    after: float
    job_id: str
    status: str
    attempts: int
    elapsed: float
    is_live: bool


class Diary:
    """The file that all processes append to, one write a line; what a kill cut in two is none."""

    def __init__(self, folder: str) -> None:
        self._path = Path(folder) / "diary"
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._read = 0
        self.lines: list[Line] = []
        self.jobs: dict[str, set[str]] = {"submitted": set(), "told": set()}
        self.processes: set[int] = set()

    def write(self, what: str, future: StatusFuture | None = None) -> None:
        """Writes down how a wait stands."""
        before = time.monotonic()
        facts: list[object] = ["", "", 0, 0.0, False]
        if future is not None:
            facts = [future.job_id, future.status, future.attempts, future.elapsed]
            facts += [future.end is None]  # the time was read before, so it was running then
        line = json.dumps(
            [what, os.getpid(), before, time.monotonic(), *facts], separators=(",", ":")
        )
        os.write(self._descriptor, f"\n{line}\n".encode())

    def follow(self, what: str, future: StatusFuture) -> None:
        """Writes down how a wait stands, and all that is told of it from now on."""
        self.write(what, future)
        future.add_update_callback(partial(self.write, "updated"))
        future.add_done_callback(partial(self.write, "told"))

    def look(self) -> bool:
        """Reads what was added since the last look; says whether anything was."""
        with self._path.open("rb") as file:
            file.seek(self._read)
            added = file.read().rpartition(b"\n")[0]  # what comes after it is being written
        self._read += len(added)
        for text in added.split():
            with contextlib.suppress(ValueError):
                self._add(Line(*json.loads(text)))
        return bool(added)

    def _add(self, line: Line) -> None:
        self.lines.append(line)
        self.processes.add(line.process)
        self.jobs.setdefault(line.what, set()).add(line.job_id)

    def close(self) -> None:
        """Closes the file."""
        os.close(self._descriptor)
