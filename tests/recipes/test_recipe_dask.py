"""The recipe for Dask: a scheduler, workers and a program, with certificates, each a process."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from conftest import PATIENCE, python_command
from recipe_files import PAGE, known_jobs, needs, until, write

needs("distributed")

service = pytest.fixture(known_jobs)

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="makes a certificate")


def command(beginning: str) -> list[str]:
    """The words of the command in the page that begins so."""
    text = PAGE.read_text(encoding="utf-8").replace("\\\n", "")
    (found,) = re.findall(rf"^\$ ({beginning} .*)$", text, re.MULTILINE)
    return shlex.split(found)


@contextlib.contextmanager
def process(folder: Path, name: str, words: list[str], **variables: str):
    """Runs a process, and what it starts, in a group of its own; gives it, and what it prints."""
    log = folder / f"{name}.log"
    with log.open("w") as output, subprocess.Popen(
        words,
        cwd=folder,
        env={**os.environ, **variables},
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as running:
        killer = threading.Timer(3 * PATIENCE, kill, (running,))
        killer.start()
        try:
            yield running, log.read_text
        finally:
            killer.cancel()
            killer.join()
            kill(running)


def kill(running: subprocess.Popen[bytes]) -> None:
    """Kills a process and what it has started; nothing can be tidied up."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(running.pid, signal.SIGKILL)
    running.wait()


def dask(words: list[str]) -> list[str]:
    """The command of Dask's, by this Python."""
    return [sys.executable, "-m", *words]


def make_certificate(folder: Path) -> None:
    """Makes one that belongs to no other cluster, as the page says."""
    subprocess.run(command("openssl"), cwd=folder, check=True, capture_output=True)


@pytest.fixture
def address(tmp_path, monkeypatch):
    """A scheduler, started as the page says, but on a free port of loopback."""
    write("archive.py", tmp_path)
    monkeypatch.setenv("WAITS", str(tmp_path / "waits.sqlite3"))
    monkeypatch.setenv("DASK_TEMPORARY_DIRECTORY", str(tmp_path))
    make_certificate(tmp_path)
    words = ["127.0.0.1" if word == "10.0.0.1" else word for word in command("dask scheduler")]
    words[words.index("--port") + 1] = "0"
    with process(tmp_path, "scheduler", dask(words)) as (_, printed):
        until(lambda: "Scheduler at:" in printed())
        (address,) = re.findall(r"Scheduler at:\s+(tls://127\.0\.0\.1:\d+)", printed())
        monkeypatch.setenv("DASK_SCHEDULER", address)
        yield address


def worker(folder, name, address):
    """Those of one machine, started as the page says, with the key of the service."""
    words = [address if word.startswith("tls://") else word for word in command("dask worker")]
    words.append("--host=127.0.0.1")  # on other machines, the address that leads to the scheduler
    return process(folder, name, dask(words), DUBBING_KEY="key-1")


def program(folder, name, *job_ids):
    """The recipe's file, which has no key."""
    return process(folder, name, python_command("archive.py", *job_ids))


def test_waits_outlive_workers_and_the_program(service, address, tmp_path, monkeypatch):
    """Workers are killed, then the program is: the next one goes on, and no key is with it."""
    jobs = [f"job-{number}" for number in range(20)]
    for job_id in jobs:
        service.job(job_id, duration=3600)
    with worker(tmp_path, "second", address) as (_, second_log):
        with worker(tmp_path, "first", address) as (first, first_log):
            for printed in (first_log, second_log):  # or else one alone might get all jobs
                until(lambda: printed().count("Registered to:") == 2)  # noqa: B023
            with program(tmp_path, "before", *jobs, "quick", "failing") as (before, printed):
                until(lambda: {"quick completed", "failing error"} <= set(printed().splitlines()))
                until(lambda: set(jobs) <= asked(service))
                kill(first)
                for job_id in jobs[:10]:
                    service.job(job_id, duration=0)
                until(lambda: ended(printed()) >= set(jobs[:10]))
                kill(before)
        for job_id in jobs[10:]:
            service.job(job_id, duration=0)
        with program(tmp_path, "after") as (after, printed):
            assert after.wait(PATIENCE) == 0, printed()
            assert ended(printed()) == set(jobs[10:])
    assert {request.headers["Authorization"] for request in service.requests} == {"Bearer key-1"}
    for name in ("before", "after"):
        assert "Traceback" not in (tmp_path / f"{name}.log").read_text()


def asked(service):
    """The jobs that were asked for."""
    return {poll.job_id for request in service.requests for poll in request.polls}


def ended(printed):
    """The jobs that were told to be completed."""
    return set(re.findall(r"^(\S+) completed$", printed, re.MULTILINE))


def test_without_the_certificate_nobody_gets_in(service, address, tmp_path, monkeypatch):
    """A program with another one is told that it can't, and no job is asked for."""
    monkeypatch.setenv("DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT", "2s")
    make_certificate(tmp_path)
    with program(tmp_path, "stranger", "quick") as (stranger, printed):
        assert stranger.wait(PATIENCE) == 1
        assert "TLS" in printed() or "SSL" in printed()
    assert not service.requests
