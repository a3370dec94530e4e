"""The measurement of the strategies, made small: it runs, and what it says is well-formed."""

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PATIENCE, python_command

pytestmark = [
    pytest.mark.one_python,
    pytest.mark.skipif(sys.version_info < (3, 8), reason="3.7 has no statistics.NormalDist"),
]

STRATEGIES = Path(__file__).parents[1] / "benchmarks" / "strategies.py"


def test_the_strategies_are_measured_beside_the_optimum():
    """Each table has its rows, and each number that is to be reached is met or not met."""
    done = subprocess.run(
        python_command(str(STRATEGIES), "--jobs=50", "--courses=1", "--only=unseen,beside"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=2 * PATIENCE,
        check=False,
    )
    printed = done.stdout.decode()
    assert done.returncode == 0, printed
    rows = [line.strip("|").split("|") for line in printed.splitlines() if line.startswith("|")]
    assert len({row[0] for row in rows}) == len(rows) - 1  # below two heads is the same line
    assert [row[-1].strip() for row in rows if row[0].strip().startswith("learned")] == ["met"]
    assert printed.splitlines()[-1] == "1 met, 0 not met."
