"""Waits for many short jobs through one client and tells what is left of them.

    python benchmarks/leaks.py [--jobs 100000]

The mock server runs in a process of its own. The exit status is 1 when file descriptors have
become more since the first tenth of the jobs, or resident memory by 5 MiB or more. Linux only.
"""

from __future__ import annotations

import argparse
import gc
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Iterator, NamedTuple

from video_translation_client import StatusFuture, VideoTranslationClient
from video_translation_client.testing import MockServer

MOST_GROWTH = 5.0  # MiB of resident memory
SPARE = 3  # descriptors, as a connection may be just closed or opened
AT_ONCE = 500  # jobs that are waited for at any time


def serve() -> None:
    """Serves until standard input ends; forgets what it was asked."""
    with MockServer(
        duration=(0, 0.3), outcome="random", keep_requests=1, fault_rate=0.01
    ) as server:
        print(server.url, flush=True)
        sys.stdin.read()


class Measure(NamedTuple):
    """What a process holds."""

    jobs: int
    descriptors: int
    threads: int
    mebibytes: float


def measure(jobs: int) -> Measure:
    """Returns what this process holds after so many jobs."""
    gc.collect()
    status = Path("/proc/self/status").read_text(encoding="ascii")
    resident = next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    return Measure(jobs, descriptors, threading.active_count(), int(resident) / 1024)


def run(client: VideoTranslationClient, jobs: int) -> Iterator[Measure]:
    """Waits for jobs, some hundreds at a time; measures after every tenth of them."""
    free = threading.Semaphore(AT_ONCE)
    wrong: list[BaseException] = []

    def ended(future: StatusFuture) -> None:
        failure = future.exception()
        if failure is not None:
            wrong.append(failure)
        free.release()

    for number in range(jobs):
        free.acquire()
        client.submit(f"job-{number}").add_done_callback(ended)
        if (number + 1) % (jobs // 10) == 0:
            for _ in range(AT_ONCE):
                free.acquire()
            yield measure(number + 1)
            for _ in range(AT_ONCE):
                free.release()
    if wrong:
        raise wrong[0]


def main() -> int:
    """Runs it and prints a table."""
    parser = argparse.ArgumentParser(description="Tells what many waits leave behind.")
    parser.add_argument("--jobs", type=int, default=100_000, help="10 or more")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve()
        return 0
    server = subprocess.Popen(
        [sys.executable, __file__, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert server.stdout is not None
    url = server.stdout.readline().decode().strip()
    began = time.monotonic()
    print(f"{'jobs':>8} {'descriptors':>12} {'threads':>8} {'resident MiB':>13}")
    measures = []
    with VideoTranslationClient(url, None, 600, 0.1, jitter=0.1) as client:
        for each in run(client, arguments.jobs):
            measures.append(each)
            print(f"{each.jobs:8} {each.descriptors:12} {each.threads:8} {each.mebibytes:13.1f}")
    server.communicate()
    first, last = measures[0], measures[-1]
    growth = last.mebibytes - first.mebibytes
    print(f"after the first {first.jobs}: {growth:+.1f} MiB, {time.monotonic() - began:.0f} s")
    return 0 if growth < MOST_GROWTH and last.descriptors <= first.descriptors + SPARE else 1


if __name__ == "__main__":
    sys.exit(main())
