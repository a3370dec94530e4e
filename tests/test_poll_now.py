"""``client.poll_now``: a job is asked for as soon as may be, at no cost to who waits for it."""

from __future__ import annotations

import pytest

from video_translation_client.testing import Fault

FOREVER = {"max_wait_time": 1000, "max_attempts": None, "initial_wait_time": 8, "backoff_factor": 1}


def times(server):
    """Returns when the server was asked, by its clock."""
    return [request.time for request in server.requests]


def test_the_job_is_asked_for_at_once_and_the_other_polls_stay_where_they_were(
    server, make_client, clock
):
    """One that a stranger causes must not put off the others."""
    server.job("job-1", duration=1000)
    client = make_client(**FOREVER)
    with clock.paused():
        client.submit("job-1")
        clock.advance(3)
        client.poll_now("job-1")
        clock.advance(20)
    assert times(server) == [0, 3, 8, 16]


def test_ten_calls_do_not_end_a_wait(server, make_client, clock):
    """They cost no attempt, and are no more than one a second."""
    server.job("job-1", duration=20)
    client = make_client(**{**FOREVER, "max_attempts": 4, "max_wait_time": 30})
    with clock.paused():
        future = client.submit("job-1")
        clock.advance(2)
        for _ in range(10):
            client.poll_now("job-1")
            clock.advance(0.25)
        assert future.attempts == 1
        clock.advance(20)
    assert future.result(0) == "completed"
    assert times(server) == [0, 2, 3, 4, 5, 8, 16, 24]
    assert future.attempts == 4


def test_a_call_just_before_a_poll_adds_none(server, make_client, clock):
    """The poll that is to come within the second tells as much."""
    server.job("job-1", duration=1000)
    client = make_client(**FOREVER)
    with clock.paused():
        client.submit("job-1")
        clock.advance(7.3)
        client.poll_now("job-1")
        clock.advance(0.3)
        client.poll_now("job-1")
        clock.advance(1)
    assert times(server) == [0, 7.3, 8]


def test_a_call_during_a_poll_has_another_follow_a_second_after_that_began(
    server, make_client, clock
):
    """The answer under way may be older than what the caller knows."""
    server.job("job-1", duration=1000, faults={2: Fault.slow(2)})
    client = make_client(**FOREVER)
    with clock.paused():
        client.submit("job-1")
        clock.advance(1)
        client.poll_now("job-1")
        clock.advance(0.5)
        client.poll_now("job-1")
        client.poll_now("job-1")
        clock.advance(2)
        client.poll_now("job-1")
        clock.advance(20)
    assert times(server) == [0, 1, 3, 4, 8, 16]


def test_one_of_which_the_next_poll_is_near_gets_no_other(server, make_client, clock):
    """Also where the call comes while a poll is under way that is followed soon."""
    server.job("job-1", duration=1000, faults={2: Fault.slow(0.2)})
    client = make_client(**{**FOREVER, "initial_wait_time": 0.5})
    with clock.paused():
        client.submit("job-1")
        clock.advance(0.1)
        client.poll_now("job-1")
        clock.advance(0.1)
        client.poll_now("job-1")
        clock.advance(1)
    assert times(server) == [0, 0.1, 0.5, 1.0]


def test_every_wait_for_the_job_hears_of_it(server, make_client, clock):
    """Each has polls of its own."""
    server.job("job-1", duration=2)
    server.job("job-2", duration=2)
    client = make_client(**FOREVER)
    with clock.paused():
        first, second, other = (client.submit(job) for job in ("job-1", "job-1", "job-2"))
        clock.advance(3)
        client.poll_now("job-1")
        clock.advance(0)
        assert first.done()
        assert second.done()
        assert not other.done()


def test_the_unnamed_job_is_asked_for_without_an_id(server, make_client, clock):
    """As everywhere, None is its id."""
    server.job(duration=2)
    client = make_client(**FOREVER)
    with clock.paused():
        future = client.submit()
        clock.advance(3)
        client.poll_now()
        clock.advance(0)
        assert future.result(0) == "completed"


def test_a_job_that_is_not_waited_for_is_not_asked_for(server, make_client):
    """Nor is it an error, before the first submit, after the end, or after shutdown."""
    server.job("job-1", duration=0)
    client = make_client()
    client.poll_now("job-1")
    client.get_status("job-1")
    client.poll_now("job-1")
    client.poll_now("job-2")
    client.shutdown()
    client.poll_now("job-1")
    assert len(server.requests) == 1


def test_what_is_no_job_id_is_refused(make_client):
    """At the call, with what would be right."""
    with pytest.raises(TypeError, match="job_id must be a str"):
        make_client().poll_now(5)


def test_a_service_that_asks_to_wait_is_not_asked_earlier_for_a_poll_put_off(
    server, make_client, clock
):
    """The poll that a call has caused is answered with Retry-After, which holds for the next."""
    server.job("job-1", duration=1000, faults={2: Fault.http(503, {"Retry-After": "30"})})
    client = make_client(**FOREVER)
    with clock.paused():
        client.submit("job-1")
        clock.advance(3)
        client.poll_now("job-1")
        clock.advance(35)
    assert times(server) == [0, 3, 33]
