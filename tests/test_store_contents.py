"""What is in a store: all of a wait that its end and its going on depend on, and no secret."""

import contextlib
import json
from dataclasses import replace

import pytest
import requests
from conftest import PATIENCE, SECRETS, serving

from video_translation_client import (
    Clock,
    JobNotFoundError,
    RejectedError,
    VideoTranslationClient,
)
from video_translation_client.store import Store
from video_translation_client.testing import Fault, MockServer, VirtualClock


class Shifted(Clock):
    """The real clock, but for a date that somebody has set."""

    def __init__(self, shift):
        self._shift = shift

    def time(self):
        """The seconds since the epoch, wrong."""
        return super().time() + self._shift


@pytest.fixture
def server():
    """A mock server in real time."""
    with MockServer() as server:
        yield server


@pytest.fixture
def left(make):
    """Submits a job, and leaves its wait after an answer, as the end of the process would."""

    def left(**terms):
        client = make(initial_wait_time=30, account=terms.pop("account", None))
        future = client.submit("job-1", **terms)
        while future.next_poll is None:
            pass
        client.shutdown(cancel_futures=True)
        return future

    return left


def answering(*bodies, code=200, headers=()):
    """A service that gives these answers, the last one again and again."""
    told = list(bodies)

    def app(environ, start_response):
        body = told.pop(0) if len(told) > 1 else told[0]
        start_response(f"{code} Said", [("Content-Type", "application/json"), *headers])
        return [body if isinstance(body, bytes) else json.dumps(body).encode()]

    return serving(app)


def only(waits):
    """The one wait, or the one future, that there is."""
    (one,) = waits.values() if isinstance(waits, dict) else waits
    return one


# Secrets


@pytest.mark.parametrize(
    "fault", [None, Fault.http(500), Fault.http(401), Fault.not_json()], ids=str
)
@pytest.mark.parametrize("secret", SECRETS)
def test_no_secret_is_in_the_file(make, server, path, secret, fault):
    """Nor in what SQLite keeps beside it, whatever was answered."""
    server.job("job-1", duration=1000, faults={} if fault is None else {1: fault})
    settings = dict(SECRETS[secret])
    with requests.Session() as session:
        session.headers.update(settings.pop("headers", {}))
        session.auth = settings.pop("auth", None)
        session.cookies.update(settings.pop("cookies", {}))
        url = server.url.replace("//", "//" + settings.pop("user", ""))
        client = make(url, session=session, **settings)
        future = client.submit("job-1")
        while not future.attempts or (future.next_poll is None and not future.done()):
            pass
        client.shutdown(cancel_futures=True)
    assert "hush" in repr(server.requests[0].headers) or "aHVzaC11" in repr(server.requests)
    assert [wait.job_id for wait in Store(path).waits()] == ["job-1"]
    assert_no_secret(path)


def assert_no_secret(path):
    """No file holds one."""
    content = b""
    for file in path.parent.iterdir():
        with contextlib.suppress(FileNotFoundError):  # whoever closes the file removes some
            content += file.read_bytes()
    assert b"job-1" in content
    assert b"hush" not in content.lower()
    assert b"aHVzaC11" not in content


@pytest.mark.parametrize(
    ("code", "body"),
    [
        (400, "Bearer {}"),
        (500, "{}"),
        (200, '{{"result": "{}"}}'),
        (200, '{{"result": "error", "error": "key {} is bad", "error_code": "{}"}}'),
        (404, '{{"error": "{}"}}'),
    ],
)
def test_a_key_that_an_answer_repeats_is_not_in_the_file(make, path, code, body):
    """Some services put what was sent into what went wrong."""
    text = body.format("Hush-Key-1", "Hush-Key-1").encode()
    with answering(text, code=code) as url:
        client = make(url, api_key="Hush-Key-1")
        future = client.submit("job-1", max_attempts=2)
        while not future.done():
            pass
        client.shutdown()
    assert same(only(Store(path).waits()).end, future.end)
    assert_no_secret(path)


# Job ids


ODD = {
    "null": "a\0b",
    "emoji": "\N{MOVIE CAMERA}",
    "long": "x" * 10_000,
    "sql": "'; DROP TABLE waits; --",
    "slashes": "a/b?c#d%2F",
    "spaces": " \n\t ",
    "combining": "e\u0301",
    "a path's dots": "...",
    "none": None,
}


@pytest.mark.parametrize("name", ODD)
def test_any_job_id_goes_through_the_file(make, server, path, name):
    """As the service has it, and no other."""
    job_id = ODD[name]
    client = make(max_rate=0.01)
    client.submit("first")  # so that the other is not asked for
    client.submit(job_id)
    client.shutdown(cancel_futures=True)
    waits = Store(path).waits()
    assert {wait.job_id for wait in waits} == {"first", job_id}
    resumed = make(initial_wait_time=30).resume()
    assert set(resumed) == {"first", job_id}
    assert resumed[job_id].job_id == job_id
    resumed[job_id].cancel()
    assert {wait.job_id for wait in Store(path).waits()} <= {"first", job_id}


def test_ids_that_look_alike_are_two(make, path):
    """Accents in one piece or in two, and letters of either case."""
    ids = ["\u00e9", "e\u0301", "a", "A", "a ", "1", "01", "1.0"]
    client = make(max_rate=0.01)
    client.submit_all(ids)
    client.shutdown(cancel_futures=True)
    assert sorted(make(max_rate=0.01).resume()) == sorted(ids)


# Ends


def same(end, other):
    """Whether two ends say the same."""

    def plain(error):
        return error and (type(error), error.args)

    report = other.report
    if report is not None and report.status != "completed":  # a payload may hold a secret
        report = replace(report, payload=None)
    others = {"error": end.error, "last_error": end.last_error, "report": report}
    return (
        vars(end) == {**vars(other), **others}
        and plain(end.error) == plain(other.error)
        and plain(end.last_error) == plain(other.last_error)
    )


ENDS = {
    "completed": ([{"result": "pending"}, {"result": "completed", "url": "http://x/y?z"}], {}, {}),
    "error": ([{"result": "error", "error": "no voice", "error_code": "E7"}], {}, {}),
    "max_attempts": ([{"result": "pending"}], {"max_attempts": 2}, {}),
    "max_wait_time": ([{"result": "pending"}], {"max_wait_time": 0.2}, {}),
    "failed": ([b"<html>"], {"max_attempts": 2}, {}),
    "retry_after": ([{}], {}, {"code": 429, "headers": [("Retry-After", "1000")]}),
    "rejected": ([{}], {}, {"code": 401}),
    "unknown": ([{}], {}, {"code": 404}),
}


@pytest.mark.parametrize("name", ENDS)
def test_every_kind_of_end_comes_back_as_it_was(make, path, name):
    """With its error, its answer, and what was known of the job; at once, without a poll."""
    bodies, terms, said = ENDS[name]
    expected = max(terms.get("max_wait_time", 60) / 10, 0.01)
    hints = {"age": 0.0, "expected": expected, "group": "fast/\N{MOVIE CAMERA}"}
    with answering(*bodies, **said) as url:
        client = make(url, max_wait_time=terms.get("max_wait_time", 60))
        future = client.submit("job-1", max_attempts=terms.get("max_attempts", 1000), **hints)
        while not future.done():
            pass
        client.shutdown()
    if future.status == "timeout":
        assert name in (future.end.limit, "failed")
    stored = only(Store(path).waits())
    assert same(stored.end, future.end)
    assert stored.report == stored.end.report
    assert (stored.next_poll, stored.is_waited_for) == (None, False)
    assert (stored.attempts, stored.elapsed) == (future.attempts, future.elapsed)
    resumed = only(make(url).resume())
    assert resumed.done()
    assert same(resumed.end, future.end)
    assert (resumed.status, resumed.reason) == (future.status, future.reason)
    assert (resumed.attempts, resumed.elapsed) == (future.attempts, future.elapsed)
    assert resumed.report == resumed.end.report
    error = resumed.exception(0)
    assert type(error) is type(future.end.error)
    assert (name == "unknown") == isinstance(error, JobNotFoundError)
    assert (name in ("rejected", "unknown")) == isinstance(error, RejectedError)


PAYLOADS = {
    "odd numbers": b"[1e400, -1e400, NaN, 1e-320, 123456789012345678901234567890, -0.0]",
    "text": json.dumps(["\0", "\ud800", "\N{MOVIE CAMERA}", "'\"\\", ""]).encode(),
    "an object": b'{"status": 1, "state": null, "": {"payload": [true, false, null]}}',
    "deep": b"[" * 400 + b"]" * 400,
    "deeper": b"[" * 900 + b"]" * 900,
    "large": json.dumps(["x" * 900_000]).encode(),
}


@pytest.mark.parametrize("name", PAYLOADS)
def test_an_odd_answer_goes_through_the_file(make, path, name):
    """Or what of it can be kept does, and the end is no other."""
    body = b'{"result": "completed", "url": "u", "more": ' + PAYLOADS[name] + b"}"
    with answering(body) as url:
        client = make(url, max_payload=2**20)
        future = client.submit("job-1")
        while not future.done():
            pass
        client.shutdown()
    assert future.status == "completed"
    assert repr(only(Store(path).waits()).report.payload) == repr(future.report.payload)
    resumed = only(make(url).resume())
    assert repr(resumed.report.payload) == repr(future.report.payload)
    assert resumed.result(0) == "completed"


def test_a_poll_that_is_asked_for_after_the_end_is_none(make, server):
    """Nobody waits for the job any more."""
    server.job("job-1", duration=0)
    future = make().submit("job-1")
    assert future.result(PATIENCE) == "completed"
    before = len(server.requests)
    future.poll_now()
    assert (len(server.requests), future.attempts) == (before, before)


# What is known of a job, and its time


def test_hints_and_limits_are_kept(left, make, path):
    """Those of the job, not those of the client that resumes it."""
    limits = {"max_attempts": 32100, "max_wait_time": 1500.5}
    future = left(age=12.5, expected=100, group="a group", **limits)
    resumed = only(make(max_wait_time=1).resume())
    assert resumed.hints == future.hints == (12.5, 100, "a group")
    resumed.cancel()
    assert resumed.limits == (32100, 1500.5)


def test_limits_that_are_none_stay_none(left, make):
    """A wait without an end has none after a restart."""
    left(max_attempts=None, max_wait_time=None)
    resumed = only(make(max_wait_time=1, clock=Shifted(10**6)).resume())
    resumed.poll_now()
    assert resumed.limits == (None, None)
    assert not resumed.done()


def test_attempts_go_on_and_a_limit_of_them_holds(left, make, server):
    """Polls there and polls here are reckoned together."""
    server.job("job-1", duration=1000)
    future = left(max_attempts=4)
    resumed = only(make(clock=Shifted(31)).resume())
    assert resumed.result(PATIENCE) == "timeout"
    assert resumed.attempts == 4 > future.attempts
    assert resumed.end.limit == "max_attempts"


def test_the_next_poll_comes_when_it_would_have_come(left, make):
    """A restart is no reason to ask, and puts nothing off."""
    left()
    resumed = only(make().resume())
    while resumed.next_poll is None:
        pass
    assert 20 < resumed.next_poll <= 30
    assert resumed.report.status == "pending"


def test_a_poll_that_was_due_meanwhile_comes_at_once(left, make, server):
    """And one only."""
    future = left(max_wait_time=None)
    before = len(server.requests)
    resumed = only(make(clock=Shifted(1000), initial_wait_time=30).resume())
    while resumed.next_poll is None:
        pass
    assert resumed.attempts == future.attempts + 1
    assert len(server.requests) == before + 1
    assert resumed.elapsed > 1000


@pytest.mark.parametrize("shift", [-(10**9), -100, 0, 100])
def test_no_clock_that_is_set_lengthens_a_wait(left, make, shift):
    """What is left of it is never more than it was; set forth, it may be less."""
    future = left(max_wait_time=500)
    resumed = only(make(clock=Shifted(shift)).resume())
    assert future.elapsed <= resumed.elapsed
    assert resumed.elapsed >= max(0, shift)
    assert resumed.next_poll is None or resumed.next_poll <= 30
    resumed.cancel()


def test_a_clock_that_is_set_back_and_forth_lengthens_no_wait(make, server, path):
    """However often, with a process for each."""
    server.job("job-1", duration=1000)
    client = make(initial_wait_time=30)
    elapsed, future = [], client.submit("job-1", max_wait_time=500)
    for shift in (0, -5000, 100, -5000, 50, -(10**9)):
        client.shutdown(cancel_futures=True)
        elapsed.append(future.elapsed)
        client = make(initial_wait_time=30, clock=Shifted(shift))
        future = only(client.resume())
    assert elapsed == sorted(elapsed)
    assert elapsed[-1] > 100


LAST = {"pending": {}, "down": {1: Fault.http(503)}}


@pytest.mark.parametrize("answer", LAST)
def test_a_wait_whose_time_is_over_gets_one_last_poll(left, make, server, answer):
    """Then it ends as it would have."""
    left(max_wait_time=500)
    before = len(server.requests)
    server.job("job-1", duration=1000, faults=LAST[answer])
    resumed = only(make(clock=Shifted(600)).resume())
    assert resumed.result(PATIENCE) == "timeout"
    assert (resumed.end.limit, resumed.end.limit_value) == ("max_wait_time", 500)
    assert len(server.requests) == before + 1
    assert resumed.elapsed > 600


def test_a_job_that_has_ended_before_its_last_poll_has_not_timed_out(left, make, server):
    """The last poll is there for it."""
    server.job("job-1", duration=1000)
    left(max_wait_time=500)
    server.job("job-1", duration=0)
    resumed = only(make(clock=Shifted(600)).resume())
    assert resumed.result(PATIENCE) == "completed"


def test_a_last_poll_that_is_not_answered_ends_in_time(left, make, server):
    """After a ``request_timeout``, the wait is over."""
    server.job("job-1", duration=1000)
    left(max_wait_time=500)
    server.job("job-1", duration=1000, faults={1: Fault.slow(1000)})
    resumed = only(make(clock=Shifted(600), request_timeout=0.3).resume())
    assert resumed.result(PATIENCE) == "timeout"
    assert resumed.elapsed < 600 + PATIENCE


def test_a_store_works_on_the_virtual_clock(path):
    """A wait of hours with three clients, one after the other, takes no time."""
    clock = VirtualClock()
    arguments = {"store": path, "clock": clock, "jitter": 0, "max_attempts": None}
    with MockServer(clock=clock) as server:
        server.job("job-1", duration=3 * 3600)
        with clock.paused():
            client = VideoTranslationClient(server.url, max_wait_time=4 * 3600, **arguments)
            future = client.submit("job-1")
            clock.advance(3600)
            client.shutdown(cancel_futures=True)
            attempts, elapsed = future.attempts, future.elapsed
            clock.advance(1800)
            client = VideoTranslationClient(server.url, **arguments)
            future = only(client.resume())
            clock.advance(1)
            assert future.attempts == attempts + 1
            assert (elapsed, future.elapsed) == (3600, 5401)
            clock.advance(3 * 3600)
        assert future.result(PATIENCE) == "completed"
        assert 3 * 3600 <= future.elapsed < 3 * 3600 + 60
        client.shutdown()
    assert Store(path).waits() == []


def test_a_failure_in_passing_is_kept(left, make, server, path):
    """With its HTTP status."""
    server.job("job-1", duration=1000, faults={1: Fault.http(503)})
    client = make(initial_wait_time=30)
    future = client.submit("job-1")
    while future.last_error is None:
        pass
    client.shutdown(cancel_futures=True)
    assert only(Store(path).waits()).last_error == "HTTP status 503"
    resumed = only(make(initial_wait_time=30).resume())
    assert (resumed.last_error.reason, resumed.last_error.status_code) == ("HTTP status 503", 503)


def test_what_goes_on_is_told_as_it_stands(left, path, server):
    """With the time until its next poll, by now."""
    future = left(account="team")
    wait = only(Store(path).waits())
    assert wait[:4] == ("default", server.url, "team", "job-1")
    assert wait.submitted_at == future.submitted_at
    assert wait.attempts == future.attempts
    assert wait.elapsed >= future.elapsed
    assert 0 < wait.next_poll <= 30
    assert wait.report.status == "pending"
    assert (wait.last_error, wait.end, wait.is_waited_for) == (None, None, False)
