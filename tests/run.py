"""Runs the tests in an environment of tox: several files beside each other, measured or not.

What is the same on every Python, and the coverage, is left to one Python where that is found.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import coverage.cmdline
import pytest


def is_left_to(interpreter: str | None) -> bool:
    """Whether that interpreter is found and runs: what pyenv leaves of one does not."""
    path = shutil.which(interpreter or "")
    return bool(path) and subprocess.call([str(path), "-c", ""], stderr=subprocess.DEVNULL) == 0


def main(arguments: list[str]) -> int:
    """Runs pytest with ``arguments``; without any, all tests that are this Python's to run."""
    # Tests mostly wait, for processes and sockets, so two for each core keep it busy.
    options = ["-n", str(min(2 * (os.cpu_count() or 1), 8)), "--dist", "worksteal", *arguments]
    if not arguments and is_left_to(os.environ.get("ALL_RUN_ON")):
        options += ["-m", "every_python or not one_python"]
    if not arguments and is_left_to(os.environ.get("MEASURED_ON")):
        return pytest.main(options)
    os.environ["COVERAGE_RUN"] = "1"  # tests that start Python start it under coverage, too
    return coverage.cmdline.main(["run", "-m", "pytest", *options]) or 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
