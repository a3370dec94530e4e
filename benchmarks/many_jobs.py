"""Waits for thousands of jobs with one client and tells what that took.

    python benchmarks/many_jobs.py [--jobs 5000] [--duration 3-6] [--max-concurrency 16]

The mock server runs in a process of its own; both processes read one monotonic clock, so
that the delay between a job's end and its future's can be told. The exit status is 1 when a
job did not end as scripted.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
import time

from video_translation_client import VideoTranslationClient
from video_translation_client._scheduling.workers import THREAD_NAME
from video_translation_client.testing import MockServer


def serve(duration: tuple[float, float], seed: int) -> None:
    """Serves until standard input ends, then prints what every job was to do."""
    with MockServer(duration=duration, outcome="random", seed=seed) as server:
        print(server.url, flush=True)
        sys.stdin.read()
        requests = server.requests
        plans = [server.plan(job_id) for job_id in {request.job_ids[0] for request in requests}]
    json.dump(
        {"requests": len(requests), "jobs": {p.job_id: [p.ends_at, p.outcome] for p in plans}},
        sys.stdout,
    )


class ThreadCount:
    """Samples how many threads the library has, until it is told to stop."""

    def __init__(self) -> None:
        self.most = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample)

    def _sample(self) -> None:
        while not self._stop.wait(0.01):
            names = [thread.name for thread in threading.enumerate()]
            self.most = max(self.most, sum(name.startswith(THREAD_NAME) for name in names))

    def __enter__(self) -> ThreadCount:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def main() -> int:
    """Runs the benchmark and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=5000)
    parser.add_argument("--duration", default="3-6", help="seconds of a job, LOW-HIGH")
    parser.add_argument("--max-concurrency", type=int, default=16)
    parser.add_argument("--max-wait-time", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    low, _, high = options.duration.partition("-")
    if options.serve:
        serve((float(low), float(high or low)), options.seed)
        return 0

    server = subprocess.Popen(
        [sys.executable, __file__, "--serve", "--duration", options.duration],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    url = server.stdout.readline().strip()
    ended: dict[str | None, float] = {}
    began = time.monotonic()
    with ThreadCount() as threads, VideoTranslationClient(
        url, max_wait_time=options.max_wait_time, max_concurrency=options.max_concurrency
    ) as client:
        futures = [client.submit(f"job-{number}") for number in range(options.jobs)]
        for future in futures:
            future.add_done_callback(lambda f: ended.setdefault(f.job_id, time.monotonic()))
        submitted = time.monotonic() - began
    took = time.monotonic() - began
    told = json.loads(server.communicate()[0])

    as_scripted = sum(
        future.exception() is None and future.result() == told["jobs"][future.job_id][1]
        for future in futures
    )
    delays = sorted(ended[job_id] - told["jobs"][job_id][0] for job_id in ended)
    rows = [
        ("jobs", options.jobs),
        ("ended as scripted", as_scripted),
        ("threads of the library, at most", threads.most),
        ("requests", told["requests"]),
        ("requests a job", f"{told['requests'] / options.jobs:.2f}"),
        ("mean delay of an end, s", f"{sum(delays) / len(delays):.2f}"),
        ("median and longest delay, s", f"{delays[len(delays) // 2]:.2f}, {delays[-1]:.2f}"),
        ("submitting all, s", f"{submitted:.2f}"),
        ("all in all, s", f"{took:.1f}"),
        ("requests a second", f"{told['requests'] / took:.0f}"),
    ]
    for name, value in rows:
        print(f"{name:<34}{value:>12}")
    return 0 if as_scripted == options.jobs else 1


if __name__ == "__main__":
    sys.exit(main())
