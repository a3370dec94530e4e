"""One pace for a whole cluster: a rate that its workers share, and a pause that they all keep."""

import itertools
import threading

import pytest
from conftest import PATIENCE

pytest.importorskip("distributed")

from video_translation_client import FixedInterval, Paced
from video_translation_client.distributed import DistributedClient, _station
from video_translation_client.distributed._shares import Shares
from video_translation_client.testing import Fault, MockServer

OFTEN = {"strategy": FixedInterval(0.05), "max_attempts": None, "max_wait_time": None}


@pytest.fixture
def server():
    """A mock server in real time, whose jobs last."""
    with MockServer(duration=1000) as server:
        yield server


def test_the_rate_holds_for_all_workers_together(dask, server):
    """Requests come no faster than ``max_rate``, and from both workers."""
    enough = threading.Event()
    polls = itertools.count(1)

    def count(status):
        if next(polls) == 120:
            enough.set()

    client = DistributedClient(dask, base_url=server.url, max_rate=40, **OFTEN)
    client.submit_all([f"job-{number}" for number in range(20)], count)
    assert enough.wait(PATIENCE)
    stations = [station._name for station in _station._stations.values()]
    client.shutdown(cancel_futures=True)
    assert len(stations) == 2
    times = [request.time for request in server.requests[:120]]
    # 3 s at this rate, and half of that if each of the two kept to it by itself. On a busy machine,
    # what was sent in time may arrive late, and nearer to what comes after it.
    assert times[-1] - times[0] > 2.2


def test_a_pause_is_kept_by_all(dask, server):
    """What a service asks of one worker is told to the others, and to listeners at the caller."""
    paced = threading.Event()
    told = []

    def listen(event):
        if isinstance(event, Paced) and event.pause is not None:
            told.append(event)
            paced.set()

    client = DistributedClient(dask, base_url=server.url, on_event=listen, **OFTEN)
    answered = threading.Semaphore(0)
    client.submit_all([f"job-{number}" for number in range(20)], lambda _: answered.release())
    for _ in range(20):
        assert answered.acquire(timeout=PATIENCE)
    server.job("refused", duration=1000, faults={1: Fault.http(429, {"Retry-After": "1000"})})
    client.submit("refused")
    assert paced.wait(PATIENCE)
    for station in _station._stations.values():
        while station._scheduler._pace.paused_until < station._clock.monotonic() + 900:
            assert not station._is_over
    assert [(event.service, event.pause) for event in told] == [("default", 1000)]
    client.shutdown(cancel_futures=True)


def test_shares_follow_the_work():
    """Each holder gets as much as it has to do, and one without work nothing."""
    shares = Shares(10)
    assert shares.grant({"a": 3, "b": 1, "c": 0}, 0.0) == {"a": 7.5, "b": 2.5, "c": 0.0}


def test_shares_never_add_up_to_more():
    """One grows by what another has given up, once that one has said so."""
    shares = Shares(10)
    assert shares.grant({"a": 1}, 0.0) == {"a": 10}
    assert shares.grant({"a": 1, "b": 1}, 0.0) == {"a": 5, "b": 0}
    shares.confirm("a", 10)  # it has not heard it yet
    assert shares.grant({"a": 1, "b": 1}, 0.0) == {"a": 5, "b": 0}
    shares.confirm("a", 5)
    assert shares.grant({"a": 1, "b": 1}, 0.0) == {"a": 5, "b": 5}
    assert (shares.of("a"), shares.of("b"), shares.of("nobody")) == (5, 5, 0)
    shares.confirm("nobody", 5)


def test_the_share_of_a_dead_one_is_free_when_it_surely_is():
    """Until then it may still ask."""
    shares = Shares(10)
    shares.grant({"a": 1, "b": 1}, 0.0)
    shares.lose("a", 10.0)
    shares.lose("a", 99.0)
    shares.lose("nobody", 10.0)
    assert shares.grant({"b": 1}, 9.0) == {"b": 5}
    assert shares.grant({"b": 1}, 10.0) == {"b": 10}


def test_without_a_rate_there_is_nothing_to_share():
    """None is no limit."""
    shares = Shares(None)
    assert shares.grant({"a": 1}, 0.0) == {"a": None}
    assert shares.of("a") is None


def test_a_pause_beyond_one_deadline_and_not_beyond_another(dask, server):
    """Of two waits for a job, the one ends at once, and the other goes on."""
    pause = Fault.http(429, {"Retry-After": "500"})
    server.job("job-1", duration=1000, faults={2: pause})
    client = DistributedClient(dask, base_url=server.url, **OFTEN)
    first = client.submit("job-1", max_wait_time=100)
    answered = threading.Event()
    first.add_update_callback(lambda future: answered.set())
    assert first.report is not None or answered.wait(PATIENCE)
    second = client.submit("job-1", max_wait_time=1000)
    assert first.result(PATIENCE) == "timeout"
    assert (first.end.limit, round(first.end.pause)) == ("retry_after", 500)
    assert not second.done()
    polls = len(server.requests)
    assert client.get_status("job-1", max_wait_time=1) == "timeout"
    assert len(server.requests) == polls
    assert not second.done()
    client.shutdown(cancel_futures=True)
