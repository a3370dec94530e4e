"""What this library does at scale: one scene a process, with its public interface alone.

    python scenes.py NAME URL [NUMBERS]

prints what it has measured, as JSON. Each function says what its numbers are. A scene ends its
process without a shutdown: that of 100,000 waits is none of what it measures.
"""

from __future__ import annotations

import concurrent.futures
import gc
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, Callable

from servers import JOBS_OF_BATCH, counts, read

HOUR = 3600.0
RETRY = 1.0  # seconds after a poll without an answer
PATIENCE = 60.0  # seconds of one request: a poll that fails for want of CPU is no measurement
SETTLED = 1.0  # seconds in which a process that has nothing to do comes to rest


def client_of(url: str, **settings: Any) -> Any:
    """Returns a client whose waits have no limit."""
    from video_translation_client import VideoTranslationClient  # noqa: PLC0415

    return VideoTranslationClient(
        url,
        max_attempts=None,
        max_wait_time=None,
        request_timeout=PATIENCE,
        **{"jitter": 0, **settings},
    )


def batch(url: str, seconds: float) -> dict[str, float]:
    """CPU of one job in a poll of 100 HeyGen jobs, microseconds; jobs in each request."""
    # The first wait brings the jobs together, whatever was asked while they were submitted.
    client = client_of(
        url,
        service="heygen",
        api_key="key",
        strategy=lambda moment: 0.5 if moment.attempt == 1 else 0.02,
    )
    futures = [client.submit(f"job-{number}") for number in range(JOBS_OF_BATCH)]
    while min(map(_attempts, futures)) < 3:
        time.sleep(0.05)
    before, asked, cpu = sum(map(_attempts, futures)), counts(url).requests, time.process_time()
    time.sleep(seconds)
    cpu = time.process_time() - cpu
    polled, asked = sum(map(_attempts, futures)) - before, counts(url).requests - asked - 1
    if not all(future.report.state == "processing" for future in futures):
        raise ValueError("unexpected answers")
    return {"cpu": cpu / polled * 1e6, "jobs": polled / asked}


def growth(url: str, jobs: int, seconds: float) -> dict[str, float]:
    """CPU of a poll, microseconds, with so many jobs that are always due and polled already."""
    client = client_of(url, initial_wait_time=0.001, backoff_factor=1)
    futures = [client.submit(f"job-{number}") for number in range(jobs)]
    _wait_for_answers(futures)
    asked, cpu = counts(url).requests, time.process_time()
    time.sleep(seconds)
    return {"cpu": (time.process_time() - cpu) / (counts(url).requests - asked - 1) * 1e6}


def _attempts(future: Any) -> int:
    return int(future.attempts)


def waiting(url: str, jobs: int, idle: float) -> dict[str, float]:
    """Bytes a job, polled once and due in an hour, over an idle client; CPU while all wait."""
    client = client_of(url, initial_wait_time=HOUR, max_interval=HOUR)
    first = client.submit("job")
    _wait_for_answers([first])
    before = _resident()
    futures = [client.submit(f"job-{number}") for number in range(jobs)]
    _wait_for_answers(futures)
    time.sleep(SETTLED)
    held = _resident() - before
    time.sleep(SETTLED)
    cpu = time.process_time()
    time.sleep(idle)
    return {"bytes": held / jobs, "idle": time.process_time() - cpu}


def submitted(url: str, jobs: int) -> dict[str, float]:
    """Submits a second before any is polled, and the bytes of each such wait."""
    client = client_of(url, max_rate=0.001)
    client.submit("job")
    time.sleep(SETTLED)
    before = _resident()
    began = time.perf_counter()
    futures = [client.submit(f"job-{number}") for number in range(jobs)]
    took = time.perf_counter() - began
    time.sleep(SETTLED)
    held = _resident() - before
    if any(future.attempts for future in futures):
        raise ValueError("some were polled")
    return {"rate": jobs / took, "bytes": held / jobs}


def submitting(url: str, jobs: int, longest: float) -> dict[str, float]:
    """Submits a second while the jobs are polled by 16 workers, for so many seconds at most."""
    client = client_of(url, initial_wait_time=HOUR, max_interval=HOUR)
    client.submit("job")
    time.sleep(SETTLED)
    asked = counts(url).requests
    began = time.perf_counter()
    futures = []
    while len(futures) < jobs and time.perf_counter() < began + longest:
        futures.append(client.submit(f"job-{len(futures)}"))
    took = time.perf_counter() - began
    return {"rate": len(futures) / took, "polls": (counts(url).requests - asked) / took}


def bare_futures(_: str, jobs: int) -> dict[str, float]:
    """Bytes of a bare concurrent.futures.Future."""
    before = _resident()
    held = [concurrent.futures.Future() for _ in range(jobs)]
    return {"bytes": (_resident() - before) / len(held)}


def crowd(url: str, workers: int, seconds: float) -> dict[str, float]:
    """Polls a second with so many workers and jobs enough, as counted by the slow server."""
    client = client_of(url, initial_wait_time=0.001, backoff_factor=1, max_concurrency=workers)
    futures = [client.submit(f"job-{number}") for number in range(20 * workers)]
    while min(map(_attempts, futures)) < 2:
        time.sleep(0.05)
    asked, began, cpu = _told(url)["requests"], time.perf_counter(), time.process_time()
    time.sleep(seconds)
    asked, took = _told(url)["requests"] - asked, time.perf_counter() - began
    return {"rate": asked / took, "cpu": (time.process_time() - cpu) / asked * 1e6}


def punctual(url: str, jobs: int, rate: float, seconds: float) -> dict[str, float]:
    """How late polls arrive at the slow server, milliseconds; so many are due a second."""
    client = client_of(url, strategy=_as_told)
    active = int(4 * rate)  # the server has them wait for four seconds on average
    idle = [client.submit(f"idle-{number}") for number in range(jobs - active)]
    _wait_for_answers(idle)
    for number in range(active):
        client.submit(f"due-{number}")
        time.sleep(1 / rate)
    skipped = len(_told(url)["late"])
    time.sleep(seconds)
    late = sorted(_told(url)["late"][skipped:])
    return {
        "p50": late[len(late) // 2] * 1e3,
        "p99": late[len(late) * 99 // 100] * 1e3,
        "most": late[-1] * 1e3,
        "rate": len(late) / seconds,
    }


def _as_told(moment: Any) -> float:
    return RETRY if moment.report is None else float(moment.report.payload["wait"])


def _wait_for_answers(futures: list[Any]) -> None:
    """Waits until each job was answered once.

    Raises:
        RuntimeError: A poll has failed, after which the job may wait for an hour.
    """
    for future in futures:
        while future.report is None:
            if future.last_error is not None:
                raise RuntimeError(f"{future.job_id}: {future.last_error!r}")
            time.sleep(0.1)


def _told(url: str) -> Any:
    return json.loads(read(url, "/told"))


def _resident() -> int:
    """Bytes of resident memory of this process."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


SCENES: dict[str, Callable[..., dict[str, float]]] = {
    "bare-futures": bare_futures,
    "batch": batch,
    "crowd": crowd,
    "growth": growth,
    "punctual": punctual,
    "submitted": submitted,
    "submitting": submitting,
    "waiting": waiting,
}


def main() -> None:
    """Plays one scene."""
    name, url, *numbers = sys.argv[1:]
    measured = SCENES[name](url, *map(json.loads, numbers))
    print(json.dumps(measured), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
