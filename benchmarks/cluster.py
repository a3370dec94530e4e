"""Kills, retires and adds workers of a Dask cluster that waits for jobs, and counts what is lost.

    python benchmarks/cluster.py [--jobs 20000] [--workers 4] [--max-rate 400] [--seed 1]

A mock server, a scheduler of Dask's and its workers live in processes of their own, on loopback.
A DistributedClient in this process waits for the server's jobs; when a quarter of them has ended,
one worker is killed with SIGKILL, later one is retired, and one is added. Then one
VideoTranslationClient waits for the same jobs, for the number of requests. The exit status is 1
when a promise is broken (``--only run``). The same with 1,000 jobs and no max_rate tells how soon
the jobs of a dead worker are asked for again when no request has to wait for its turn
(``--only takeover``). At last, cluster_costs.py measures what a wait takes (``--only costs``); it
needs nginx.
"""

from __future__ import annotations

import argparse
import collections
import json
import logging
import re
import subprocess
import sys
import time
import zlib
from typing import Any, Iterator, NamedTuple

import cluster_costs
from cluster_processes import DaskProcesses
from crash import Plan, plans_of

from video_translation_client import StatusFuture, VideoTranslationClient
from video_translation_client.distributed import DistributedClient
from video_translation_client.events import Ended
from video_translation_client.testing import MockServer

PATIENCE = 60.0  # seconds without news after which the others count as lost
KILL_AT, RETIRE_AT, ADD_AT = 0.25, 0.45, 0.6  # parts of the jobs that have ended by then
SHARDS = 16

# What is different where no request has to wait for its turn.
FREE = {"jobs": 1000, "longest": 10.0, "max_rate": None}


class Request(NamedTuple):
    """What the server was asked: when, in seconds of the clock of all processes, and for whom."""

    time: float
    job_id: str


def serve(arguments: argparse.Namespace) -> None:
    """Serves until standard input ends, then prints what it was asked."""
    scripts = {job_id: plan.script for job_id, plan in plans_of(arguments).items()}
    with MockServer(jobs=scripts, seed=arguments.seed) as server:
        print(server.url, flush=True)
        sys.stdin.read()
        requests = [(request.time, request.job_ids[0]) for request in server.requests]
    json.dump(requests, sys.stdout)


class Run:
    """One run of all jobs.

    Attributes:
        told: How each job had ended when its done-callback was run, once for each such run.
        ends: How often each job's end was told to the listener of the client.
        attempts: Polls that were counted.
        requests: What the server was asked, in order.
        seconds: From the submit to the last end.
        killed_at: When a worker was killed, or None.
        orphans: The shards that it had.
    """

    killed_at: float | None = None

    def __init__(self, arguments: argparse.Namespace, *, on_cluster: bool) -> None:
        self.told: dict[str, list[str]] = collections.defaultdict(list)
        self.ends: dict[str, int] = collections.Counter()
        self.orphans: set[int] = set()
        self._events = 0
        self._plans = plans_of(arguments)
        self._settings: dict[str, Any] = {
            "max_attempts": None,
            "max_wait_time": None,
            "initial_wait_time": arguments.longest / 20,
            "max_interval": arguments.longest / 5,
            "max_rate": arguments.max_rate,
            "on_event": self._listen,
        }
        options = [f"--{name}={getattr(arguments, name)}" for name in ("jobs", "longest", "seed")]
        command = [sys.executable, __file__, "--serve", *options]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe) as server:
            assert server.stdout is not None
            try:
                url = server.stdout.readline().decode().strip()
                self._play(url, arguments.workers if on_cluster else 0)
                asked = json.loads(server.communicate()[0])
            finally:
                server.kill()
        self.requests = sorted(Request(*request) for request in asked)

    def _play(self, url: str, workers: int) -> None:
        if not workers:
            self._wait(VideoTranslationClient(url, **self._settings))
            return
        with DaskProcesses(workers) as cluster:
            client = DistributedClient(cluster.dask, SHARDS, base_url=url, **self._settings)
            self._wait(client, cluster)

    def _wait(self, client: VideoTranslationClient, cluster: DaskProcesses | None = None) -> None:
        began = time.monotonic()
        futures = []
        for job_id, plan in self._plans.items():
            limits = {"max_wait_time": plan.max_wait_time, "max_attempts": plan.max_attempts}
            futures.append(client.submit(job_id, **limits))
            futures[-1].add_done_callback(self._note)
        if cluster is not None:
            self._disturb(cluster)
        self._await(1.0)
        self.seconds = time.monotonic() - began
        self.attempts = sum(future.attempts for future in futures)
        client.shutdown()

    def _disturb(self, cluster: DaskProcesses) -> None:
        """Kills a worker, retires one, and adds one."""
        self._await(KILL_AT)
        address, pid = next(iter(cluster.pids().items()))
        self.orphans = {
            int(found[1])
            for key in cluster.dask.processing()[address]
            for found in [re.match(r"video-translation-shard-(\d+)-", str(key))]
            if found is not None
        }
        cluster.kill(pid)
        self.killed_at = time.monotonic()
        self._await(RETIRE_AT)
        cluster.dask.retire_workers([next(iter(cluster.pids()))])
        self._await(ADD_AT)
        cluster.add()

    def _note(self, future: StatusFuture) -> None:
        self.told[str(future.job_id)].append(future.status)

    def _listen(self, event: object) -> None:
        self._events += 1
        if isinstance(event, Ended):
            self.ends[str(event.job_id)] += 1

    def _await(self, part: float) -> None:
        """Waits until that part of the jobs has ended, or until there is no news for long."""
        seen, news = self._events, time.monotonic()
        while len(self.told) < part * len(self._plans) and time.monotonic() < news + PATIENCE:
            if self._events != seen:
                seen, news = self._events, time.monotonic()
            time.sleep(0.05)


# What must hold

Lines = Iterator["tuple[str, object, bool]"]


def judge(run: Run, alone: Run, arguments: argparse.Namespace) -> Lines:
    """Gives the lines of the table, and whether each is as it must be."""
    plans = plans_of(arguments)
    yield "jobs", len(plans), True
    yield "workers; one is killed, one retired, one added", arguments.workers, True
    yield from _ends(run, plans)
    requests, without = len(run.requests), len(alone.requests)
    yield "requests", requests, True
    yield "requests of one client", without, True
    yield "  ratio", f"{requests / without:.3f}", True
    yield "requests that no attempt was counted for", requests - run.attempts, True
    most = most_in_a_second(run.requests)
    allowed = arguments.max_rate * (1 + arguments.slack) + arguments.workers
    yield "max_rate, requests a second", f"{arguments.max_rate:g}", True
    yield "  most in any one second, at the server", most, most <= allowed
    yield "  the same of one client", most_in_a_second(alone.requests), True
    yield from _again(run, "  asked for again in their turn, at most, s")
    yield "seconds in all", f"{run.seconds:.0f}", True
    yield "  the same of one client", f"{alone.seconds:.0f}", True


def _ends(run: Run, plans: dict[str, Plan]) -> Lines:
    lost = len(plans) - len(run.told)
    yield "lost", lost, not lost
    otherwise = sum(set(told) != {plans[job_id].end} for job_id, told in run.told.items())
    yield "ended otherwise than scripted", otherwise, not otherwise
    twice = sum(len(told) > 1 for told in run.told.values())
    yield "done-callbacks run twice", twice, not twice
    twice = sum(count > 1 for count in run.ends.values())
    yield "ended twice", twice, not twice


def _takeover(run: Run, plans: dict[str, Plan]) -> Lines:
    yield "jobs", len(plans), True
    yield from _ends(run, plans)
    yield from _again(run, "  asked for again after its death, at most, s")


def _again(run: Run, label: str) -> Lines:
    again = asked_again(run)
    yield "shards of the killed worker", len(run.orphans), bool(run.orphans)
    yield "  of these, with jobs that are left", len(again), True
    yield label, f"{max(again, default=0):.2f}", True


def most_in_a_second(requests: list[Request]) -> int:
    """Returns how many requests the server got in any one second, at most."""
    within: collections.deque[float] = collections.deque()
    most = 0
    for request in requests:
        within.append(request.time)
        while within[0] <= request.time - 1:
            within.popleft()
        most = max(most, len(within))
    return most


def asked_again(run: Run) -> list[float]:
    """Returns, for each orphaned shard that is asked for later, the seconds until that.

    From the moment at which the worker was dead to the first request at the server for any job of
    the shard; which of them are due by then is part of it.
    """
    if run.killed_at is None:
        return []
    first: dict[int, float] = {}
    for request in run.requests:
        if request.time > run.killed_at:
            first.setdefault(zlib.crc32(request.job_id.encode()) % SHARDS, request.time)
    return [first[shard] - run.killed_at for shard in run.orphans if shard in first]


def _show(lines: Lines) -> bool:
    """Prints a table; returns whether all is as it must be."""
    good = True
    for name, value, right in lines:
        print(f"{name:<50} {value!s:>8}{'' if right else '  WRONG'}", flush=True)
        good = good and right
    return good


def _log_what_befalls_the_cluster() -> None:
    """Logs warnings, but for those of single jobs: how these end is in the table."""
    handler = logging.StreamHandler()
    handler.addFilter(lambda record: not record.getMessage().startswith("job "))
    logging.getLogger("video_translation_client").addHandler(handler)


def main() -> int:
    """Plays both runs, measures, and prints tables."""
    parser = argparse.ArgumentParser(description="Kills workers of a cluster that waits for jobs.")
    parser.add_argument("--jobs", type=int, default=20_000)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--longest", type=float, default=60.0, help="seconds of a job, at most")
    parser.add_argument("--max-rate", type=float, default=400.0, help="requests a second")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--slack", type=float, default=0.0, help="part of max_rate that may arrive too early"
    )
    parser.add_argument("--only", choices=("run", "takeover", "costs"))
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments)
        return 0
    _log_what_befalls_the_cluster()
    began = time.monotonic()
    good = True
    if arguments.only in (None, "run"):
        run, alone = Run(arguments, on_cluster=True), Run(arguments, on_cluster=False)
        good = _show(judge(run, alone, arguments))
    if arguments.only in (None, "takeover"):
        free = argparse.Namespace(**{**vars(arguments), **FREE})
        print("\nwithout max_rate:")
        good = _show(_takeover(Run(free, on_cluster=True), plans_of(free))) and good
    if arguments.only in (None, "costs"):
        cluster_costs.main()
    print(f"seed {arguments.seed}, {time.monotonic() - began:.0f} s")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
