"""Kills processes that wait for jobs with a store, and counts what became of the jobs.

    python benchmarks/crash.py [--jobs 2000] [--kills 20] [--longest 30] [--seed 1] [--slack 0.25]

A mock server lives in a process of its own. A second process waits for the server's jobs; it is
killed with SIGKILL at moments drawn from the seed, first while it submits, and started again, and
resumes. Every third time, another process shares the store and takes over what the killed one
had. Each appends to one file what it is told. Then the same jobs are waited for without a kill,
for the number of requests. The exit status is 1 when a promise is broken.
"""

from __future__ import annotations

import argparse
import collections
import json
import logging
import random
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Callable, Iterator, NamedTuple

from crash_diary import Diary, Line

from video_translation_client import VideoTranslationClient
from video_translation_client.store import Store
from video_translation_client.testing import Fault, MockServer
from video_translation_client.testing.script import JobScript

REQUEST_TIMEOUT = 2.0  # seconds, also for the last poll of a wait that is resumed too late for more
PATIENCE = 30.0  # seconds without news after which the others count as lost
ENDLESS = 100_000.0  # seconds
FEW_ATTEMPTS = 5
CLOCKS = 0.05  # seconds by which the wall clock may be put right during a run


class Plan(NamedTuple):
    """What one job does, and how the wait for it is to end."""

    script: JobScript
    end: str
    max_wait_time: float | None = None
    max_attempts: int | None = None


def plans_of(arguments: argparse.Namespace) -> dict[str, Plan]:
    """Returns what each job does."""
    return {f"job-{n}": _plan(n, arguments) for n in range(arguments.jobs)}


def _plan(number: int, arguments: argparse.Namespace) -> Plan:
    chance = random.Random(f"{arguments.seed} {number}")
    if number % 10 == 0:
        seconds = arguments.longest * chance.uniform(0.05, 0.7)
        return Plan(JobScript(ENDLESS), "timeout", max_wait_time=seconds)
    if number % 10 == 1:
        return Plan(JobScript(ENDLESS), "timeout", max_attempts=FEW_ATTEMPTS)
    if number % 50 == 2:
        faults = {poll: Fault.http(403) for poll in range(3, 1000)}
        return Plan(JobScript(ENDLESS, faults=faults), "rejected")
    outcome = "error" if number % 3 == 0 else "completed"
    return Plan(JobScript(arguments.longest * chance.uniform(0.02, 1), outcome), outcome)


# The processes


def serve(arguments: argparse.Namespace) -> None:
    """Serves until standard input ends, then prints how often each job was asked for."""
    scripts = {job_id: plan.script for job_id, plan in plans_of(arguments).items()}
    with MockServer(jobs=scripts, seed=arguments.seed) as server:
        print(server.url, flush=True)
        sys.stdin.read()
        polls = collections.Counter(request.job_ids[0] for request in server.requests)
    json.dump(polls, sys.stdout)


def wait(arguments: argparse.Namespace, *, submits: bool) -> None:
    """Resumes, submits what was not submitted yet, and waits until standard input ends."""
    handler = logging.StreamHandler()
    handler.addFilter(lambda record: "rejects the request" not in record.getMessage())
    logging.getLogger("video_translation_client").addHandler(handler)
    diary = Diary(arguments.folder)
    client = VideoTranslationClient(
        arguments.url,
        max_attempts=None,
        max_wait_time=None,
        initial_wait_time=arguments.longest / 100,
        max_interval=arguments.longest / 5,
        jitter=0.05,
        request_timeout=REQUEST_TIMEOUT,
        store=Path(arguments.folder) / "waits.sqlite3",
    )
    diary.write("start")
    resumed = client.resume(on_future=partial(diary.follow, "had"))
    for future in resumed.values():
        diary.follow("had", future)
    diary.look()
    known = {line.job_id for line in diary.lines}.union(resumed)
    left = {job_id: plan for job_id, plan in plans_of(arguments).items() if job_id not in known}
    for job_id, plan in left.items() if submits else ():
        future = client.submit(
            job_id, max_wait_time=plan.max_wait_time, max_attempts=plan.max_attempts
        )
        diary.follow("submitted", future)
    sys.stdin.read()
    client.shutdown()


ROLES: dict[str, Callable[[argparse.Namespace], None]] = {
    "server": serve,
    "first": partial(wait, submits=True),
    "heir": partial(wait, submits=False),
}


def start(arguments: argparse.Namespace, role: str) -> subprocess.Popen[bytes]:
    """Starts one of the processes."""
    command = [sys.executable, __file__, "--role", role]
    for name in ("jobs", "longest", "seed", "folder", "url"):
        command += [f"--{name}", f"{getattr(arguments, name)}"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


class Run:
    """One run of all jobs.

    Attributes:
        lines: All that was written down.
        killed: When processes were killed, in order.
        shared: Those of these moments at which another process shared the store.
        polls: How often the server was asked for each job.
        left: How many waits are in the store, or ends that it was not told were delivered.
    """

    def __init__(self, arguments: argparse.Namespace, kills: int) -> None:
        self.killed: list[float] = []
        self.shared: list[float] = []
        self._chance = random.Random(arguments.seed)
        with tempfile.TemporaryDirectory() as folder:
            self._arguments = argparse.Namespace(**{**vars(arguments), "folder": folder})
            self._diary = Diary(folder)
            server = start(self._arguments, "server")
            assert server.stdout is not None
            try:
                self._arguments.url = server.stdout.readline().decode().strip()
                self._play(kills)
                self.polls: dict[str, int] = json.loads(server.communicate()[0])
            finally:
                server.kill()
                server.communicate()
                self._diary.close()
            self.lines = self._diary.lines
            self.left = len(Store(Path(folder) / "waits.sqlite3").waits())

    def _play(self, kills: int) -> None:
        first = self._chance.uniform(0.2, 0.8) * self._arguments.jobs
        life = 1.2 * self._arguments.longest / max(kills, 1)  # seconds of a process, at most
        current = self._start("first")
        try:
            for number in range(kills):
                # The last one must be able to submit what is left, which an heir does not.
                is_shared = number % 3 == 1 and number + 1 < kills
                heir = self._start("heir") if is_shared else None
                if number == 0:
                    self._await(lambda: len(self._diary.jobs["submitted"]) >= first)
                else:
                    time.sleep(self._chance.uniform(0, life))
                self._kill(current)
                self.shared += self.killed[-1:] if is_shared else []
                time.sleep(self._chance.uniform(0, life / 4))
                current = heir or self._start("first")
            self._await(lambda: len(self._diary.jobs["told"]) == self._arguments.jobs)
            current.communicate(timeout=PATIENCE)
        finally:
            current.kill()
            current.communicate()

    def _start(self, role: str) -> subprocess.Popen[bytes]:
        process = start(self._arguments, role)
        self._await(lambda: process.pid in self._diary.processes)
        if process.pid not in self._diary.processes:
            sys.exit("error: a process does not start")
        return process

    def _kill(self, process: subprocess.Popen[bytes]) -> None:
        self.killed.append(time.monotonic())
        process.kill()
        process.communicate()

    def _await(self, happens: Callable[[], bool]) -> None:
        """Waits until something is so, or until there is no news for long."""
        news = time.monotonic()
        while not happens() and time.monotonic() < news + PATIENCE:
            if self._diary.look():
                news = time.monotonic()
            time.sleep(0.01)


# What must hold


def judge(
    run: Run, calm: Run, plans: dict[str, Plan], slack: float
) -> Iterator[tuple[str, object, bool]]:
    """Gives the lines of the table, and whether each is as it must be."""
    told: dict[str, list[Line]] = {job_id: [] for job_id in plans}
    for line in run.lines:
        if line.what == "told":
            told[line.job_id].append(line)
    ended = {job_id: lines for job_id, lines in told.items() if lines}
    yield "jobs", len(plans), True
    yield "kills", len(run.killed), True
    yield "  while another process shared the store", len(run.shared), True
    yield "  taken over by it after at most, s", f"{_takeover(run):.2f}", True
    yield "lost", len(plans) - len(ended), len(plans) == len(ended)
    otherwise = sum(
        any(line.status != plans[job_id].end for line in ended[job_id]) for job_id in ended
    )
    yield "ended otherwise than scripted", otherwise, not otherwise
    yield "callbacks run once", sum(len(lines) == 1 for lines in ended.values()), True
    yield "callbacks run twice", sum(len(lines) == 2 for lines in ended.values()), True
    yield "callbacks run more often", sum(len(lines) > 2 for lines in ended.values()), True
    yield "left in the store", run.left, not run.left
    yield "left in the store without kills", calm.left, not calm.left
    requests, without = sum(run.polls.values()), sum(calm.polls.values())
    yield "requests", requests, True
    yield "requests without kills", without, True
    yield "  ratio", f"{requests / without:.3f}", True
    yield from _attempts(run, plans, ended)
    yield from _times(run, plans, ended, slack)


def _takeover(run: Run) -> float:
    """Returns the most seconds from a kill until another process had a wait of who was killed."""
    had = [line.before for line in run.lines if line.what == "had"]
    took = [0.0]
    for killed in run.shared:
        until = min([moment for moment in run.killed if moment > killed], default=killed + PATIENCE)
        took += [moment - killed for moment in had if killed < moment < until]
    return max(took)


def _attempts(
    run: Run, plans: dict[str, Plan], ended: dict[str, list[Line]]
) -> Iterator[tuple[str, object, bool]]:
    lost, wrong = [], 0
    for job_id, lines in ended.items():
        line, most = lines[-1], plans[job_id].max_attempts
        kills = sum(moment <= line.after for moment in run.killed)
        lost.append(run.polls.get(job_id, 0) - line.attempts)
        wrong += not 0 <= lost[-1] <= kills or line.attempts > (most or ENDLESS)
    yield "polls that no attempt was counted for", sum(lost), True
    yield "  of one job, at most", max(lost, default=0), True
    yield "attempts not kept: more than one lost by a kill", wrong, not wrong


def _times(
    run: Run, plans: dict[str, Plan], ended: dict[str, list[Line]], slack: float
) -> Iterator[tuple[str, object, bool]]:
    had = {(line.process, line.job_id): line.elapsed for line in run.lines if line.what == "had"}
    late, early, passed, over = set(), set(), set(), [0.0]
    limits = {job_id: plan.max_wait_time for job_id, plan in plans.items() if plan.max_wait_time}
    for job_id, limit in limits.items():
        for line in ended.get(job_id, ()):
            since = had.get((line.process, job_id))
            over.append(line.elapsed - max(limit, since or 0.0))
            passed |= {job_id} if (since or 0.0) > limit else set()
            latest = limit if since is None or since < limit else since + REQUEST_TIMEOUT
            late |= {job_id} if line.elapsed > latest + slack else set()
            early |= {job_id} if line.elapsed < limit * 0.9 else set()
    yield "deadlines that passed while nobody waited", len(passed), True
    yield "after its deadline, or its resume, at most, s", f"{max(over):.2f}", True
    yield "ended later than promised", len(late), not late
    yield "ended before the last poll was due", len(early), not early
    grown = _grown(run.lines)
    yield "time left has grown", grown, not grown


def _grown(lines: list[Line]) -> int:
    """Returns how many waits had more time left than before: as if they had begun later."""
    began: dict[str, float] = {}  # the latest moment at which each can have begun
    grown = set()
    for line in sorted(lines, key=lambda line: line.before):
        if line.is_live:
            latest = min(line.after - line.elapsed, began.get(line.job_id, float("inf")))
            if line.before - line.elapsed > latest + CLOCKS:
                grown.add(line.job_id)
            began[line.job_id] = latest
    return len(grown)


def main() -> int:
    """Plays both runs and prints a table."""
    parser = argparse.ArgumentParser(description="Kills processes that wait with a store.")
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--longest", type=float, default=30.0, help="seconds of a job, at most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--slack", type=float, default=0.25, help="seconds after a deadline")
    parser.add_argument("--role", choices=ROLES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.role is not None:
        ROLES[arguments.role](arguments)
        return 0
    began = time.monotonic()
    good = True
    run, calm = Run(arguments, arguments.kills), Run(arguments, 0)
    for name, value, right in judge(run, calm, plans_of(arguments), arguments.slack):
        print(f"{name:<50} {value!s:>8}{'' if right else '  WRONG'}", flush=True)
        good = good and right
    print(f"seed {arguments.seed}, {time.monotonic() - began:.0f} s")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
