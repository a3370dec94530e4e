"""A scheduler of Dask's and its workers, each a process of its own on loopback."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType

from distributed import Client

PATIENCE = 60.0  # seconds in which a process must have started

# Dask has a server for its pages even where there are none; so it is for this machine alone.
_LOOPBACK = ("--host=127.0.0.1", "--dashboard-address=127.0.0.1:0")


class DaskProcesses:
    """A cluster, while it is used as a context manager.

    Args:
        workers: How many there are at first; each has one thread, and nobody starts it again.

    Attributes:
        address: That of the scheduler.
        dask: A client of Dask's.
    """

    address: str
    dask: Client

    def __init__(self, workers: int) -> None:
        self._count = workers
        self._stack = contextlib.ExitStack()
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> DaskProcesses:
        with self._stack:
            self._folder = self._stack.enter_context(tempfile.TemporaryDirectory())
            self._stack.callback(self._end)
            file = Path(self._folder, "scheduler.json")
            self._start("scheduler", "--port=0", f"--scheduler-file={file}")
            self.address = _address_in(file)
            self.dask = self._stack.enter_context(Client(self.address, set_as_default=False))
            self.add(self._count)
            self._stack = self._stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def add(self, workers: int = 1) -> None:
        """Starts more workers, and waits until they are there."""
        there = len(self.pids())
        for _ in range(workers):
            options = ("--no-nanny", "--nthreads=1", "--memory-limit=0")
            self._start("worker", self.address, *options, f"--local-directory={self._folder}")
        self.dask.wait_for_workers(there + workers, timeout=PATIENCE)

    def pids(self) -> dict[str, int]:
        """Returns the processes of the workers that there are, by their addresses."""
        pids: dict[str, int] = self.dask.run(os.getpid)
        return pids

    def kill(self, pid: int) -> None:
        """Kills a worker with SIGKILL, and waits until it is dead."""
        (process,) = (process for process in self._processes if process.pid == pid)
        process.kill()
        process.wait()

    def _start(self, role: str, *options: str) -> None:
        command = [sys.executable, "-m", "dask", role, *_LOOPBACK, *options]
        log = Path(self._folder, f"{role}-{len(self._processes)}.log")
        with log.open("wb") as file:
            self._processes.append(subprocess.Popen(command, stdout=file, stderr=file))

    def _end(self) -> None:
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.wait()


def _address_in(file: Path) -> str:
    """Waits until a scheduler has written down where it is."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, ValueError):
            return str(json.loads(file.read_text(encoding="utf-8"))["address"])
        time.sleep(0.05)
    sys.exit("error: the scheduler of Dask's does not start")
