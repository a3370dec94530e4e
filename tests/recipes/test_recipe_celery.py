"""The recipe for Celery: a beat task that looks at all jobs of a table, by a real worker."""

from __future__ import annotations

import contextlib
import signal
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from conftest import PATIENCE
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


def test_each_look_notes_what_has_ended(service, database, tmp_path, monkeypatch):
    """A job that runs is looked at again, one that has ended is not, and a new row is found."""
    write("tasks.py", tmp_path)
    (tmp_path / "celeryconfig.py").write_text(textwrap.dedent(CONFIGURATION))
    (tmp_path / "queue").mkdir()
    monkeypatch.setenv("JOBS_DATABASE", str(tmp_path / "jobs.sqlite3"))
    monkeypatch.setenv("LOOK_EVERY", "0.3")

    def noted():
        query = "SELECT job_id, status FROM jobs WHERE status != 'pending'"
        return dict(database.execute(query).fetchall())

    words = ["-m", "celery", "--app", "tasks", "worker", "--beat", "--loglevel", "WARNING"]
    with subprocess.Popen(
        [sys.executable, *words], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as worker:
        try:
            until(lambda: len(noted()) == 4)
            ends = {"known": "completed", "quick": "completed", "failing": "error"}
            assert noted() == {**ends, "of-nobody": "rejected"}
            with database:
                database.execute("INSERT INTO jobs VALUES ('quick', 'pending', NULL)")
            service.job("slow", duration=0)
            until(lambda: len(noted()) == 5 and noted()["slow"] == "completed")
        finally:
            worker.send_signal(signal.SIGTERM)
            output, _ = worker.communicate(timeout=PATIENCE)
    assert b"Traceback" not in output, output.decode()
    asked = [poll.job_id for request in service.requests for poll in request.polls]
    assert asked.count("failing") == 1
    assert asked.count("slow") >= 2
