"""How a wait ends: completed, error, timeout, or an exception."""

import socket
import threading
from concurrent.futures import CancelledError

import pytest
from conftest import PATIENCE

from video_translation_client import PollError, RejectedError, Status
from video_translation_client.testing import Fault
from video_translation_client.testing.faults import QUICK_FAULTS


@pytest.mark.parametrize("outcome", ["completed", "error"])
@pytest.mark.parametrize("job_id", [None, "job-1"])
def test_the_result_is_what_the_service_says_of_the_job(server, make_client, outcome, job_id):
    """get_status returns its final word, for the unnamed job and for a named one."""
    server.job(job_id, duration=20, outcome=outcome)
    seen = []
    assert make_client().get_status(job_id, on_update=seen.append) == outcome
    assert seen == ["pending"] * 5 + [outcome]


def test_polls_come_at_once_and_then_after_waits_that_double(server, make_client):
    """The first poll waits for nothing; without jitter the moments are exact."""
    server.job(duration=20)
    make_client().get_status()
    assert [request.time for request in server.requests] == [0, 1, 3, 7, 15, 31]


def test_jitter_spreads_the_polls(server, make_client):
    """The random source that is passed in decides by how much."""
    server.job(duration=2)
    make_client(jitter=0.5, random=lambda: 0.5).get_status()
    assert [request.time for request in server.requests] == [0, 1.25, 3.5]


def test_a_strategy_of_ones_own_decides_the_waits(server, make_client):
    """It is given what is known: attempts, seconds, the latest report and chance."""
    known = []

    def strategy(moment):
        known.append(moment)
        return 10.0 * moment.attempt

    server.job(duration=40, progress=True)
    make_client(strategy=strategy, random=lambda: 0.25, max_wait_time=100).get_status()
    assert [request.time for request in server.requests] == [0, 10, 30, 60]
    assert known.pop(0).report is None  # what is reckoned with before the first answer
    assert [moment[:4] for moment in known] == [
        (1, 0, None, 100),
        (2, 10, None, 90),
        (3, 30, None, 70),
    ]
    assert [(moment.report.progress, moment.chance) for moment in known] == [
        (0, 0.25),
        (0.25, 0.25),
        (0.75, 0.25),
    ]


def test_spent_attempts_end_the_wait_as_timeout_and_say_how_to_wait_on(server, make_client):
    """The last attempt is asked and, as the job still runs, nothing is waited for after it."""
    server.job("job-1", duration=1000)
    future = make_client(max_attempts=4).submit("job-1")
    assert future.result(PATIENCE) == "timeout"
    assert (future.attempts, future.elapsed) == (4, 7)
    assert "still running after 4 polls in 7.0 s" in future.reason
    assert "max_attempts=4" in future.reason
    assert "submit the same job id again" in future.reason
    assert future.exception() is None


def test_the_last_poll_is_made_just_before_the_deadline(server, make_client):
    """A job that ends between the last wait and the deadline is still seen."""
    server.job("late", duration=59)
    server.job("later", duration=61)
    late, later = map(make_client().submit, ["late", "later"])
    assert late.result(PATIENCE) == "completed"
    assert later.result(PATIENCE) == "timeout"
    assert later.attempts == late.attempts == 7
    assert 59 < later.elapsed < 60
    assert "max_wait_time=60" in later.reason


def test_without_limits_a_wait_goes_on_until_the_job_ends(server, make_client):
    """None is no limit, neither of attempts nor of time."""
    server.job(duration=100_000)
    future = make_client(max_attempts=None, max_wait_time=None, max_interval=1000).submit()
    assert future.result(PATIENCE) == "completed"
    assert future.elapsed >= 100_000


def test_an_error_tells_the_reason_that_the_service_gave(server, make_client):
    """Or that it gave none."""
    server.job(
        "told", faults={1: Fault.http(200, body=b'{"result": "error", "error": "no sound"}')}
    )
    server.job("untold", duration=0, outcome="error")
    client = make_client()
    told, untold = client.submit("told"), client.submit("untold")
    assert (told.result(PATIENCE), told.reason) == ("error", "'no sound'")
    assert (told.report.error, told.report.state) == ("no sound", "error")
    assert (untold.result(PATIENCE), untold.report.error) == ("error", None)
    assert untold.reason == "the service reported 'error' and gave no reason"


def test_a_completed_wait_tells_what_it_took(server, make_client):
    """The last report, the attempts and the seconds; there is no reason to give."""
    server.job("job-1", duration=5, progress=True)
    future = make_client().submit("job-1")
    assert future.result(PATIENCE) == future.status == Status.COMPLETED
    assert (future.attempts, future.elapsed, future.reason) == (4, 7, None)
    assert future.last_error is None
    assert future.report.payload == {"result": "completed", "progress": 1.0}
    assert future.report.progress == 1.0


PASSING = [
    *QUICK_FAULTS,
    *(Fault.http(code) for code in [408, 425, 599, 304, 204]),
    Fault.http(200, body=b'{"result": ["completed"]}'),
    Fault.http(200, body=b'{"result": "timeout"}'),
    Fault.http(200, body=b""),
    Fault.http(200, body=b"\xff\xfe"),
    Fault.http(200, body=b"[" * 200_000),
    Fault.big(2),
    Fault.gzip_bomb(64),
    Fault.http(200, {"Content-Encoding": "gzip"}, body=b"no gzip"),
    Fault.http(200, {"Content-Encoding": "gzip, gzip"}, body=b""),
    Fault.http(200, {"Content-Encoding": "br"}, body=b""),
    Fault.http(200, [("Content-Length", "5"), ("Content-Length", "22")], body=b"{}"),
]


@pytest.mark.parametrize("fault", PASSING, ids=repr)
def test_a_poll_that_fails_in_passing_costs_an_attempt_and_the_wait_goes_on(
    server, make_client, fault
):
    """The reason stays in last_error, and the next poll finds the end."""
    server.job("job-1", duration=0, faults={1: fault})
    seen = []
    future = make_client().submit("job-1", on_update=seen.append)
    assert future.result(PATIENCE) == "completed"
    assert (future.attempts, future.elapsed, seen) == (2, 1, ["completed"])
    assert isinstance(future.last_error, PollError)
    assert future.last_error.job_id == "job-1"
    assert str(future.last_error).startswith("job 'job-1': ")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_json_is_read_in_the_encodings_that_it_comes_in(server, make_client, encoding):
    """With a byte order mark, too."""
    body = '{"result": "completed"}'.encode(encoding)
    server.job(faults={1: Fault.http(200, body=body)})
    assert make_client().get_status() == "completed"


def test_a_server_that_is_not_there_is_asked_until_the_limit(make_client):
    """A refused connection may be a restart."""
    future = make_client("http://127.0.0.1:1", max_attempts=3).submit()
    assert future.result(PATIENCE) == "timeout"
    assert "no status was received in 3 polls" in future.reason
    assert "Connection refused" in str(future.last_error)
    assert future.status == "timeout"


def test_a_silent_server_fails_the_poll_after_the_request_timeout(make_client):
    """A server that accepts connections and answers nothing is as good as none."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        future = make_client(url, request_timeout=0.05, max_attempts=2).submit()
        assert future.result(PATIENCE) == "timeout"
    assert "timed out" in str(future.last_error)


@pytest.mark.parametrize("code", [400, 401, 403, 404, 405, 410, 422, 451])
def test_a_request_that_can_never_succeed_ends_the_future_with_an_exception(
    server, make_client, code
):
    """Nobody polls a deleted job for days."""
    server.job("job-1", faults={2: Fault.http(code)})
    future = make_client().submit("job-1")
    with pytest.raises(RejectedError, match=f"job 'job-1': .*HTTP status {code}") as caught:
        future.result(PATIENCE)
    assert (caught.value.job_id, caught.value.status_code) == ("job-1", code)
    assert future.attempts == 2
    assert future.status == "rejected"
    assert f"HTTP status {code}" in future.reason


def test_get_status_raises_what_ended_the_wait(server, make_client):
    """The blocking call has the same ends as the future."""
    server.job(faults={1: Fault.http(401)})
    with pytest.raises(RejectedError, match="the job: .*401; check the credentials"):
        make_client().get_status()


# Between which moments the job itself has ended


def bounds(end):
    """What an end tells of the job's own."""
    return end.pending_until, end.ended_by


def test_the_end_of_a_job_lies_between_the_last_pending_answer_and_the_first_that_tells_it(
    server, make_client
):
    """In seconds since the submit; a job that had ended before it was asked for has no earliest."""
    server.job("slow", duration=5)
    server.job("quick", duration=0, outcome="error")
    slow, quick = map(make_client().submit, ["slow", "quick"])
    assert (slow.result(PATIENCE), bounds(slow.end)) == ("completed", (3, 7))
    assert (quick.result(PATIENCE), bounds(quick.end)) == ("error", (None, 0))


def test_a_wait_that_ends_before_its_job_tells_until_when_that_was_pending(
    server, make_client, clock
):
    """So do those that were cancelled, or given up; nobody knows when the job ends."""
    for job_id in ("out", "unloved", "left"):
        server.job(job_id, duration=1000)
    asked = threading.Event()
    client = make_client(max_attempts=3)
    with clock.paused():
        out = client.submit("out")
        unloved, left = (client.submit(job_id, lambda _: asked.set()) for job_id in ("b", "c"))
        assert asked.wait(PATIENCE)
        unloved.cancel()
    assert (out.result(PATIENCE), bounds(out.end)) == ("timeout", (3, None))
    assert bounds(unloved.end)[1] is None
    assert bounds(left._abandonment("default", "the test says so"))[1] is None


def test_a_job_that_was_never_seen_pending_has_no_bounds(server, make_client):
    """Failures tell nothing of it."""
    server.job("job-1", faults={1: Fault.http(500), 2: Fault.http(403)})
    future = make_client().submit("job-1")
    assert isinstance(future.exception(PATIENCE), RejectedError)
    assert bounds(future.end) == (None, None)


def test_what_a_cancelled_wait_has_been_told_of_its_job_is_in_its_end(server, make_client):
    """The callback that hears of the end may cancel, and the job has ended all the same."""
    server.job("job-1", duration=2)
    client = make_client()
    with client._clock.paused():
        future = client.submit("job-1", lambda status: status == "completed" and future.cancel())
    with pytest.raises(CancelledError):
        future.result(PATIENCE)
    assert bounds(future.end) == (1, 3)


def test_an_end_repeats_what_was_known_of_the_job_at_its_submit(server, make_client):
    """Its age, how long it was expected to take, and what kind it is; nothing else is made up."""
    server.job(None, duration=0)
    client = make_client()
    told = client.submit(age=3, expected=30.5, group="fast/de")
    untold = client.submit()
    assert told.result(PATIENCE) == untold.result(PATIENCE) == "completed"
    assert (told.end.age, told.end.expected, told.end.group) == (3, 30.5, "fast/de")
    assert (untold.end.age, untold.end.expected, untold.end.group) == (None, None, None)
