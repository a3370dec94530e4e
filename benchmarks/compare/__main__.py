"""Measures this library side by side with what a user would pick instead, and at scale.

    python benchmarks/compare [--rounds 5] [--quick] [--only peers]

It prints tables, and after a whole run writes docs/benchmarks.md with its chart. See the README
beside this folder. Linux only.
"""

from __future__ import annotations

import argparse
import functools
import sys
import time
from pathlib import Path
from typing import Any, Callable

import parts
import report
import servers
from measuring import MeasuringError, Results, Sample, contender, import_cpu, rotated, script, told
from targets import GROWTH, WORKERS

DOCS = Path(__file__).resolve().parents[2] / "docs"


class Benchmark:
    """One run: how much of what is measured, and what was found."""

    def __init__(self, nginx: servers.Nginx, options: argparse.Namespace) -> None:
        quick = options.quick
        self.nginx = nginx
        self.rounds: int = options.rounds
        self.few = min(options.rounds, 2)  # of what takes half a minute
        self.jobs = 100 if quick else 1_000  # of a contender
        self.many = 5_000 if quick else 100_000
        self.sizes = {jobs: min(jobs, self.many) for jobs in GROWTH}
        self.seconds = 1.0 if quick else 3.0
        self.idle = 2.0 if quick else 10.0
        self.calm = 3.0 if quick else 20.0
        self.imports = 5 if quick else 20
        self.results = Results()
        self.shares: dict[str, parts.Shares] = {}

    def peers(self) -> None:
        """Runs all contenders, and the batch of 100 jobs, which compares with one of them."""
        for number in range(self.rounds):
            for name in rotated([*report.LABELS, "batch"], 5 * number):
                if name == "batch":
                    self._scene("batch", self.nginx.url, self.seconds)
                else:
                    self._note(name, lambda name=name: contender(self.nginx, name, self.jobs))

    def growth(self) -> None:
        """Runs one client with few and with many jobs."""
        for _ in range(self.few):
            for jobs, used in self.sizes.items():
                self._scene("growth", self.nginx.url, used, self.seconds, name=f"growth-{jobs}")

    def waiting(self) -> None:
        """Measures what waiting jobs hold, and what they do while they wait."""
        self._scene("bare-futures", self.nginx.url, self.many)
        self._scene("waiting", self.nginx.url, self.many, self.idle)

    def submit(self) -> None:
        """Measures how fast jobs are taken."""
        for _ in range(min(self.rounds, 3)):
            self._scene("submitted", self.nginx.url, self.many)
            self._scene("submitting", self.nginx.url, self.many, self.idle)

    def crowd(self) -> None:
        """Has many workers ask a slow server."""
        for _ in range(min(self.rounds, 3)):
            with servers.slow(50) as server:
                self._scene("crowd", server.url, WORKERS, self.seconds)

    def punctual(self) -> None:
        """Measures how late polls are."""
        with servers.slow(20) as server:
            self._scene("punctual", server.url, self.many, 500, self.calm)

    def start(self) -> None:
        """Imports the library and requests in turn."""
        for name in ("requests", "video_translation_client"):
            import_cpu(name)  # compiles what is not compiled yet
        for _ in range(self.imports):
            self.results.add("import-requests", import_cpu("requests"))
            self.results.add("import-ours", import_cpu("video_translation_client"))

    def parts(self) -> None:
        """Samples where the time goes."""
        if parts.available():
            for name in ("ours-1", "ours-16"):
                if not self.results.of(name):
                    self._note(name, lambda name=name: contender(self.nginx, name, self.jobs))
                self.shares[name] = parts.shares(self.nginx.url, name, self.jobs)

    def _scene(self, scene: str, *arguments: Any, name: str = "") -> None:
        self._note(name or scene, functools.partial(script, "scenes.py", scene, *arguments))

    def _note(self, name: str, measure: Callable[[], Sample]) -> None:
        self.results.add(name, told(name, measure))


PIECES: list[str] = [
    "peers",
    "growth",
    "waiting",
    "submit",
    "crowd",
    "punctual",
    "start",
    "parts",
]


def main() -> None:
    """Runs what is asked for, and tells of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="of each contender")
    parser.add_argument("--quick", action="store_true", help="little of all; the numbers are vague")
    parser.add_argument("--only", action="append", choices=PIECES, help="may be repeated")
    parser.add_argument("--output", type=Path, help="the folder of the page and the chart")
    options = parser.parse_args()
    whole = not options.only
    output = options.output or (DOCS if whole and not options.quick else None)
    began = time.monotonic()
    failed: list[str] = []
    with servers.nginx() as nginx:
        benchmark = Benchmark(nginx, options)
        for piece in options.only or PIECES:
            print(f"{piece}:", file=sys.stderr, flush=True)
            try:
                getattr(benchmark, piece)()
            except MeasuringError as error:
                failed.append(piece)
                print(f"error: {error}", file=sys.stderr, flush=True)
    tell(benchmark)
    if output is not None and whole and not failed:
        output.mkdir(parents=True, exist_ok=True)
        page = report.page(benchmark.results, benchmark.shares, options.rounds)
        (output / "benchmarks.md").write_text(page, encoding="utf-8")
        (output / "benchmarks.svg").write_text(report.chart(benchmark.results), encoding="utf-8")
        print(f"\nwritten to {output}")
    print(f"\n{(time.monotonic() - began) / 60:.1f} minutes")
    if failed:
        sys.exit(f"error: not all could be measured: {', '.join(failed)}")


def tell(benchmark: Benchmark) -> None:
    """Prints the tables."""
    results = benchmark.results
    if results.of("bare"):
        print(f"\n{report.plain(report.peers_table(results))}")
    if benchmark.shares:
        print(f"\n{report.plain(report.parts_table(results, benchmark.shares))}")
    print(f"\n{report.plain(report.scale_table(results))}")
    print(f"\n{report.plain(report.targets_table(results))}")


if __name__ == "__main__":
    main()
