"""The recipe for a CSV file of job ids, as a program of its own."""

from __future__ import annotations

import csv
import signal
import subprocess

import pytest
from conftest import PATIENCE, communicate_after, python_command
from recipe_files import known_jobs, until, write

service = pytest.fixture(known_jobs)


def start(folder, ids):
    """Starts the program with a file as a spreadsheet exports it: with a BOM."""
    write("results.py", folder)
    (folder / "jobs.csv").write_text(
        "".join(f"{job_id},a film\n" for job_id in ("job_id", *ids)), encoding="utf-8-sig"
    )
    return subprocess.Popen(
        python_command("results.py", "jobs.csv", "results.csv"),
        cwd=str(folder),
        stderr=subprocess.PIPE,
        universal_newlines=True,
    )


def rows(folder):
    """The rows of the results, the first line left out, in the order of their jobs."""
    with (folder / "results.csv").open(newline="", encoding="utf-8") as file:
        return sorted(row[:2] for row in list(csv.reader(file))[1:])


def asked(service):
    """The ids of the jobs that the service was asked for so far."""
    return [job_id for request in service.requests for job_id in request.job_ids]


def test_each_end_has_a_row_and_only_what_has_none_is_asked_for_again(service, tmp_path):
    """A job that the service rejects gets none, as it may be known the next time."""
    ids = ["failing", "quick", "new", "quick", ""]
    process = start(tmp_path, ids)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert "job 'new': " in errors
    assert rows(tmp_path) == [["failing", "error"], ["quick", "completed"]]
    before = len(service.requests)
    service.job("new", duration=0)
    process = start(tmp_path, ids)
    assert process.communicate(timeout=PATIENCE) == (None, "")
    assert process.returncode == 0
    assert set(asked(service)[before:]) == {"new"}
    assert rows(tmp_path) == [["failing", "error"], ["new", "completed"], ["quick", "completed"]]


def test_ctrl_c_ends_it_at_once_and_keeps_the_rows(service, tmp_path):
    """However long the other jobs take."""
    process = start(tmp_path, ["quick", "slow"])
    try:
        until(lambda: {"quick", "slow"} <= set(asked(service)) and rows(tmp_path))
        _, errors = communicate_after(signal.SIGINT, process)
    finally:
        process.kill()
    assert errors.splitlines()[-1] == "KeyboardInterrupt"
    assert rows(tmp_path) == [["quick", "completed"]]
