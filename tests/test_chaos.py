"""The chaos run, made small: what it counts must be right."""

import subprocess
from pathlib import Path

import pytest
from conftest import PATIENCE, python_command

pytestmark = pytest.mark.one_python

CHAOS = Path(__file__).parents[1] / "benchmarks" / "chaos.py"


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="sockets are counted as on Linux")
@pytest.mark.parametrize("store", [(), ("--store",)], ids=["in memory", "with a store"])
def test_no_wait_is_lost_in_chaos(store):
    """Whatever goes wrong, each job ends once, as scripted or at its deadline, and is settled."""
    done = subprocess.run(
        python_command(str(CHAOS), "--jobs=200", "--wait=20", *store),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=2 * PATIENCE,
        check=False,
    )
    printed = done.stdout.decode()
    assert done.returncode == 0, printed
    counts = dict(line.rsplit(None, 1) for line in printed.splitlines()[:-1])
    assert counts["jobs"] == "200"
    assert int(counts["faulty answers"]) > 50
    settled = ("lost", "ended twice", "threads left", "sockets left")
    for nothing in (*settled, "left in the store") if store else settled:
        assert counts[nothing] == "0"
