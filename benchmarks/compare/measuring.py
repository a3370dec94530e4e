"""Runs contenders and scenes in processes of their own, and sums up what they have measured."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Dict, NamedTuple, Sequence

Sample = Dict[str, float]


class MeasuringError(Exception):
    """A process has failed, or did something else than what was to be measured."""


HERE = Path(__file__).parent
POLLS, WARM_UP = 10, 32  # as in contenders.py

_IMPORT = "import time; b = time.process_time(); import {}; print(time.process_time() - b)"


class Results:
    """What was measured so far: for each name, its samples in the order of the rounds."""

    def __init__(self) -> None:
        self.samples: dict[str, list[Sample]] = {}

    def add(self, name: str, sample: Sample) -> None:
        """Takes note of one more round."""
        self.samples.setdefault(name, []).append(sample)

    def of(self, name: str, key: str = "cpu") -> list[float]:
        """Returns one of the numbers, of each round; empty: it was not measured."""
        return [sample[key] for sample in self.samples.get(name, [])]

    def ratios(self, name: str, base: str, key: str = "cpu") -> list[float]:
        """Returns how it compares with another one, round by round."""
        return [one / other for one, other in zip(self.of(name, key), self.of(base, key))]


class Summary(NamedTuple):
    """Several measurements of the same."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Summary:
        """Sums up one or more."""
        return cls(statistics.median(values), min(values), max(values))


def script(name: str, *arguments: Any) -> Sample:
    """Runs one of the scripts here, and returns what it prints as JSON.

    Raises:
        MeasuringError: It has failed; the message holds what it wrote.
    """
    return dict(json.loads(python(str(HERE / name), *map(str, arguments))))


def python(*arguments: str) -> str:
    """Runs Python, and returns what it prints."""
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise MeasuringError(f"{' '.join(arguments)}\n{done.stderr[-3000:]}")
    return done.stdout


def contender(server: Any, name: str, jobs: int) -> Sample:
    """Runs one contender, and checks with nginx that it has asked as often as it should.

    Raises:
        MeasuringError: It has not, or it has failed.
    """
    before = server.counts()
    sample = script("contenders.py", name, server.url, jobs)
    counted = server.since(before)
    surplus = counted.requests - (jobs + WARM_UP) * POLLS - (name == "azure")
    if surplus:
        raise MeasuringError(f"{name} sent {surplus:+} requests beyond {POLLS} a job")
    return {**sample, "connections": float(counted.connections)}


def import_cpu(module: str) -> Sample:
    """Returns the milliseconds of CPU that an import takes in a new process."""
    return {"cpu": float(python("-c", _IMPORT.format(module))) * 1e3}


def rotated(names: Sequence[str], by: int) -> list[str]:
    """Returns the names beginning with another one, so that none always follows the same load."""
    by %= len(names)
    return [*names[by:], *names[:by]]


def told(what: str, measure: Callable[[], Sample]) -> Sample:
    """Measures, and says on standard error what it was."""
    sample = measure()
    numbers = ", ".join(f"{key} {value:.4g}" for key, value in sample.items())
    print(f"  {what:28} {numbers}", file=sys.stderr, flush=True)
    return sample
