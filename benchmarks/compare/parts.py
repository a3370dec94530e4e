"""Where a poll's microseconds go: samples of all stacks, taken from outside by py-spy.

A sample belongs to the part of the library whose module is innermost on its stack; what that
calls in requests, urllib3 and the standard library belongs to it, too. Of all threads, the one
that runs Python is looked at: py-spy can't tell of each other whether it waits.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Dict, Iterator, Tuple

from measuring import HERE, MeasuringError

TRANSPORT, READING, DECIDING = "transport", "reading", "deciding"
HAND_OVER, SUBMITTING = "hand-over", "submitting"

PARTS = {
    TRANSPORT: "request, answer and abort: `_http/transport` and what it uses",
    READING: "the answer's JSON, words and headers: `_http/poller`, `answers`, `reports`",
    DECIDING: "strategy, limits, updates, events, ends: `_scheduling/asking` and what it uses",
    HAND_OVER: "inbox, heap, pace, locks, waking: the rest of `_scheduling/`",
    SUBMITTING: "`submit`, a tenth of it a poll: `client`, `_settings`",
}

_PACKAGE = "/video_translation_client/"
_RATE = 500  # samples a second

# The first that a module's path begins with counts, so that a new module has a part, too. The
# ground floor has none of its own: there, whoever calls it counts.
_PART_OF = (
    ("_http/poller", READING),
    ("_http/answers", READING),
    ("_http/reports", READING),
    ("_http/retry_after", READING),
    ("_http/", TRANSPORT),
    ("_scheduling/asking", DECIDING),
    ("_scheduling/decision", DECIDING),
    ("_scheduling/listeners", DECIDING),
    ("_scheduling/", HAND_OVER),
    ("strategy", DECIDING),
    ("future", DECIDING),
    ("client", SUBMITTING),
    ("_settings", SUBMITTING),
)

Shares = Dict[str, Tuple[float, float]]


def available() -> bool:
    """Says whether py-spy is installed."""
    return _program() is not None


def shares(url: str, contender: str, jobs: int) -> Shares:
    """Returns for each part its share of the samples, and that of its modules' own code.

    Raises:
        MeasuringError: py-spy could not look into the process.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "stacks")
        command = [str(_program()), "record", "--gil", "--format", "raw", "--full-filenames"]
        command += ["--rate", str(_RATE), "--output", str(path), "--"]
        command += [sys.executable, str(HERE / "contenders.py"), contender, url, str(jobs)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode or not path.exists():
            raise MeasuringError(f"py-spy: {done.stderr[-2000:]}")
        return of_stacks(path.read_text(encoding="utf-8"))


def of_stacks(text: str) -> Shares:
    """Returns the shares of folded stacks: frames from the outermost on, ``;``, and a count."""
    found: dict[str, list[int]] = {part: [0, 0] for part in PARTS}
    for stack, count in _stacks(text):
        modules = [_module(frame) for frame in reversed(stack)]
        part = next((part for part in map(_part, modules) if part), None)
        if part is not None and not any("<frozen importlib" in frame for frame in stack):
            found[part][0] += count
            found[part][1] += count if modules[0] else 0
    total = sum(count for count, _ in found.values()) or 1
    return {part: (count / total, own / total) for part, (count, own) in found.items()}


def _stacks(text: str) -> Iterator[tuple[list[str], int]]:
    for line in text.splitlines():
        stack, _, count = line.rpartition(" ")
        yield stack.split(";"), int(count)


def _module(frame: str) -> str:
    """Returns the path of a frame's module within the package; empty: it is not of it."""
    return frame.partition(_PACKAGE)[2].partition(".py")[0]


def _part(module: str) -> str | None:
    return next((part for begin, part in _PART_OF if module.startswith(begin)), None)


def _program() -> str | None:
    beside = shutil.which("py-spy", path=str(Path(sys.executable).parent))
    return beside or shutil.which("py-spy")
