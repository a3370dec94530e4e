"""Counts requests for many HeyGen jobs, with batches and without, and how late their ends are.

    python benchmarks/batches.py [--jobs 10000] [--duration 300-1800] [--interval SECONDS]

Jobs, durations and the order of chance are the same for both; the clock is virtual, the
sockets are real. Without --interval, jobs are asked for at HeyGen's own recommended pace.
"""

from __future__ import annotations

import argparse
import random
import time

from video_translation_client import Stages, VideoTranslationClient
from video_translation_client.testing import MockServer, VirtualClock


def main() -> None:
    """Runs the benchmark and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--duration", default="300-1800")
    parser.add_argument("--interval", type=float, help="seconds between two polls of a job")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    low, high = map(float, given.duration.split("-"))
    print(
        f"{'':18}{'requests':>10}{'for one':>10}{'for many':>10}{'mean late':>11}{'max late':>10}"
    )
    requests = {}
    for batch, name in ((True, "with batches"), (False, "without batches")):
        requests[batch] = _run(name, batch, given, (low, high))
    print(f"without / with: {requests[False] / requests[True]:.1f}; seed {given.seed}")


def _run(name: str, batch: bool, given: argparse.Namespace, duration: tuple[float, float]) -> int:
    clock = VirtualClock()
    began = time.monotonic()
    settings = {}
    if given.interval is not None:
        settings["strategy"] = Stages(((0.0, given.interval),))
    with MockServer(service="heygen", duration=duration, seed=given.seed, clock=clock) as server:
        client = VideoTranslationClient(
            server.url,
            service="heygen",
            api_key="key",
            batch=batch,
            clock=clock,
            random=random.Random(given.seed).random,
            **settings,
        )
        ended_at: dict[str, float] = {}
        with clock.paused():
            futures = [client.submit(f"job-{number}") for number in range(given.jobs)]
            for future in futures:
                future.add_done_callback(
                    lambda done: ended_at.update({done.job_id: clock.monotonic()})
                )
        client.shutdown()
        assert all(future.result() == "completed" for future in futures)
        assert all(future.report.result for future in futures)
        requests = server.requests
        late = [ended_at[job_id] - server.plan(job_id).ends_at for job_id in ended_at]
    one = sum(len(request.job_ids) == 1 for request in requests)
    print(
        f"{name:18}{len(requests):>10}{one:>10}{len(requests) - one:>10}"
        f"{sum(late) / len(late):>9.2f} s{max(late):>8.2f} s"
        f"   ({time.monotonic() - began:.0f} s)",
        flush=True,
    )
    return len(requests)


if __name__ == "__main__":
    main()
