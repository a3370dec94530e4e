"""Futures that have ended are freed by their last reference, without the garbage collector."""

import gc
import threading
import weakref

import pytest
from conftest import PATIENCE

from video_translation_client import VideoTranslationClient
from video_translation_client.testing import Fault, MockServer


@pytest.fixture
def uncollected():
    """No garbage collector."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@pytest.fixture
def server(clock):
    """A mock server whose jobs end in every way."""
    with MockServer(duration=3, progress=True, clock=clock) as server:
        server.job("failing", duration=0, outcome="error", faults={1: Fault.http(503)})
        server.job("dropped", duration=0, faults={1: Fault.drop()})
        server.job("junk", duration=0, faults={1: Fault.not_json()})
        server.job("rejected", faults={2: Fault.http(403)})
        server.job("redirected", faults={1: Fault.redirect("http://127.0.0.2/")})
        server.job("endless", duration=1000)
        server.job("hanging", faults={1: Fault.slow(1000)})
        yield server


ENDS = ["good", "failing", "dropped", "junk", "rejected", "redirected", "endless", "hanging"]


@pytest.mark.parametrize(
    "settings",
    [{"max_wait_time": 20}, {"max_wait_time": 20, "batch": True}, {"max_attempts": 2}],
    ids=["one by one", "batch", "attempts"],
)
def test_a_future_that_has_ended_is_freed_by_its_last_reference(
    server, clock, uncollected, settings
):
    """However it ended."""
    freed = threading.Semaphore(0)
    client = VideoTranslationClient(server.url, clock=clock, jitter=0, **settings)
    with clock.paused():
        futures = [client.submit(name, on_update=lambda status: None) for name in ENDS]
        futures.append(client.submit("cancelled"))
        clock.advance(0.5)
        futures[-1].cancel()
    for future in futures[:-1]:
        future.exception(PATIENCE)
        weakref.finalize(future, freed.release)
    # A worker may still hold what it did last.
    client.shutdown()
    del future, futures
    for _ in ENDS:
        assert freed.acquire(timeout=PATIENCE)
