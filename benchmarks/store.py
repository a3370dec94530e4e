"""Measures what a store costs: a poll with and without, the submit and resume of many waits.

    python benchmarks/store.py [--jobs 100000] [--rounds 3] [--seconds 15]

Each number comes from a process of its own; nginx answers, see the README beside this file. Where
CPU is compared, both run at the same time, as the load of the machine changes. The table has the
median of all rounds, of the ratios as well. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable

from video_translation_client import VideoTranslationClient

sys.path.insert(0, str(Path(__file__).with_name("compare")))
import servers

INTERVAL = 3.0  # seconds between two polls of a job, on average
FEW, MANY = 30, 1000  # jobs: about 10 and 330 polls a second
SINGLE = 2000  # submits, one after another
NONE = float("nan")
NO_POLLS = 0.001  # a second: what is submitted and resumed is not polled meanwhile


def client_of(url: str, store: str | None, **settings: Any) -> VideoTranslationClient:
    """Returns a client whose waits have no limit, with a store or without."""
    return VideoTranslationClient(
        url, max_attempts=None, max_wait_time=None, store=store, **settings
    )


def polling(url: str, store: str | None, jobs: int, seconds: float) -> dict[str, float]:
    """CPU of a poll, microseconds, while so many jobs are asked for every few seconds."""
    # Half of each wait is left to chance, so that polls are spread over the time.
    client = client_of(
        url, store, initial_wait_time=INTERVAL / 2, backoff_factor=1, jitter=INTERVAL
    )
    futures = client.submit_all([f"job-{number}" for number in range(jobs)])
    time.sleep(2 * INTERVAL)
    before, cpu = sum(future.attempts for future in futures), time.process_time()
    time.sleep(seconds)
    cpu = time.process_time() - cpu
    return {"cpu": cpu / (sum(future.attempts for future in futures) - before) * 1e6}


def idle(url: str, store: str | None, jobs: int, seconds: float) -> dict[str, float]:
    """CPU a second, milliseconds, while so many jobs wait and none may be polled."""
    client = client_of(url, store, max_rate=NO_POLLS)
    client.submit_all([f"job-{number}" for number in range(jobs)])
    time.sleep(2 * INTERVAL)
    cpu = time.process_time()
    time.sleep(seconds)
    return {"cpu": (time.process_time() - cpu) / seconds * 1e3}


def submitting(url: str, store: str | None, jobs: int) -> dict[str, float]:
    """Seconds to submit so many jobs in one go."""
    client = client_of(url, store, max_rate=NO_POLLS)
    began = time.perf_counter()
    client.submit_all([f"job-{number}" for number in range(jobs)])
    return {"seconds": time.perf_counter() - began}


def single(url: str, store: str | None, jobs: int) -> dict[str, float]:
    """Milliseconds of one submit, one after another."""
    client = client_of(url, store, max_rate=NO_POLLS)
    began = time.perf_counter()
    for number in range(jobs):
        client.submit(f"job-{number}")
    return {"milliseconds": (time.perf_counter() - began) / jobs * 1e3}


def resuming(url: str, store: str, jobs: int) -> dict[str, float]:
    """Seconds to resume that many jobs, of a process that has ended without a word."""
    client = client_of(url, store, max_rate=NO_POLLS)
    began = time.perf_counter()
    futures = client.resume()
    took = time.perf_counter() - began
    if len(futures) != jobs:
        raise ValueError(f"{len(futures)} of {jobs} were resumed")
    return {"seconds": took, "mebibytes": _size(store) / 2**20}


def _size(store: str) -> int:
    return sum(file.stat().st_size for file in Path(store).parent.glob(f"{Path(store).name}*"))


SCENES: dict[str, Callable[..., dict[str, float]]] = {
    function.__name__: function for function in (polling, idle, submitting, single, resuming)
}


def begin(name: str, *arguments: object) -> subprocess.Popen[bytes]:
    """Begins a scene in a process of its own."""
    command = [sys.executable, __file__, "--scene", json.dumps([name, *arguments])]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def finish(process: subprocess.Popen[bytes]) -> dict[str, float]:
    """Returns what a scene has measured."""
    measured: dict[str, float] = json.loads(process.communicate()[0])
    print(f"  {process.args[-1]} {measured}", file=sys.stderr, flush=True)  # type: ignore[index]
    return measured


def play(url: str, options: argparse.Namespace, folder: str) -> dict[str, tuple[float, float]]:
    """Plays all scenes once; returns, by their names in the table, numbers without and with."""
    stores = (str(Path(folder) / f"{number}.sqlite3") for number in range(100))

    def both(name: str, *numbers: float, at_once: bool = True) -> tuple[float, float]:
        first = begin(name, url, None, *numbers)
        plain = None if at_once else finish(first)
        second = begin(name, url, next(stores), *numbers)
        (one,) = (plain or finish(first)).values()
        (other,) = finish(second).values()
        return one, other

    jobs, seconds = options.jobs, options.seconds
    found = {
        f"CPU of a poll of {FEW} jobs, us": both("polling", FEW, seconds),
        f"CPU of a poll of {MANY} jobs, us": both("polling", MANY, seconds),
        f"CPU a second while {jobs} jobs wait, ms": both("idle", jobs, seconds),
        "submit of one job, ms": both("single", SINGLE, at_once=False),
    }
    store = next(stores)
    plain, kept = (finish(begin("submitting", url, each, jobs)) for each in (None, store))
    resumed = finish(begin("resuming", url, store, jobs))
    return {
        **found,
        f"submit_all of {jobs} jobs, s": (plain["seconds"], kept["seconds"]),
        "resume of them in a new process, s": (NONE, resumed["seconds"]),
        "their file, MiB": (NONE, resumed["mebibytes"]),
    }


def main() -> None:
    """Measures, and prints a table; or plays one scene."""
    parser = argparse.ArgumentParser(description="Measures what a store costs.")
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=15.0, help="of each measure of polls")
    parser.add_argument("--scene", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.scene:
        name, *arguments = options.scene
        print(json.dumps(SCENES[name](*arguments)), flush=True)
        os._exit(0)  # without a shutdown, which is none of what is measured
    rounds = []
    with servers.nginx() as nginx:
        for _ in range(options.rounds):
            with tempfile.TemporaryDirectory() as folder:
                rounds.append(play(nginx.url, options, folder))
    print(f"{'':<45} {'without':>10} {'with':>10} {'ratio':>8}")
    for name in rounds[0]:
        pairs = [measured[name] for measured in rounds]
        plain, kept = (statistics.median(numbers) for numbers in zip(*pairs))
        ratio = statistics.median(kept / plain for plain, kept in pairs)
        cells = [f"{plain:10.2f}", f"{kept:10.2f}", f"{ratio:8.2f}"]
        print(name.ljust(45), *(cell.replace("nan", "   ") for cell in cells))


if __name__ == "__main__":
    main()
