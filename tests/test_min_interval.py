"""How often one job is asked for at most, whatever the strategy says."""

import pytest
from conftest import PATIENCE, serving

from video_translation_client import Batch, FixedInterval, Service, VideoTranslationClient
from video_translation_client.testing import Fault, MockServer

pytestmark = pytest.mark.one_python


def times(server, job_id=None):
    """When a job was asked for, by itself or with others."""
    return [
        request.time for request in server.requests if job_id is None or job_id in request.job_ids
    ]


def client_of(service, url, clock, strategy=None, **arguments):
    """A client of a service of one's own."""
    return VideoTranslationClient(url, service=service, clock=clock, strategy=strategy, **arguments)


def test_no_strategy_has_a_job_asked_oftener(server, make_client):
    """From the start of one poll to that of the next; longer waits are as they were."""
    server.job("job-1", duration=30)
    for strategy in (None, FixedInterval(1.0, jitter=0), lambda moment: 0.0):
        client = make_client(strategy=strategy, min_interval=7)
        began = len(server.requests)
        server.job("job-1", duration=30)
        assert client.get_status("job-1") == "completed"
        asked = times(server)[began:]
        gaps = [later - earlier for earlier, later in zip(asked, asked[1:])]
        assert gaps == ([7, 7, 7, 8, 16] if strategy is None else [7] * 5)[: len(gaps)]
        assert len(gaps) >= 4


def test_a_poll_that_has_failed_is_not_made_again_any_sooner(server, make_client):
    """What bounds polls bounds those that fail, too."""
    server.job("job-1", duration=0, faults={1: Fault.http(500), 2: Fault.http(429)})
    client = make_client(min_interval=20, strategy=lambda moment: 1.0)
    assert client.get_status("job-1") == "completed"
    assert times(server) == [0, 20, 40]


def test_the_last_poll_and_those_that_are_asked_for_come_all_the_same(server, make_client, clock):
    """Just before the deadline, and on poll_now(), from which the next interval counts."""
    server.job("job-1", duration=1000)
    client = make_client(min_interval=20, strategy=lambda moment: 1.0, max_wait_time=50)
    with clock.paused():
        future = client.submit("job-1")
        clock.advance(5)
        future.poll_now()
    assert future.result(PATIENCE) == "timeout"
    assert times(server) == [0, 5, 25, 45, pytest.approx(49.9)]


def test_the_result_of_a_job_that_has_ended_is_read_all_the_same(provider, clock):
    """Nobody waits for half a minute for a link that is there in two seconds."""
    service = Service("acme", result="url", result_delay=30.0, min_interval=30.0)
    provider.tell('{"status": "completed"}', '{"status": "completed", "url": "u"}')
    with serving(provider) as url, client_of(service, url, clock) as client:
        future = client.submit("job-1")
        assert future.result(PATIENCE) == "completed"
    assert provider.times == [0, 2]
    assert future.report.result == "u"
    assert (future.end.pending_until, future.end.ended_by) == (None, 0)


def test_no_job_rides_along_before_its_time(clock):
    """With a request for others that is made within the window, for which it would be early."""
    batch = Batch("/status?ids={job_ids}", limit=100, jobs="results", status="@", window=5.0)
    service = Service("acme", status="result", unknown_status="invalid", batch=batch)
    for least, together in ((0.0, [30, 60]), (30.0, []), (27.0, [30, 60])):
        with MockServer(clock=clock) as server:
            began = clock.monotonic()
            for job_id in ("early", "late"):
                server.job(job_id, duration=80)
            with client_of(
                service, server.url, clock, FixedInterval(30.0, jitter=0), min_interval=least
            ) as client:
                with clock.paused():
                    futures = [client.submit("early")]
                    clock.advance(3)
                    futures.append(client.submit("late"))
                assert {future.result(PATIENCE) for future in futures} == {"completed"}
            shared = [
                request.time - began for request in server.requests if len(request.job_ids) == 2
            ]
            assert shared[:2] == together


def test_what_the_service_wants_holds_where_the_user_says_nothing(provider, clock):
    """None is what it wants; any number takes its place, and 0 is no bound."""
    provider.tell('{"status": "pending"}')
    service = Service("acme", min_interval=30.0, max_wait_time=None, max_attempts=3)
    with serving(provider) as url:
        for given, seconds in ((None, 30), (0, 10), (20, 20), (45.5, 45.5)):
            with client_of(service, url, clock, lambda moment: 10.0, min_interval=given) as client:
                before = len(provider.times)
                assert client.get_status("job-1") == "timeout"
            first, second, third = provider.times[before:]
            assert (second - first, third - second) == (seconds, seconds)


def test_it_counts_in_the_pace_that_jobs_return_at_after_a_pause(server, make_client, clock):
    """A strategy that wants all of them every second is reckoned with as it is bounded."""
    for number in range(40):
        server.job(f"job-{number}", duration=0)
    server.job("job-0", duration=0, faults={1: Fault.http(429, {"Retry-After": "5"})})
    client = make_client(
        min_interval=10, strategy=lambda moment: 0.1, max_wait_time=100, max_concurrency=1
    )
    with clock.paused():
        futures = [client.submit(f"job-{number}") for number in range(40)]
    assert {future.result(PATIENCE) for future in futures} == {"completed"}
    returned = [when for when in times(server) if when > 0]
    assert returned[-1] - returned[0] > 5
