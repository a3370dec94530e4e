"""User-like code that must type-check under ``mypy --strict``; it is never run."""

from __future__ import annotations

import concurrent.futures
from wsgiref.simple_server import make_server

import requests

from video_translation_client import (
    ExponentialBackoff,
    Moment,
    PollError,
    RejectedError,
    Status,
    StatusFuture,
    StatusReport,
    VideoTranslationClient,
    VideoTranslationError,
    Webhook,
)
from video_translation_client.testing import Delivery, Fault, JobScript, MockServer, VirtualClock
from video_translation_client.webhooks import receiver


def blocking() -> str:
    """A call that blocks."""
    client = VideoTranslationClient("http://127.0.0.1:5000", 10, 60, 1.0, 2.0, 0.5)
    status: Status = client.get_status(on_update=lambda status: print(status.upper()))
    return status


def many(ids: list[str]) -> dict[str | None, Status]:
    """Many jobs as they end."""
    results: dict[str | None, Status] = {}
    with VideoTranslationClient(
        "https://example.com", max_attempts=None, max_wait_time=None, session=requests.Session()
    ) as client:
        futures = [client.submit(job_id, on_update=print) for job_id in ids]
        for future in concurrent.futures.as_completed(futures):
            assert isinstance(future, StatusFuture)
            try:
                results[future.job_id] = future.result(timeout=1)
            except RejectedError as error:
                print(error.job_id, error.status_code)
    return results


def at_once(ids: list[str]) -> dict[str | None, str]:
    """The same with what the client brings: no cast, and nothing that a type checker can't see."""
    results: dict[str | None, str] = {}
    with VideoTranslationClient(service="heygen") as client:
        for future in client.as_completed(client.submit_all(ids)):
            print(future.job_id, future.result())
            results[future.job_id] = future.result().upper()
        futures: list[StatusFuture] = client.submit_all(iter(ids), print, group="long")
        client.as_completed(futures, timeout=5)
        client.submit("job-1", max_wait_time=None, max_attempts=3).poll_now()
        client.get_status("job-1", max_wait_time=7200, max_attempts=None).upper()
    return results


def looked_at(client: VideoTranslationClient, ids: list[str]) -> list[str]:
    """One look at each job."""
    done: list[str] = []
    for job_id, answer in client.check(ids, timeout=5).items():
        if isinstance(answer, VideoTranslationError):
            print(job_id.upper(), answer.reason)
        elif answer.status == "completed":
            done.append(job_id)
    return done


def details(future: StatusFuture) -> None:
    """Everything that a future tells."""
    report: StatusReport | None = future.report
    progress: float | None = None if report is None else report.progress
    failure: PollError | None = future.last_error
    waited: tuple[int, float, str | None] = (future.attempts, future.elapsed, future.reason)
    print(future.status, progress, failure, waited)
    future.add_update_callback(lambda future: print(future.report))
    future.add_done_callback(lambda future: print(future.result()))
    future.poll_now()
    plain: concurrent.futures.Future[Status] = future
    plain.cancel()


def told(client: VideoTranslationClient, secret: str) -> None:
    """A server that takes webhooks."""
    with make_server("127.0.0.1", 8080, receiver(client, secret)) as server:
        server.set_app(receiver(client, [secret, "new"], webhook=Webhook("id", "Signature")))
        server.serve_forever()


def constant(moment: Moment) -> float:
    """A strategy of the user's own."""
    return 5 + moment.chance


def tested() -> None:
    """A test of the user's own."""
    clock = VirtualClock()
    jobs = {"job-1": JobScript(duration=3, faults={1: Fault.http(503)})}
    MockServer(service="heygen", webhook="http://127.0.0.1:8080", webhook_secret="secret").job(
        "job-1", webhooks=(Delivery(after=5), Delivery(forged=True))
    )
    with MockServer(duration=(3, 6), jobs=jobs, clock=clock) as server:
        VideoTranslationClient(server.url, strategy=constant, clock=clock)
        VideoTranslationClient(server.url, strategy=ExponentialBackoff(jitter=0), clock=clock)
        server.requests[0].headers["Accept"].lower()
