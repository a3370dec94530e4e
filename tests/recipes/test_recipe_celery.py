"""The recipe for Celery: real beat and a real worker look at all open jobs of a table."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import textwrap
import threading
from pathlib import Path

import pytest
from conftest import PATIENCE, python_command
from recipe_files import known_jobs, needs, until, write

needs("celery")

service = pytest.fixture(known_jobs)

CONFIGURATION = """
broker_url = "filesystem://"
broker_transport_options = {"data_folder_in": "queue", "data_folder_out": "queue"}
worker_concurrency = 1
"""


@pytest.fixture
def database(tmp_path: Path) -> sqlite3.Connection:
    """A table of jobs, some of which are to be looked at."""
    with contextlib.closing(sqlite3.connect(tmp_path / "jobs.sqlite3")) as database:
        database.execute("CREATE TABLE jobs (job_id TEXT, status TEXT, reason TEXT)")
        rows = [(job_id, "pending") for job_id in ("quick", "slow", "failing", "of-nobody")]
        with database:
            database.executemany(
                "INSERT INTO jobs VALUES (?, ?, NULL)", [*rows, ("known", "completed")]
            )
        yield database


@contextlib.contextmanager
def celery(folder, command):
    """Runs a worker or beat, which is ended as a service manager does, and must not have failed."""
    words = ["-m", "celery", "--app", "tasks", command, "--loglevel", "WARNING"]
    log = folder / f"{command}.log"
    with log.open("w") as output, subprocess.Popen(
        python_command(*words), cwd=folder, stdout=output, stderr=subprocess.STDOUT
    ) as process:
        killer = threading.Timer(2 * PATIENCE, process.kill)
        killer.start()
        try:
            yield
        finally:
            process.terminate()
            process.wait()
            killer.cancel()
            killer.join()
    assert "Traceback" not in log.read_text()


def test_each_look_notes_what_has_ended_and_why_others_have_not(
    service, database, tmp_path, monkeypatch
):
    """A rejected job is looked at again, also after a restart; one that has ended is not."""
    write("tasks.py", tmp_path)
    (tmp_path / "celeryconfig.py").write_text(textwrap.dedent(CONFIGURATION))
    (tmp_path / "queue").mkdir()
    monkeypatch.setenv("JOBS_DATABASE", str(tmp_path / "jobs.sqlite3"))
    monkeypatch.setenv("LOOK_EVERY", "0.3")

    def noted():
        query = "SELECT job_id, status, reason IS NOT NULL FROM jobs"
        return {job_id: row for job_id, *row in database.execute(query)}

    open_jobs = {"slow": ["pending", 0], "of-nobody": ["pending", 1]}
    ends = {"known": ["completed", 0], "quick": ["completed", 0], "failing": ["error", 0]}
    with celery(tmp_path, "beat"), celery(tmp_path, "worker"):
        until(lambda: noted() == {**ends, **open_jobs})
    for job_id in open_jobs:
        service.job(job_id, duration=0)
    with database:
        database.execute("INSERT INTO jobs VALUES ('new', 'pending', NULL)")
    service.job("new", duration=0)
    with celery(tmp_path, "beat"), celery(tmp_path, "worker"):
        until(lambda: {row[0] for row in noted().values()} == {"completed", "error"})
    assert noted() == {**ends, **{job_id: ["completed", 0] for job_id in (*open_jobs, "new")}}
    asked = [poll.job_id for request in service.requests for poll in request.polls]
    assert asked.count("failing") == 1
    assert asked.count("known") == 0
