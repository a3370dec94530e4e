"""Measures what a wait takes on a cluster: answers a second, CPU and memory; part of cluster.py.

nginx answers, so the server is not the limit. What is measured is the caller of each scene, in a
process of its own, the scheduler of Dask's and its workers. One VideoTranslationClient without a
cluster stands beside them. Linux only.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, Iterator, Mapping, NamedTuple

import psutil
from cluster_processes import DaskProcesses
from distributed import Client

from video_translation_client import Stages, VideoTranslationClient
from video_translation_client.distributed import DistributedClient

sys.path.insert(0, str(Path(__file__).with_name("compare")))
import servers

HOUR = 3600.0
SETTLED = 3.0  # seconds in which a process that has nothing to do comes to rest
SECONDS = 10.0  # of one measurement
WORKERS = (1, 2, 4)
JOBS_OF_WORKER = 500  # that are always due
WAITS = 100_000  # whose memory is measured
PATIENCE = 60.0  # seconds of one request: a poll that fails for want of CPU is no measurement
FIRST = 200  # waits before these, so that every shard has a place

Processes = Mapping[str, "list[psutil.Process]"]


def client_of(address: str | None, url: str, **settings: Any) -> VideoTranslationClient:
    """Returns a client whose waits have no limit; without a cluster where there is no address."""
    limits = {"max_attempts": None, "max_wait_time": None, "request_timeout": PATIENCE}
    settings = {**limits, "jitter": 0, **settings}
    if address is None:
        return VideoTranslationClient(url, **settings)
    return DistributedClient(address, base_url=url, **settings)


def polling(address: str | None, url: str, jobs: int, *, batch: bool = False) -> dict[str, float]:
    """Answers and requests a second with so many jobs that are always due, and CPU of an answer."""
    settings: dict[str, Any] = {"initial_wait_time": 0.001, "backoff_factor": 1}
    if batch:
        # The first wait brings the jobs together, whatever was asked while they were submitted.
        strategy = Stages(((0.0, 0.5), (1.0, 0.02)), jitter=0)
        settings = {"service": "heygen", "strategy": strategy, "min_interval": 0.001}
    futures = client_of(address, url, **settings).submit_all([f"job-{n}" for n in range(jobs)])
    while min(future.attempts for future in futures) < 3:
        time.sleep(0.05)
    with _processes(address) as processes:
        heard, asked, used = sum(f.attempts for f in futures), servers.counts(url), _cpu(processes)
        began = time.monotonic()
        time.sleep(SECONDS)
        took = time.monotonic() - began
        heard = sum(future.attempts for future in futures) - heard
        requests = servers.counts(url).requests - asked.requests - 1
        cpu = {f"cpu of {name}": n - used[name] for name, n in _cpu(processes).items()}
    return {
        "answers": heard / took,
        "requests": requests / took,
        **{name: seconds / heard * 1e6 for name, seconds in cpu.items()},
    }


def waiting(address: str | None, url: str, jobs: int) -> dict[str, float]:
    """Bytes of a wait that was answered once and is due in an hour; seconds until all are that."""
    client = client_of(address, url, initial_wait_time=HOUR, max_interval=HOUR)
    _wait_for_answers(client.submit_all([f"first-{number}" for number in range(FIRST)]))
    with _processes(address) as processes:
        before, began = _resident(processes), time.monotonic()
        futures = client.submit_all([f"job-{number}" for number in range(jobs)])
        _wait_for_answers(futures)
        took = time.monotonic() - began
        time.sleep(SETTLED)
        after = _resident(processes)
    return {
        "seconds": took,
        **{f"bytes of {name}": (after[name] - before[name]) / jobs for name in after},
    }


def _wait_for_answers(futures: list[Any]) -> None:
    """Waits until each job was answered once.

    Raises:
        RuntimeError: A poll has failed, after which the job may wait for an hour.
    """
    for future in futures:
        while future.report is None:
            if future.last_error is not None or future.end is not None:
                raise RuntimeError(f"{future.job_id}: {future.last_error!r} {future.end}")
            time.sleep(0.05)


@contextlib.contextmanager
def _processes(address: str | None) -> Iterator[Processes]:
    """Finds the processes whose part is measured, by what they are."""
    caller = {"caller": [psutil.Process()]}
    if address is None:
        yield caller
        return
    with Client(address, set_as_default=False) as dask:
        scheduler = [psutil.Process(dask.run_on_scheduler(os.getpid))]
        workers = [psutil.Process(pid) for pid in dask.run(os.getpid).values()]
        dask.run(gc.collect)
        yield {**caller, "scheduler": scheduler, "workers": workers}


def _cpu(processes: Processes) -> dict[str, float]:
    """Returns the seconds of CPU that they have used."""
    return {
        name: sum(sum(process.cpu_times()[:2]) for process in these)
        for name, these in processes.items()
    }


def _resident(processes: Processes) -> dict[str, int]:
    """Returns the bytes of memory that they have."""
    gc.collect()
    return {name: sum(p.memory_info().rss for p in these) for name, these in processes.items()}


SCENES: dict[str, Callable[..., dict[str, float]]] = {"polling": polling, "waiting": waiting}


class Scene(NamedTuple):
    """A scene, how many workers it has (0: no cluster), and its numbers."""

    label: str
    workers: int
    name: str
    settings: dict[str, Any]


def _scenes() -> Iterator[Scene]:
    yield Scene("one client", 0, "polling", {"jobs": JOBS_OF_WORKER})
    for count in WORKERS:
        label = f"{count} worker{'s' if count > 1 else ''}"
        yield Scene(label, count, "polling", {"jobs": count * JOBS_OF_WORKER})
    batch = {"jobs": servers.JOBS_OF_BATCH, "batch": True}
    yield Scene("one client, batches", 0, "polling", batch)
    yield Scene("1 worker, batches", 1, "polling", batch)
    yield Scene(f"one client, {WAITS} wait", 0, "waiting", {"jobs": WAITS})
    yield Scene(f"1 worker, {WAITS} wait", 1, "waiting", {"jobs": WAITS})


def play(scene: Scene, url: str) -> dict[str, float]:
    """Plays a scene, with a cluster of its own."""
    with contextlib.ExitStack() as stack:
        address = None
        if scene.workers:
            address = stack.enter_context(DaskProcesses(scene.workers)).address
        told = json.dumps([scene.name, address, url, scene.settings])
        done = subprocess.run([sys.executable, __file__, told], stdout=subprocess.PIPE, check=True)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def main() -> None:
    """Plays all scenes, and prints what they measured."""
    # A service with batches has a key, which each process takes from its environment.
    os.environ["HEYGEN_API_KEY"] = "key"
    print(f"\nagainst nginx, on {os.cpu_count()} cores, which all processes share:")
    with servers.nginx() as nginx:
        for scene in _scenes():
            print(scene.label)
            for name, number in play(scene, nginx.url).items():
                print(f"  {name} {_UNITS[name.split()[0]]:<40}"[:50], f"{number:>8.0f}", flush=True)


_UNITS = {
    "answers": "a second",
    "requests": "a second",
    "cpu": "an answer, us",
    "bytes": "a wait",
    "seconds": "until all were answered once",
}


if __name__ == "__main__":
    name, *given, settings = json.loads(sys.argv[1])
    print(json.dumps(SCENES[name](*given, **settings)), flush=True)
    os._exit(0)  # without a shutdown, which is none of what is measured
