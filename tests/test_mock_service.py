"""The mock service as a WSGI app: what it answers, how its jobs go, what it records."""

from __future__ import annotations

import contextlib
import json
from typing import Any, Callable
from urllib.parse import unquote
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

from video_translation_client.testing import (
    Fault,
    JobScript,
    MockService,
    Poll,
    VirtualClock,
)
from video_translation_client.testing.faults import QUICK_FAULTS

pytestmark = pytest.mark.one_python


@pytest.fixture
def clock() -> VirtualClock:
    """One that only moves when a test says so: nobody waits on it here."""
    return VirtualClock()


def ask(app: Callable[..., Any], target: str, method: str = "GET", **environ: Any) -> Any:
    """Returns the HTTP status and the decoded body of an answer."""
    path, _, query = target.partition("?")
    environ = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(path, "latin-1"),
        "QUERY_STRING": query,
        **environ,
    }
    setup_testing_defaults(environ)
    started = []
    body = validator(app)(
        environ, lambda status, headers, _=None: started.append((status, headers))
    )
    try:
        text = b"".join(body)
    finally:
        body.close()
    ((status, headers),) = started
    assert int(dict(headers)["Content-Length"]) == len(text)
    return int(status[:3]), json.loads(text)


def status_of(app: MockService, target: str = "/status") -> str:
    """Returns the status word of a job."""
    code, answer = ask(app, target)
    assert code == 200
    return str(answer["result"])


def code_of(app: MockService, target: str) -> int:
    """Returns the HTTP status of an answer, whatever its body is."""
    path, _, query = target.partition("?")
    environ = {"PATH_INFO": path, "QUERY_STRING": query}
    setup_testing_defaults(environ)
    started: list[str] = []
    b"".join(app(environ, lambda status, *_: started.append(status)))
    return int(started[0][:3])


@pytest.mark.parametrize("outcome", ["completed", "error"])
@pytest.mark.parametrize("target", ["/status", "/status/job-1"])
def test_pending_then_outcome(clock: VirtualClock, target: str, outcome: str) -> None:
    """A job is pending until its duration has passed, and then has its outcome for good."""
    service = MockService(duration=5, outcome=outcome, clock=clock)
    assert ask(service, target) == (200, {"result": "pending"})
    clock.advance(4.9)
    assert ask(service, target) == (200, {"result": "pending"})
    clock.advance(0.1)
    assert ask(service, target) == (200, {"result": outcome})
    clock.advance(100)
    assert ask(service, target) == (200, {"result": outcome})


def test_clock_starts_when_first_seen(clock: VirtualClock) -> None:
    """Each job's duration is counted from the first poll of that job."""
    service = MockService(duration=5, clock=clock)
    clock.advance(10)
    assert status_of(service, "/status/a") == "pending"
    clock.advance(5)
    assert status_of(service, "/status/a") == "completed"
    assert status_of(service, "/status/b") == "pending"
    assert status_of(service) == "pending"


def test_real_clock_by_default() -> None:
    """Without a clock, durations are real seconds."""
    assert status_of(MockService(duration=0)) == "completed"
    assert status_of(MockService(duration=3600)) == "pending"


@pytest.mark.parametrize(
    "job_id",
    ["a/b", "?#&=", "é ü 日本", "a,b", "%2F", "/", "x" * 10_000],
    ids=lambda job_id: job_id[:9],
)
def test_any_job_id(job_id: str) -> None:
    """A job id is everything after /status/, decoded."""
    service = MockService()
    path = "/status/" + job_id
    raw = path.encode("utf-8").decode("latin-1")
    assert ask(service, "", PATH_INFO=raw) == (200, {"result": "pending"})
    assert service.requests[0].job_ids == (job_id,)
    assert service.requests[0].path == path


def test_batch(clock: VirtualClock) -> None:
    """Several jobs are asked for at once, and each is as it would be alone."""
    service = MockService(duration=5, clock=clock)
    service.job("b", duration=0, outcome="error")
    answer = {"results": {"a": "pending", "b": "error", "é": "pending"}}
    assert ask(service, "/status?ids=a%2Cb,%C3%A9&ids=a") == (200, answer)
    clock.advance(5)
    assert status_of(service, "/status/a") == "completed"
    assert [poll.number for poll in service.requests[-1].polls] == [2]


def test_other_query() -> None:
    """A query without ids asks for the unnamed job."""
    assert ask(MockService(), "/status?verbose=1") == (200, {"result": "pending"})


def test_progress(clock: VirtualClock) -> None:
    """The answer for a single job tells its progress where that is wanted."""
    service = MockService(duration=4, progress=True, clock=clock)
    service.job("silent", progress=False)
    assert ask(service, "/status/a") == (200, {"result": "pending", "progress": 0.0})
    clock.advance(1)
    assert ask(service, "/status/a") == (200, {"result": "pending", "progress": 0.25})
    assert ask(service, "/status?ids=a") == (200, {"results": {"a": "pending"}})
    clock.advance(4)
    assert ask(service, "/status/a") == (200, {"result": "completed", "progress": 1.0})
    assert ask(service, "/status/silent") == (200, {"result": "pending"})


def test_progress_of_job_without_duration() -> None:
    """A job that takes no time is all done."""
    service = MockService(duration=0, progress=True)
    assert ask(service, "/status") == (200, {"result": "completed", "progress": 1.0})


def test_strict() -> None:
    """A strict service does not know named jobs without a script; it always knows the unnamed."""
    service = MockService(strict=True, jobs={"a": JobScript()})
    service.job("b")
    assert ask(service, "/status/a")[0] == 200
    assert ask(service, "/status")[0] == 200
    code, answer = ask(service, "/status/c")
    assert code == 404
    assert "strict" in answer["error"]
    results = {"results": {"a": "pending", "b": "pending"}}
    assert ask(service, "/status?ids=a,c,b") == (200, results)
    assert [poll.job_id for poll in service.requests[-1].polls] == ["a", "b"]
    with pytest.raises(ValueError, match=r"job_id must be a scripted one \(strict=True\), not 'c'"):
        service.plan("c")


@pytest.mark.parametrize(
    ("target", "method", "code"),
    [
        ("/", "GET", 404),
        ("/statuses", "GET", 404),
        ("/other/status", "POST", 404),
        ("/status", "POST", 405),
        ("/status/a", "DELETE", 405),
        ("/status/", "GET", 400),
        ("/status?ids=", "GET", 400),
        ("/status?ids=a,,b", "GET", 400),
    ],
)
def test_refused(target: str, method: str, code: int) -> None:
    """What is no question about a job is refused, with the reason in a JSON body."""
    service = MockService()
    got, answer = ask(service, target, method)
    assert got == code
    assert list(answer) == ["error"]
    assert service.requests[0].code == code
    assert service.requests[0].polls == ()


def test_requests(clock: VirtualClock) -> None:
    """Every request is recorded in order of arrival, with all that it asked for and got."""
    service = MockService(duration=5, clock=clock)
    fault = Fault.http(503)
    service.job("a", faults={2: fault}, progress=True)
    ask(service, "/status/a?x=1", HTTP_X_API_KEY="secret")
    clock.advance(2.5)
    assert code_of(service, "/status/a") == 503
    ask(service, "/status?ids=b,c")
    first, second, third = service.requests
    assert (first.time, first.method, first.path, first.query) == (0, "GET", "/status/a", "x=1")
    assert first.headers["X-Api-Key"] == "secret"
    assert first.job_ids == ("a",)
    assert first.polls == (Poll("a", 1, "pending", 0.0, None),)
    assert (first.code, first.fault) == (200, None)
    assert second.time == 2.5
    assert second.polls == (Poll("a", 2, "pending", 0.5, fault),)
    assert (second.code, second.fault) == (200, fault)
    assert third.job_ids == ("b", "c")
    assert [poll.number for poll in third.polls] == [1, 1]


def test_requests_is_a_snapshot() -> None:
    """The list of requests is the caller's own, and may be bounded."""
    service = MockService(keep_requests=2)
    service.requests.append(None)
    assert service.requests == []
    for name in "abc":
        ask(service, f"/status/{name}")
    assert [request.job_ids for request in service.requests] == [("b",), ("c",)]


def test_jobs_without_a_script_are_forgotten_once_they_have_ended(clock: VirtualClock) -> None:
    """The one that ended first, where there are too many; never one that is scripted or runs."""
    service = MockService(duration=10, keep_jobs=2, clock=clock)
    service.job("scripted", duration=0)
    for name in ("scripted", "a", "b", "c", "d"):
        ask(service, f"/status/{name}")
    service.job("b", duration=0)
    ask(service, "/status/b")
    assert all(service.plan(name).first_seen is not None for name in "abcd")
    clock.advance(10)
    ask(service, "/status/a")
    assert service.plan("a").first_seen is not None
    ask(service, "/status/e")
    known = [name for name in "abcde" if service.plan(name).first_seen is not None]
    assert known == ["b", "d", "e"]
    assert service.plan("scripted").first_seen == clock.monotonic() - 10
    before = service.plan("a")
    ask(service, "/status/a")
    assert service.plan("a").duration == before.duration
    assert service.plan("a").first_seen == clock.monotonic()


def test_plan(clock: VirtualClock) -> None:
    """What a job will do can be asked without polling it, and when it ends once it was polled."""
    service = MockService(duration=(3, 6), error_rate=0.5, seed=7, clock=clock)
    before = service.plan("a")
    assert 3 <= before.duration <= 6
    assert (before.first_seen, before.ends_at) == (None, None)
    clock.advance(10)
    ask(service, "/status/a")
    after = service.plan("a")
    assert (after.duration, after.outcome) == (before.duration, before.outcome)
    assert after.first_seen == 10
    assert after.ends_at == 10 + before.duration
    clock.advance(before.duration)
    assert status_of(service, "/status/a") == before.outcome
    assert service.plan().job_id is None


def test_same_seed_same_jobs() -> None:
    """Chance depends on the seed, the job and the poll, not on the order of anything."""
    names = [f"job-{number}" for number in range(50)]
    one = MockService(duration=(0, 9), outcome="random", seed=1)
    two = MockService(duration=(0, 9), outcome="random", seed=1)
    other = MockService(duration=(0, 9), outcome="random", seed=2)
    plans = [one.plan(name) for name in names]
    assert plans == [two.plan(name) for name in reversed(names)][::-1]
    assert plans != [other.plan(name) for name in names]
    assert {plan.outcome for plan in plans} == {"completed", "error"}
    assert len({plan.duration for plan in plans}) == 50


def test_drawn_seed_can_be_used_again() -> None:
    """Without a seed one is drawn, and can be asked for."""
    one = MockService(duration=(0, 9))
    assert MockService(duration=(0, 9), seed=one.seed).plan("a") == one.plan("a")
    assert MockService().seed != one.seed


@pytest.mark.parametrize(("rate", "outcomes"), [(0, {"completed"}), (1, {"error"})])
def test_error_rate(rate: float, outcomes: set[str]) -> None:
    """An error rate alone makes the outcome random, with this chance of an error."""
    service = MockService(error_rate=rate)
    assert {service.plan(str(number)).outcome for number in range(20)} == outcomes


def test_script_overrides_settings() -> None:
    """What a script does not say is as for the other jobs; rate and outcome go together."""
    service = MockService(duration=3, error_rate=1.0, jobs={"a": JobScript(duration=8)})
    assert (service.plan("a").duration, service.plan("a").outcome) == (8, "error")
    assert service.job("b", outcome="completed").outcome == "completed"
    assert service.job("b", outcome="completed").duration == 3
    assert service.job("c", error_rate=0).outcome == "completed"


def test_script_again(clock: VirtualClock) -> None:
    """A job that gets a new script begins anew."""
    service = MockService(duration=0, clock=clock)
    assert status_of(service) == "completed"
    service.job(duration=5)
    assert status_of(service) == "pending"
    assert service.requests[-1].polls[0].number == 1


def test_scripted_faults() -> None:
    """A fault hits exactly the poll it was scripted for."""
    service = MockService()
    service.job("a", faults={1: Fault.http(503), 3: Fault.http(429)})
    assert [code_of(service, "/status/a") for _ in range(4)] == [503, 200, 429, 200]


def test_fault_of_one_job_hits_the_batch() -> None:
    """A batch meets the first fault that any of its jobs has in store."""
    service = MockService()
    service.job("b", faults={1: Fault.http(502)})
    service.job("c", faults={1: Fault.http(503)})
    assert code_of(service, "/status?ids=a,b,c") == 502
    assert service.requests[-1].fault == Fault.http(502)


def test_fault_rate() -> None:
    """With a fault rate, the same polls of the same job meet the same quick faults."""

    def faults(seed: int) -> list[Fault | None]:
        service = MockService(fault_rate=0.5, seed=seed)
        service.job("calm", fault_rate=0)
        drawn = []
        for _ in range(40):
            with contextlib.suppress(ConnectionError, RuntimeError):
                code_of(service, "/status/a")
            drawn.append(service.requests[-1].fault)
            assert code_of(service, "/status/calm") == 200
        return drawn

    first = faults(1)
    assert first == faults(1) != faults(2)
    assert None in first
    assert set(first) - {None} <= set(QUICK_FAULTS)
    assert 10 <= sum(fault is not None for fault in first) <= 30


def test_latency(clock: VirtualClock) -> None:
    """Every answer is late by the latency, and tells how things stood before it."""
    service = MockService(duration=1, latency=2, clock=clock)
    assert status_of(service) == "pending"
    assert clock.monotonic() == 2
    assert ask(service, "/nowhere")[0] == 404
    assert clock.monotonic() == 4
    assert [request.time for request in service.requests] == [0, 2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"duration": None}, "duration must be a number, 0 or more, not None"),
        ({"duration": -1}, "duration must be a number, 0 or more, not -1"),
        ({"duration": (1, 2, 3)}, r"duration must be seconds or a pair \(low, high\)"),
        ({"duration": (2, 1)}, r"duration must be a pair \(low, high\) in this order"),
        ({"duration": "5"}, "duration must be a number, 0 or more, not '5'"),
        ({"outcome": "done"}, "outcome must be one of .* not 'done'"),
        ({"error_rate": 2}, "error_rate must be a number from 0 to 1, not 2"),
        ({"error_rate": "1"}, "error_rate must be a number from 0 to 1, not '1'"),
        ({"fault_rate": float("nan")}, "fault_rate must be a number from 0 to 1, not nan"),
        ({"fault_rate": True}, "fault_rate must be a number from 0 to 1, not True"),
        ({"error_rate": 0.5, "outcome": "error"}, "error_rate must not be given with outcome="),
        ({"latency": -1}, "latency must be a number, 0 or more, not -1"),
        ({"progress": "yes"}, "progress must be True or False, not 'yes'"),
        ({"strict": 1}, "strict must be True or False, not 1"),
        ({"seed": "abc"}, "seed must be a whole number or None, not 'abc'"),
        ({"keep_requests": 0}, "keep_requests must be a whole number, 1 or more, not 0"),
        ({"keep_jobs": 0}, "keep_jobs must be a whole number, 1 or more, not 0"),
        ({"jobs": {"a": {}}}, "jobs must have a JobScript for job 'a', not {}"),
        ({"jobs": {"": JobScript()}}, "job_id must not be ''"),
    ],
)
def test_bad_settings(arguments: Any, message: str) -> None:
    """A setting that makes no sense is refused at once, by name."""
    with pytest.raises((TypeError, ValueError), match=message):
        MockService(**arguments)


@pytest.mark.parametrize(
    ("seconds", "error"), [(-1, ValueError), (float("inf"), ValueError), (None, TypeError)]
)
def test_bad_result_after(seconds: Any, error: type[Exception]) -> None:
    """A result that comes before the end, or never, can't be scripted."""
    with pytest.raises(error, match="^result_after must be a number, 0 or more, not "):
        MockService().job("a", result_after=seconds)


def test_result_after_changes_nothing_without_a_result() -> None:
    """The default service has no result that could be late."""
    service = MockService(duration=0)
    service.job("a", result_after=60)
    assert ask(service, "/status/a") == (200, {"result": "completed"})


@pytest.mark.parametrize(
    ("faults", "message"),
    [
        ([Fault.drop()], "faults must map poll numbers to faults, not"),
        ({0: Fault.drop()}, "the poll number in faults must be a whole number, 1 or more, not 0"),
        ({1: 503}, "faults must have a Fault for poll 1, not 503"),
    ],
)
def test_bad_faults(faults: Any, message: str) -> None:
    """Faults that could never be met are refused when they are scripted."""
    with pytest.raises((TypeError, ValueError), match=message):
        MockService().job("a", faults=faults)


def test_a_seed_means_the_same_on_every_python() -> None:
    """For every job id, also one that only a newer Python knows how to print."""
    service = MockService(seed=7, duration=(1, 9), error_rate=0.4)
    plans = [service.plan(job_id) for job_id in ("job-1", "\U0001fae8")]
    assert [(round(plan.duration, 6), plan.outcome) for plan in plans] == [
        (6.61455, "completed"),
        (1.103237, "error"),
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [("jobs", ["a"]), ("clock", 3), ("fault_rate", None), ("progress", None)],
)
def test_a_setting_of_the_wrong_kind_is_refused_by_name(name: str, value: Any) -> None:
    """When the service is made."""
    with pytest.raises(TypeError, match=f"^{name} must be "):
        MockService(**{name: value})
