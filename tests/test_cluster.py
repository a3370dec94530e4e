"""The run on a Dask cluster, made small: what it counts must be right."""

import subprocess
from pathlib import Path

import pytest
from conftest import PATIENCE, python_command

pytest.importorskip("distributed", reason="the extra `distributed` is not installed")

pytestmark = pytest.mark.one_python

CLUSTER = Path(__file__).parents[1] / "benchmarks" / "cluster.py"


def test_no_wait_is_lost_when_workers_come_and_go():
    """Whichever worker dies or leaves, each job ends once, as scripted, and within the rate."""
    small = ("--only=run", "--jobs=300", "--workers=3", "--longest=6", "--max-rate=100")
    done = subprocess.run(
        python_command(str(CLUSTER), *small, "--slack=0.5"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=3 * PATIENCE,
        check=False,
    )
    printed = done.stdout.decode()
    assert done.returncode == 0, printed
    counts = dict(line.rsplit(None, 1) for line in printed.splitlines()[-20:-1])
    assert counts["jobs"] == "300"
    assert int(counts["shards of the killed worker"]) > 0
    for nothing in (
        "lost",
        "ended otherwise than scripted",
        "done-callbacks run twice",
        "ended twice",
    ):
        assert counts[nothing] == "0"
