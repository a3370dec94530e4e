"""What was to be reached, as one table: each line says how it is computed, and its limit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable

from measuring import Results, Summary

GROWTH = (1_000, 10_000, 100_000)  # jobs
WORKERS, HOLD = 64, 0.05  # of the slow server
TICK = 0.01  # seconds; what the system's accounting of CPU time can tell


@dataclass(frozen=True)
class Target:
    """One line.

    Attributes:
        what: Its name.
        how: How it is measured.
        values: Its value in each round; empty: not measured.
        limit: What is to be reached.
        form: How values are written.
        least: Whether the limit is a lower one.
    """

    what: str
    how: str
    values: Callable[[Results], list[float]]
    limit: float
    form: str = "{:.2f}"
    least: bool = False

    def met(self, reached: Summary) -> bool:
        """Says whether the median reaches the limit."""
        return reached.median >= self.limit if self.least else reached.median <= self.limit

    def row(self, results: Results) -> list[str]:
        """Returns its cells: name, how, reached, spread, target, met or not."""
        values = self.values(results)
        limit = f"at {'least' if self.least else 'most'} {self.form.format(self.limit)}"
        if not values:
            return [self.what, self.how, "", "", limit, "not measured"]
        reached = Summary.of(values)
        spread = f"{self.form.format(reached.low)} to {self.form.format(reached.high)}"
        return [
            self.what,
            self.how,
            self.form.format(reached.median),
            spread if len(values) > 1 else "one run",
            limit,
            "met" if self.met(reached) else "**not met**",
        ]


def _ratio(name: str, base: str) -> Callable[[Results], list[float]]:
    return lambda results: results.ratios(name, base)


def _number(name: str, key: str, scale: float = 1.0) -> Callable[[Results], list[float]]:
    return lambda results: [value * scale for value in results.of(name, key)]


def _growth(results: Results) -> list[float]:
    sizes = [results.of(f"growth-{jobs}") for jobs in GROWTH]
    if not all(sizes):
        return []
    medians = [Summary.of(size).median for size in sizes]
    return [max(medians) / min(medians)]


_AGAINST = "CPU a poll, 16 workers, jobs of 10 polls"

TARGETS = (
    Target("CPU a poll, 1 worker", "against bare `Session.send`", _ratio("ours-1", "bare"), 0.85),
    Target("the same, 16 workers", "likewise", _ratio("ours-16", "bare"), 1.0),
    Target("the same, a session of the user's", "likewise", _ratio("ours-session", "bare"), 1.35),
    Target("against polling2", _AGAINST, _ratio("ours-16", "polling2"), 0.35),
    Target("against tenacity", _AGAINST, _ratio("ours-16", "tenacity"), 0.45),
    Target("against more-executors", _AGAINST, _ratio("ours-16", "more-executors"), 0.5),
    Target("against the aiohttp design", _AGAINST, _ratio("ours-16", "aiohttp-each"), 2.2),
    Target(
        "a poll of 100 HeyGen jobs",
        "CPU a job against one bare `Session.send`",
        _ratio("batch", "bare"),
        0.1,
        "{:.3f}",
    ),
    Target(
        "many workers, slow server (50 ms)",
        "polls a second, `max_concurrency=64`",
        _number("crowd", "rate"),
        0.9 * WORKERS / HOLD,
        "{:,.0f}",
        least=True,
    ),
    Target(
        "jobs waiting",
        "resident KB (1,000 bytes) a job, 100,000 polled once, over an idle client",
        _number("waiting", "bytes", 1e-3),
        3.0,
    ),
    Target(
        "submitting while they are polled",
        "`submit` calls a second, up to 100,000",
        _number("submitting", "rate"),
        20_000,
        "{:,.0f}",
        least=True,
    ),
    Target(
        "submitting before any is polled",
        "`submit` calls a second, 100,000",
        _number("submitted", "rate"),
        60_000,
        "{:,.0f}",
        least=True,
    ),
    Target(
        "punctuality",
        "p99 of ms from the due time to the poll's arrival; 100,000 jobs, 500 due a second, 20 ms",
        _number("punctual", "p99"),
        20,
        "{:.1f}",
    ),
    Target(
        "idle",
        "CPU seconds in 10 s, 100,000 jobs due in an hour; below what `os.times` can tell",
        _number("waiting", "idle"),
        TICK,
        "{:.4f}",
    ),
    Target(
        "growth",
        "CPU a poll with 1,000, 10,000 and 100,000 jobs: most to least",
        _growth,
        1.15,
    ),
    Target(
        "start",
        "CPU of `import video_translation_client` against `import requests`",
        lambda results: results.ratios("import-ours", "import-requests"),
        1.10,
    ),
    Target(
        "connections",
        "sockets that nginx accepted for 10,000 polls on 16 workers",
        _number("ours-16", "connections"),
        16,
        "{:.0f}",
    ),
)
