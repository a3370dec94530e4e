"""The recipe for Celery with a store: a real worker, which is killed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import threading

import pytest
from conftest import PATIENCE, python_command
from recipe_files import known_jobs, needs, until, write

from video_translation_client.store import Store

needs("celery")

service = pytest.fixture(known_jobs)

CONFIGURATION = """
broker_url = "filesystem://"
broker_transport_options = {"data_folder_in": "queue", "data_folder_out": "queue"}
worker_concurrency = 2
worker_redirect_stdouts = False
"""


@pytest.fixture
def folder(service, tmp_path, monkeypatch):
    """Where the recipe's file, the broker and the store are."""
    write("waiting.py", tmp_path)
    (tmp_path / "celeryconfig.py").write_text(textwrap.dedent(CONFIGURATION))
    (tmp_path / "queue").mkdir()
    monkeypatch.setenv("WAITS", str(tmp_path / "waits.sqlite3"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def waits(folder):
    """The jobs that living processes wait for."""
    return [wait.job_id for wait in Store(folder / "waits.sqlite3").waits() if wait.is_waited_for]


def begin(job_id):
    """Queues the task, as a web process does."""
    program = f"import waiting; waiting.begin.delay({job_id!r})"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=PATIENCE)


@contextlib.contextmanager
def worker(folder, name, ends_by):
    """Runs a worker, and ends it and its processes by a signal; gives what they print."""
    words = ["-m", "celery", "--app", "waiting", "worker", "--loglevel", "WARNING"]
    log = folder / name
    with log.open("w") as output, subprocess.Popen(
        python_command(*words),
        cwd=folder,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        killer = threading.Timer(2 * PATIENCE, os.killpg, (process.pid, signal.SIGKILL))
        killer.start()
        try:
            yield log.read_text
        finally:
            send = os.killpg if ends_by == signal.SIGKILL else os.kill
            send(process.pid, ends_by)
            process.wait()
            killer.cancel()
            killer.join()
    assert "Traceback" not in log.read_text()


@pytest.mark.parametrize("ends_by", [signal.SIGKILL, signal.SIGTERM])
def test_a_wait_outlives_its_worker(service, folder, ends_by):
    """Killed, or ended as a service manager does: the next worker goes on."""
    with worker(folder, "first.log", ends_by) as printed:
        begin("quick")
        begin("slow")
        until(lambda: "quick completed" in printed() and waits(folder) == ["slow"])
    until(lambda: waits(folder) == [])
    service.job("slow", duration=0)
    with worker(folder, "second.log", signal.SIGTERM) as printed:
        until(lambda: "slow completed" in printed())
