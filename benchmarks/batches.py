"""Counts requests for many HeyGen jobs, with batches and without, and how late their ends are.

    python benchmarks/batches.py [--jobs 10000] [--duration 300-1800] [--interval SECONDS]

Jobs, durations and the order of chance are the same for all; the clock is virtual, the
sockets are real. Without --interval, jobs are asked for at HeyGen's own recommended pace.

The last rows are a learned timing, with batches: it has waited before for 200 other jobs of that
range, and asks for one job every 30 s at the most, as the service wants. In a batch, a poll costs
a hundredth of a request: hence its poll_cost. In the last row it goes on learning meanwhile: jobs
that were submitted at one moment end in the order of their durations, the short ones first.
"""

from __future__ import annotations

import argparse
import itertools
import random
import threading
import time
from typing import NamedTuple

from video_translation_client import Stages, StatusFuture, VideoTranslationClient
from video_translation_client.strategy import Strategy
from video_translation_client.testing import MockServer, VirtualClock
from video_translation_client.timing import DurationAware

LEARNED_FROM, LEARNED_AT_ONCE = 200, 20  # jobs


def main() -> None:
    """Runs the benchmark and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--duration", default="300-1800")
    parser.add_argument("--interval", type=float, help="seconds between two polls of a job")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--poll-cost", type=float, default=0.1, help="of the learned timing")
    given = parser.parse_args()
    low, high = map(float, given.duration.split("-"))
    print(
        f"{'':18}{'requests':>10}{'for one':>10}{'for many':>10}{'mean late':>11}{'max late':>10}"
    )
    stages = None if given.interval is None else Stages(((0.0, given.interval),))
    learned = DurationAware(given.poll_cost)
    runs = (
        _Run("with batches", True, stages, given.jobs, given.seed),
        _Run("without batches", False, stages, given.jobs, given.seed),
        _Run("(to learn from)", True, learned, LEARNED_FROM, given.seed + 1, LEARNED_AT_ONCE),
        # The method alone is a strategy that does not learn.
        _Run("learned before", True, learned.__call__, given.jobs, given.seed),
        _Run("and learning on", True, learned, given.jobs, given.seed),
    )
    requests = [_count(run, (low, high)) for run in runs]
    print(
        f"without / with: {requests[1] / requests[0]:.1f}; seed {given.seed};"
        f" learned with poll_cost {given.poll_cost:g}"
    )


class _Run(NamedTuple):
    name: str
    batch: bool
    strategy: Strategy | None
    jobs: int
    seed: int
    at_once: int | None = None  # then each one that ends makes room for the next; None: all


def _count(run: _Run, duration: tuple[float, float]) -> int:
    clock = VirtualClock()
    began = time.monotonic()
    with MockServer(service="heygen", duration=duration, seed=run.seed, clock=clock) as server:
        client = VideoTranslationClient(
            server.url,
            service="heygen",
            api_key="key",
            batch=run.batch,
            clock=clock,
            random=random.Random(run.seed).random,
            strategy=run.strategy,
        )
        ended_at: dict[str, float] = {}
        futures: list[StatusFuture] = []
        left = iter(range(run.jobs))
        done = threading.Event()

        def submit() -> None:
            for number in itertools.islice(left, 1):
                futures.append(client.submit(f"job-{number}"))
                futures[-1].add_done_callback(on_end)

        def on_end(future: StatusFuture) -> None:
            ended_at[future.job_id] = clock.monotonic()
            submit()
            if len(ended_at) == run.jobs:
                done.set()

        with clock.paused():
            for _ in range(run.at_once or run.jobs):
                submit()
        done.wait()
        client.shutdown()
        assert all(future.result() == "completed" for future in futures)
        assert all(future.report.result for future in futures)
        requests = server.requests
        late = [ended_at[job_id] - server.plan(job_id).ends_at for job_id in ended_at]
    one = sum(len(request.job_ids) == 1 for request in requests)
    print(
        f"{run.name:18}{len(requests):>10}{one:>10}{len(requests) - one:>10}"
        f"{sum(late) / len(late):>9.2f} s{max(late):>8.2f} s"
        f"   ({time.monotonic() - began:.0f} s)",
        flush=True,
    )
    return len(requests)


if __name__ == "__main__":
    main()
