"""The recipe for Django and gunicorn: one client, loaded before the workers are forked."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys

import pytest
import requests
from conftest import PATIENCE
from recipe_files import known_jobs, needs, until, write

needs("django", "gunicorn")

service = pytest.fixture(known_jobs)


@pytest.fixture
def site(service, tmp_path, monkeypatch):
    """The site's URL, and what its process prints."""
    write("mysite.py", tmp_path)
    monkeypatch.setenv("DJANGO_SECRET_KEY", "of the test")
    words = ["-m", "gunicorn", "--preload", "--workers", "2", "--threads", "8"]
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.set_inheritable(True)
        bind = ["--bind", f"fd://{listener.fileno()}", "--no-control-socket"]
        with subprocess.Popen(
            [sys.executable, *words, *bind, "mysite:application"],
            cwd=tmp_path,
            pass_fds=[listener.fileno()],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            try:
                yield f"http://127.0.0.1:{listener.getsockname()[1]}", process
            finally:
                process.kill()


def test_workers_share_the_client_that_the_master_has_made(site, service):
    """Each may look and wait with it, and hears of the ends of its own waits."""
    url, process = site
    looks = []

    def both_answered():  # gunicorn loses a SIGTERM that comes before a worker is ready for it
        looks.append(requests.get(f"{url}/jobs/slow", timeout=PATIENCE).json())
        return len({look["process"] for look in looks}) == 2

    until(both_answered)
    assert {look["status"] for look in looks} == {"pending"}
    assert {look["by"] for look in looks} == {process.pid}
    assert requests.get(f"{url}/jobs/of-nobody", timeout=PATIENCE).status_code == 502
    assert requests.get(f"{url}/jobs/quick/wait", timeout=PATIENCE).status_code == 405
    assert requests.post(f"{url}/jobs/quick/wait", timeout=PATIENCE).status_code == 202
    log = ""
    for line in process.stdout:
        log += line
        if line == "quick completed\n":
            break
    process.send_signal(signal.SIGTERM)
    log += process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 0, log
    assert "quick completed\n" in log
    assert "Traceback" not in log


def test_the_successor_of_a_worker_that_dies_has_the_client_as_well(site):
    """It is forked when the other workers have long used theirs."""
    url, process = site
    assert requests.post(f"{url}/jobs/slow/wait", timeout=PATIENCE).status_code == 202
    first = requests.get(f"{url}/jobs/slow", timeout=PATIENCE).json()["process"]
    os.kill(first, signal.SIGKILL)
    seen = set()

    def successor_answers():
        with contextlib.suppress(requests.ConnectionError):  # the dead one had accepted it
            look = requests.get(f"{url}/jobs/slow", timeout=PATIENCE).json()
            assert look["status"] == "pending"
            seen.add(look["process"])
        return len(seen - {first}) == 2

    until(successor_answers)
    assert requests.post(f"{url}/jobs/quick/wait", timeout=PATIENCE).status_code == 202
    process.send_signal(signal.SIGTERM)
    assert "Traceback" not in process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 0
