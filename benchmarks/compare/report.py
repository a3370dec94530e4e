"""Writes what was measured: tables for the terminal, docs/benchmarks.md and its chart."""

from __future__ import annotations

import datetime as dt
import importlib
import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import List, Sequence

import parts
from chart import Bar, draw
from measuring import Results, Summary
from servers import find_nginx
from targets import GROWTH, TARGETS

LABELS = {
    "http.client": "http.client",
    "aiohttp-shared": "aiohttp, one session shared",
    "aiohttp-each": "aiohttp design, a session a job",
    "urllib3": "urllib3 pool.urlopen",
    "ours-1": "this library, 1 worker",
    "kept-pool": "requests, adapter keeps its pool",
    "bare": "bare Session.send(prepared)",
    "ours-16": "this library, 16 workers",
    "ours-session": "this library, a session of the user's",
    "more-executors": "more-executors' poll executor",
    "google": "google-api-core's PollingFuture",
    "tenacity": "tenacity, Session.get",
    "threads": "16 threads, Session.get",
    "polling2": "polling2, requests.get",
    "azure": "azure-core's LROPoller",
}

PACKAGES = (
    "requests",
    "urllib3",
    "aiohttp",
    "azure-core",
    "google-api-core",
    "more-executors",
    "polling2",
    "tenacity",
)

_MARKUP = re.compile(r"[`*]")

Rows = List[List[str]]


def table(head: Sequence[str], rows: Rows, right: Sequence[int] = ()) -> str:
    """Returns a table of Markdown whose columns are aligned; those of ``right`` to the right."""
    cells = [list(head), *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]

    def line(row: Sequence[str]) -> str:
        texts = [
            text.rjust(width) if column in right else text.ljust(width)
            for column, (text, width) in enumerate(zip(row, widths))
        ]
        return f"| {' | '.join(texts)} |"

    rule = "|".join(
        "-" * (width + 1) + (":" if column in right else "-") for column, width in enumerate(widths)
    )
    return "\n".join([line(head), f"|{rule}|", *map(line, rows)])


def targets_table(results: Results) -> str:
    """Returns the table of the targets, with met or not for each."""
    rows = [target.row(results) for target in TARGETS]
    return table(("what", "measured as", "reached", "spread", "target", ""), rows, (2,))


def peers_table(results: Results) -> str:
    """Returns the table of all contenders, from the least to the most CPU."""
    rows = []
    for name in _by_cost(results):
        ratio = Summary.of(results.ratios(name, "bare"))
        rows.append(
            [
                f"**{LABELS[name]}**" if name.startswith("ours") else LABELS[name],
                f"{ratio.median:.2f}",
                f"{ratio.low:.2f} to {ratio.high:.2f}",
                f"{Summary.of(results.of(name)).median:.0f}",
                f"{Summary.of(results.of(name, 'wall')).median:.0f}",
                f"{Summary.of(results.of(name, 'connections')).median:,.0f}",
            ]
        )
    head = ("what", "CPU, of bare", "spread", "CPU, us", "wall, us", "connections")
    return table(head, rows, (1, 3, 4, 5))


def scale_table(results: Results) -> str:
    """Returns what was measured at scale beside what the targets are about."""
    rows: Rows = []
    for what, name, key, form in (
        *((f"CPU a poll, {n:,} jobs, us", f"growth-{n}", "cpu", "{:.0f}") for n in GROWTH),
        ("a waiting job, polled once, bytes", "waiting", "bytes", "{:,.0f}"),
        ("a waiting job, never polled, bytes", "submitted", "bytes", "{:,.0f}"),
        ("a bare concurrent.futures.Future, bytes", "bare-futures", "bytes", "{:,.0f}"),
        ("polls a second while 100,000 are submitted", "submitting", "polls", "{:,.0f}"),
        ("late, median, ms", "punctual", "p50", "{:.1f}"),
        ("late, most, ms", "punctual", "most", "{:.1f}"),
        ("polls a second of those", "punctual", "rate", "{:,.0f}"),
        ("CPU a poll, 64 workers, 50 ms server, us", "crowd", "cpu", "{:.0f}"),
        ("HeyGen jobs in each request", "batch", "jobs", "{:.1f}"),
        ("CPU a HeyGen job, us", "batch", "cpu", "{:.1f}"),
        ("import video_translation_client, CPU ms", "import-ours", "cpu", "{:.0f}"),
        ("import requests, CPU ms", "import-requests", "cpu", "{:.0f}"),
    ):
        values = results.of(name, key)
        if values:
            reached = Summary.of(values)
            spread = f"{form.format(reached.low)} to {form.format(reached.high)}"
            rows.append(
                [what, form.format(reached.median), spread if len(values) > 1 else "one run"]
            )
    return table(("what", "median", "spread"), rows, (1,))


def parts_table(results: Results, shares: dict[str, parts.Shares]) -> str:
    """Returns where a poll's microseconds go, for each contender of ours that was looked into."""
    names = list(shares)
    whole = {name: Summary.of(results.of(name)).median for name in names}
    rows = [
        [part, text, *(_of_part(shares[name][part], whole[name]) for name in names)]
        for part, text in parts.PARTS.items()
    ]
    rows.append(["all", "", *(f"{whole[name]:.0f}" for name in names)])
    head = ["part", "what", *(LABELS[name].replace("this library, ", "") for name in names)]
    return table(head, rows, range(2, 2 + len(names)))


def _of_part(share: tuple[float, float], whole: float) -> str:
    return f"{share[0] * whole:.0f} ({share[1] * whole:.0f})"


def chart(results: Results) -> str:
    """Returns the chart of the contenders."""
    bars = [
        Bar(LABELS[name], Summary.of(results.ratios(name, "bare")).median, name.startswith("ours"))
        for name in _by_cost(results)
    ]
    note = "CPU of the whole process, jobs of ten polls, nginx on loopback; shorter is better"
    return draw("CPU a poll, as a multiple of a bare Session.send", note, bars, mark=1.0)


def page(results: Results, shares: dict[str, parts.Shares], rounds: int) -> str:
    """Returns docs/benchmarks.md."""
    text = Path(__file__).with_name("page.md").read_text(encoding="utf-8")
    return text.format(
        date=dt.datetime.now(dt.timezone.utc).date(),
        rounds=rounds,
        machine=_machine(),
        versions=_versions(),
        targets=targets_table(results),
        peers=peers_table(results),
        scale=scale_table(results),
        parts=parts_table(results, shares) if shares else "Not measured: there was no py-spy.",
    )


def plain(markdown: str) -> str:
    """Returns a table as a terminal shows it best: without the marks, still aligned."""
    return "\n".join(
        _MARKUP.sub("", line) if line.startswith("|-") else _unmarked(line)
        for line in markdown.splitlines()
    )


def _unmarked(line: str) -> str:
    cells = line.split("|")
    return "|".join(_MARKUP.sub("", cell).ljust(len(cell)) for cell in cells)


def _by_cost(results: Results) -> list[str]:
    names = [name for name in LABELS if results.of(name)]
    return sorted(names, key=lambda name: Summary.of(results.ratios(name, "bare")).median)


def _machine() -> str:
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    processor = found[1] if found else platform.machine()
    return f"{os.cpu_count()} cores of {processor}, {platform.system()} {platform.release()}"


def _versions() -> str:
    metadata = importlib.import_module("importlib.metadata")  # not in Python 3.7
    done = subprocess.run([find_nginx(), "-v"], capture_output=True, text=True, check=False)
    nginx = done.stderr.strip().rpartition("/")[2].split(" ")[0]
    python = f"Python {'.'.join(map(str, sys.version_info[:3]))}, nginx {nginx}"
    return ", ".join([python, *(f"{name} {metadata.version(name)}" for name in PACKAGES)])
