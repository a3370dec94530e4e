"""Waits for jobs of a server that fails in every way it can, and counts what became of them.

    python benchmarks/chaos.py [--jobs 10000] [--wait 100] [--seed 1] [--store]

Of the answers, 30 % are faulty; the server is killed and started again twice. The server runs
in a process of its own. The exit status is 1 when a wait was lost, ended twice, late, or with
another result than its script's, or when a thread or a socket is left. With ``--store``, all
waits are kept in a store, in which nothing may be left of them.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import logging
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Iterator, Mapping, Tuple

from video_translation_client import RejectedError, StatusFuture, VideoTranslationClient
from video_translation_client._scheduling.workers import THREAD_NAME
from video_translation_client.store import Store
from video_translation_client.testing import Fault, MockServer
from video_translation_client.testing.faults import ALL_FAULTS
from video_translation_client.testing.script import JobScript

FAULT_RATE = 0.3
LATEST = 0.25  # seconds after its deadline in which a future must have ended
ENDLESS = 20  # of so many jobs, one never ends
REJECTED = 50  # of so many jobs, one is refused for good

_THROTTLING = (
    *(Fault.http(code, {"retry-after-ms": "20"}) for code in (429, 503)),
    *(Fault.http(429, {name: "0.02"}) for name in ("Retry-After", "RateLimit-Reset")),
    *(Fault.http(429, {"Retry-After": text}) for text in ("81,120", "soon", "-5", "nan", "")),
    Fault.http(429),
    Fault.http(503),
)
_REDIRECTS = (301, 302, 303, 307, 308)

# More than any service may count on to be kept; sent back, the server would refuse the request.
_LARGE_COOKIES = tuple(("Set-Cookie", f"c{number}={'x' * 60_000}") for number in range(4))


class Faults(Mapping[int, Fault]):
    """What goes wrong with the polls of one job: drawn when it is asked for, and noted."""

    def __init__(self, job_id: str, seed: int, note: int) -> None:
        self._job_id = job_id
        self._seed = seed
        self._note = note

    def __contains__(self, poll: object) -> bool:
        """Says whether something goes wrong, of which it takes note; asked once a poll."""
        fault = self._draw(poll)
        # One write each, so that nothing is lost when this process is killed.
        os.write(self._note, f"{'' if fault is None else fault.kind}\n".encode())
        return fault is not None

    def __getitem__(self, poll: int) -> Fault:
        """Returns what goes wrong."""
        fault = self._draw(poll)
        if fault is None:
            raise KeyError(poll)
        return fault

    def _draw(self, poll: object) -> Fault | None:
        chance = random.Random(f"{self._seed} {self._job_id} {poll}")
        if chance.random() >= FAULT_RATE:
            return None
        if chance.random() < 0.005:  # each slows all requests down, so there are few
            return chance.choice(_THROTTLING)
        fault = chance.choice(ALL_FAULTS)
        while fault.code in (429, 503):
            fault = chance.choice(ALL_FAULTS)
        if fault.code in _REDIRECTS:
            location = ("Location", f"/status/{self._job_id}")
            return Fault.http(fault.code, [location, *_LARGE_COOKIES])
        if fault.kind == "gzip bomb" and chance.random() < 0.9:  # costs the server most
            return Fault.drop()
        return fault

    def __iter__(self) -> Iterator[int]:
        return iter(())

    def __len__(self) -> int:
        return 0


def scripts(jobs: int, wait: float, seed: int, note: int) -> dict[str, JobScript]:
    """Returns what each job does."""
    made = {}
    for number in range(jobs):
        job_id = f"job-{number}"
        faults: Mapping[int, Fault] = Faults(job_id, seed, note)
        if number % REJECTED == 1:
            faults = {poll: Fault.http(403) for poll in range(2, 100)}
        endless = number % ENDLESS == 0
        duration = 1000 * wait if endless else random.Random(seed + number).uniform(0, wait / 30)
        outcome = "error" if number % 3 == 0 else "completed"
        made[job_id] = JobScript(duration, outcome, faults=faults)
    return made


def serve(jobs: int, wait: float, seed: int, port: int, note: str) -> None:
    """Serves until the process is killed."""
    descriptor = os.open(note, os.O_WRONLY | os.O_APPEND)
    server = MockServer(
        port=port, seed=seed, jobs=scripts(jobs, wait, seed, descriptor), keep_requests=1
    )
    with server:
        print(server.url, flush=True)
        threading.Event().wait()


@contextlib.contextmanager
def serving(arguments: argparse.Namespace, port: int, note: str) -> Iterator[str]:
    """Runs the server in a process that is killed in the end; gives its URL."""
    command = [sys.executable, __file__, "--serve", f"{port}", "--note", note]
    for name in ("jobs", "wait", "seed"):
        command += [f"--{name}", f"{getattr(arguments, name)}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().decode().strip()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def free_port() -> int:
    """Returns a port that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def sockets() -> int:
    """Returns how many sockets this process has open, where the system tells."""
    folder = Path("/proc/self/fd")
    links = [os.readlink(entry) for entry in folder.iterdir() if entry.is_symlink()]
    return sum(link.startswith("socket:") for link in links)


def as_scripted(future: StatusFuture, script: JobScript) -> bool:
    """Says whether a future ended as the job's script has it."""
    if isinstance(future.exception(), RejectedError):
        return isinstance(script.faults, dict)
    return future.result() == script.outcome


class Waits:
    """All waits of a run, and how often each has ended."""

    def __init__(self, client: VideoTranslationClient, jobs: int) -> None:
        self.ends: collections.Counter[str | None] = collections.Counter()
        self._lock = threading.Lock()
        self.futures = [client.submit(f"job-{number}") for number in range(jobs)]
        for future in self.futures:
            future.add_done_callback(self._ended)

    def _ended(self, future: StatusFuture) -> None:
        with self._lock:
            self.ends[future.job_id] += 1


Line = Tuple[str, int, bool]
"""A line of the table, and whether it is as it must be."""


def wait_through(
    client: VideoTranslationClient, arguments: argparse.Namespace, port: int, note: str
) -> Waits:
    """Waits for all jobs while their server is killed twice."""
    wait = arguments.wait
    with serving(arguments, port, note):
        waits = Waits(client, arguments.jobs)
        time.sleep(wait / 10)
    time.sleep(wait / 30)
    with serving(arguments, port, note):
        time.sleep(wait / 10)
    time.sleep(wait / 30)
    with serving(arguments, port, note):
        client.shutdown()
    return waits


def faults_in(note: str) -> Iterator[Line]:
    """Gives the lines about the server's answers."""
    notes = collections.Counter(Path(note).read_text(encoding="utf-8").splitlines())
    faults = sum(notes.values()) - notes[""]
    yield "requests", sum(notes.values()), True
    yield "faulty answers", faults, faults > 0
    for kind, number in sorted(notes.items()):
        if kind:
            yield f"  {kind}", number, True


def ends_of(waits: Waits, plans: dict[str, JobScript], wait: float) -> Iterator[Line]:
    """Gives the lines about how the waits have ended."""
    done = [future for future in waits.futures if future.done()]
    timeouts = [one for one in done if not one.exception() and one.result() == "timeout"]
    late = sum(one.elapsed - wait > LATEST for one in timeouts)
    early = sum(one.elapsed < wait * 0.9 for one in timeouts)
    scripted = sum(as_scripted(one, plans[str(one.job_id)]) for one in done if one not in timeouts)
    others = len(done) - scripted - len(timeouts)
    on_time = len(timeouts) - late - early
    yield "ended as scripted", scripted, bool(scripted)
    yield f"ended as timeout within {LATEST:g} s of the deadline", on_time, True
    yield "ended as timeout later", late, not late
    yield "ended as timeout before the last poll was due", early, not early
    yield "ended otherwise", others, not others
    yield "lost", len(waits.futures) - len(done), len(done) == len(waits.futures)
    twice = sum(number > 1 for number in waits.ends.values())
    yield "ended twice", twice, not twice
    silent = len(waits.futures) - len(waits.ends)
    yield "ended without their callback", silent, not silent


def run(arguments: argparse.Namespace, note: str, store: Store | None) -> Iterator[Line]:
    """Runs it all; gives the lines of the table."""
    wait, port, before = arguments.wait, free_port(), sockets()
    client = VideoTranslationClient(
        f"http://127.0.0.1:{port}",
        None,
        wait,
        wait / 60,
        request_timeout=max(0.5, wait / 60),
        max_interval=wait / 12,
        max_concurrency=64,
        store=store,
    )
    waits = wait_through(client, arguments, port, note)
    yield "jobs", arguments.jobs, True
    yield from faults_in(note)
    yield from ends_of(waits, scripts(arguments.jobs, wait, arguments.seed, -1), wait)
    if store is not None:
        kept = len(store.waits())
        yield "left in the store", kept, not kept
    threads = sum(thread.name.startswith(THREAD_NAME) for thread in threading.enumerate())
    yield "threads left", threads, not threads
    left = sockets() - before
    yield "sockets left", left, not left


def main() -> int:
    """Runs the chaos and prints a table."""
    parser = argparse.ArgumentParser(description="Waits for jobs of a server that fails.")
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--wait", type=float, default=100.0, help="seconds of each wait")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--store", action="store_true", help="keep the waits in a store")
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--note", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    logging.getLogger("video_translation_client").addHandler(logging.NullHandler())
    if arguments.serve is not None:
        serve(arguments.jobs, arguments.wait, arguments.seed, arguments.serve, arguments.note)
        return 0
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        note = Path(folder) / "note"
        note.touch()
        good = True
        store = Store(Path(folder) / "waits.sqlite3") if arguments.store else None
        for name, number, right in run(arguments, str(note), store):
            print(f"{name:<50} {number:>8}{'' if right else '  WRONG'}", flush=True)
            good = good and right
    print(f"seed {arguments.seed}, {time.monotonic() - began:.0f} s")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
