"""Many jobs in one request: which are asked together, and what their answers come to."""

import collections
import contextlib
import itertools
import json
import logging
import threading
from urllib.parse import parse_qs

import pytest
from conftest import PATIENCE, serving

from video_translation_client import (
    Batch,
    JobNotFoundError,
    PollError,
    RejectedError,
    Service,
    VideoTranslationClient,
    Words,
)
from video_translation_client.testing import Fault, MockServer

pytestmark = pytest.mark.one_python


@pytest.fixture
def heygen(clock):
    """HeyGen's language on the virtual clock."""
    with MockServer(service="heygen", clock=clock, seed=1) as server:
        yield server


@pytest.fixture
def make_client(clock):
    """Makes clients on the virtual clock."""
    clients = []

    def make(url, **arguments):
        arguments = {"service": "heygen", "api_key": "key", "clock": clock, **arguments}
        clients.append(VideoTranslationClient(url, **arguments))
        return clients[-1]

    yield make
    for client in clients:
        client.shutdown(cancel_futures=True)


def submit(client, clock, *job_ids):
    """Submits jobs at one moment."""
    with clock.paused():
        return [client.submit(job_id) for job_id in job_ids]


def names(count):
    """The names of so many jobs."""
    return [f"job-{number}" for number in range(count)]


class Scripted:
    """A service with a batch of its own, which answers as a function says."""

    service = Service(
        "scripted",
        path="/jobs/{job_id}",
        result="url",
        failure="failure",
        failure_code="code",
        batch=Batch("/jobs?ids={job_ids}", limit=3, jobs="jobs", window=0, next_cursor="next"),
    )

    def __init__(self, answer):
        self.asked = []
        self.first_came, self.all_submitted = threading.Event(), threading.Event()
        self._answer = answer

    def __call__(self, environ, start_response):
        path, query = environ["PATH_INFO"], parse_qs(environ["QUERY_STRING"])
        asked = path.split("/")[2] if path != "/jobs" else query
        if asked == "first":
            self.first_came.set()
            assert self.all_submitted.wait(PATIENCE)
            code, body, headers = 200, {"status": "completed", "url": "u"}, {}
        else:
            self.asked.append(asked)
            code, body, headers = (*self._answer(asked), {})[:3]
        headers = {"Content-Type": "application/json", **headers}
        start_response(f"{code} Scripted", list(headers.items()))
        return [body if isinstance(body, bytes) else json.dumps(body).encode()]

    def batches(self):
        """The queries of the requests for many."""
        return [asked for asked in self.asked if isinstance(asked, dict)]


def many(status="completed"):
    """An answer for many jobs that has one status for all of them, and one for each by itself."""

    def answer(asked):
        if not isinstance(asked, dict):
            return 200, {"status": "completed", "url": "u"}
        ids = asked["ids"][0].split(",")
        return 200, {"jobs": [{"id": job_id, "status": status} for job_id in ids]}

    return answer


@pytest.fixture
def ask_together(make_client, clock):
    """Submits jobs to a scripted service so that as many as possible are asked together."""
    with contextlib.ExitStack() as cleanup:

        def ask(app, *job_ids, on_updates=(), **arguments):
            url = cleanup.enter_context(serving(app))
            arguments = {"service": Scripted.service, "max_concurrency": 1, **arguments}
            client = make_client(url, **arguments)
            cleanup.callback(client.shutdown, cancel_futures=True)
            # They gather behind a request that takes its time.
            with clock.paused():
                client.submit("first")
                assert app.first_came.wait(PATIENCE)
                futures = [
                    client.submit(job_id, on_update)
                    for job_id, on_update in itertools.zip_longest(job_ids, on_updates)
                ]
                app.all_submitted.set()
            return futures

        yield ask


def test_a_hundred_heygen_jobs_are_asked_for_in_one_request(heygen, make_client, clock):
    """And a thousand in ten, again and again until they end."""
    heygen_jobs = names(1000)
    for job_id in heygen_jobs:
        heygen.job(job_id, duration=200)
    futures = submit(make_client(heygen.url, random=lambda: 0.0), clock, *heygen_jobs)
    assert [future.result(PATIENCE) for future in futures] == ["completed"] * 1000
    rounds = collections.defaultdict(list)
    for request in heygen.requests:
        rounds[request.time].append(len(request.job_ids))
    # In the first round some requests start before all jobs have been submitted.
    assert sum(rounds.pop(0)) == 1000
    assert sorted(rounds.pop(240)) == [1] * 1000 + [100] * 10
    assert rounds == {time: [100] * 10 for time in (30, 60, 90, 120, 150, 180)}
    assert {future.elapsed for future in futures} == {240}


def test_the_end_is_read_with_the_request_that_carries_the_result(heygen, make_client, clock):
    """At once, and without another attempt; the batch's own answer has no result."""
    for job_id in ("good", "bad"):
        heygen.job(job_id, duration=45, outcome="completed" if job_id == "good" else "error")
    updates = []
    client = make_client(heygen.url, random=lambda: 0.0)
    with clock.paused():
        good = client.submit("good", on_update=lambda status: updates.append(str(status)))
        bad = client.submit("bad")
    assert (good.result(PATIENCE), bad.result(PATIENCE)) == ("completed", "error")
    assert good.report.result.startswith("http")
    assert bad.report.error
    assert bad.report.payload["data"]["failure_message"] == bad.report.error
    assert good.elapsed == bad.elapsed == 60
    assert good.attempts == bad.attempts == 3
    assert updates == ["pending", "pending", "completed"]


@pytest.mark.parametrize(
    ("limit", "result"), [(None, "completed"), (64, "completed"), (40, "timeout")]
)
def test_a_job_alone_is_asked_for_by_itself(heygen, make_client, limit, result):
    """One request tells it all; also just before the deadline."""
    heygen.job("job-1", duration=45)
    future = make_client(heygen.url, max_wait_time=limit).submit("job-1")
    assert future.result(PATIENCE) == result
    assert {request.path for request in heygen.requests} == {"/v3/video-translations/job-1"}
    assert len(heygen.requests) == future.attempts == 3


def test_batches_can_be_turned_off(heygen, make_client, clock):
    """Each job is then asked for by itself."""
    for job_id in names(5):
        heygen.job(job_id, duration=45)
    for future in submit(make_client(heygen.url, batch=False), clock, *names(5)):
        assert future.result(PATIENCE) == "completed"
    assert {len(request.job_ids) for request in heygen.requests} == {1}


def test_the_default_service_has_batches_only_when_asked_for(make_client, clock):
    """As the contract of ``GET /status`` does not have them."""
    for batch, most in ((None, 1), (True, 8)):
        with MockServer(clock=clock, duration=3) as server:
            client = make_client(server.url, service=None, api_key=None, batch=batch)
            for future in submit(client, clock, *names(8)):
                assert future.result(PATIENCE) == "completed"
            sizes = {len(request.job_ids) for request in server.requests}
            assert max(sizes) == most or (most > 1 and max(sizes) > 4)
            assert (max(sizes) == 1) is (most == 1)


@pytest.mark.parametrize(
    ("batch", "problem"), [(True, "has no such request"), ("yes", "True, Fal")]
)
def test_a_batch_that_there_is_not_is_refused(make_client, batch, problem):
    """When the client is made."""
    with pytest.raises((TypeError, ValueError), match=f"^batch must .*{problem}"):
        make_client(None, service="vozo", batch=batch)


def test_what_is_due_soon_is_asked_with_what_is_due(heygen, make_client, clock):
    """Within five seconds; from then on the two stay together."""
    for job_id in ("early", "late"):
        heygen.job(job_id, duration=100)
    client = make_client(heygen.url, random=lambda: 0.0, min_interval=0)
    with clock.paused():
        early = client.submit("early")
        clock.advance(4)
        late = client.submit("late")
    assert (early.result(PATIENCE), late.result(PATIENCE)) == ("completed", "completed")
    together = [request.time for request in heygen.requests if len(request.job_ids) == 2]
    assert together[:3] == [30, 60, 90]


def test_what_is_due_later_is_not(heygen, make_client, clock):
    """Six seconds are more than the window."""
    for job_id in ("early", "late"):
        heygen.job(job_id, duration=50)
    client = make_client(heygen.url, random=lambda: 0.0)
    with clock.paused():
        early = client.submit("early")
        clock.advance(6)
        late = client.submit("late")
    assert (early.result(PATIENCE), late.result(PATIENCE)) == ("completed", "completed")
    assert {len(request.job_ids) for request in heygen.requests} == {1}


def test_a_job_that_the_service_wants_left_alone_is_not_asked_early(ask_together):
    """A Retry-After holds, whatever else is due within the window."""
    service = Scripted(many("pending"))

    def app(environ, start_response):
        held = environ["QUERY_STRING"] == "ids=a,b"

        def start(status, headers):
            return start_response(status, headers + [("Retry-After", "20")] * held)

        return service(environ, start)

    app.first_came, app.all_submitted = service.first_came, service.all_submitted
    batch = Batch("/jobs?ids={job_ids}", limit=2, jobs="jobs", window=60)
    preset = Service(**{**vars(Scripted.service), "batch": batch})
    a, b, c, d = ask_together(
        app, *"abcd", service=preset, strategy=lambda *known: 10.0, max_wait_time=19
    )
    assert [future.result(PATIENCE) for future in (a, b, c, d)] == ["timeout"] * 4
    assert [query["ids"][0] for query in service.batches()] == ["a,b", "c,d", "c,d", "c,d"]


def test_a_job_that_the_answer_leaves_out_stays_pending(ask_together):
    """It is asked for by itself next, which tells what has become of it."""

    def answer(asked):
        if isinstance(asked, dict):
            return 200, {"jobs": [{"id": "a", "status": "completed"}, {"status": "x"}, "no job"]}
        return 200, {"status": "completed", "url": f"of {asked}"}

    service = Scripted(answer)
    a, b, c = ask_together(service, *"abc", strategy=lambda *known: 10.0)
    for future in (a, b, c):
        assert future.result(PATIENCE) == "completed"
        assert future.report.result == f"of {future.job_id}"
        assert future.last_error is None
    assert [future.attempts for future in (a, b, c)] == [1, 2, 2]
    assert [future.elapsed for future in (a, b, c)] == [0, 10, 10]
    assert len(service.batches()) == 1


@pytest.mark.parametrize(
    "job", [None, {}, {"status": None}, {"status": {"word": "completed"}}, {"status": "not_found"}]
)
@pytest.mark.parametrize("listed", [False, True])
def test_a_job_of_which_the_answer_tells_no_status_is_asked_for_by_itself(
    ask_together, job, listed
):
    """Whatever the answer for many says of it, its own request knows better."""
    words = Words(missing=("not_found",))
    service = Service(
        "half-blind",
        path="/jobs/{job_id}",
        batch=Batch("/jobs?ids={job_ids}", limit=3, jobs="jobs", words=words, window=0),
    )

    def answer(asked):
        if not isinstance(asked, dict):
            return 200, {"status": "completed"}
        jobs = {name: {"status": "pending"} for name in asked["ids"][0].split(",")}
        jobs["b"] = job
        if listed:
            return 200, {"jobs": [{"id": name, **(one or {})} for name, one in jobs.items()]}
        return 200, {"jobs": jobs}

    scripted = Scripted(answer)
    a, b, _ = ask_together(scripted, *"abc", service=service, strategy=lambda *known: 10.0)
    assert b.result(PATIENCE) == "completed"
    assert (b.attempts, b.elapsed, b.last_error) == (2, 10, None)
    assert not a.done()
    assert scripted.asked.count("b") == 1


@pytest.mark.parametrize("used_up", [False, True])
def test_what_an_answer_asks_for_holds_for_jobs_that_it_leaves_out(ask_together, used_up):
    """They are not asked for before; nor is any other job once the limit is used up."""
    headers = {"Retry-After": "20", **({"RateLimit-Remaining": "0"} if used_up else {})}

    def answer(asked):
        if isinstance(asked, dict):
            return 200, {"jobs": []}, headers if "a" in asked["ids"][0] else {}
        return 200, {"status": "completed", "url": "u"}

    service = Scripted(answer)
    futures = ask_together(service, *"abcde", strategy=lambda *known: 1.0)
    assert [future.result(PATIENCE) for future in futures] == ["completed"] * 5
    assert [query["ids"][0] for query in service.batches()] == ["a,b,c", "d,e"]
    elapsed = [round(future.elapsed, 6) for future in futures]
    if used_up:
        assert min(elapsed) >= 20
    else:
        assert elapsed == [20, 20, 20, 1, 1]


def test_pages_are_read_no_further_once_the_limit_is_used_up(ask_together):
    """The jobs on the others are asked for by themselves, after the pause that follows."""

    def answer(asked):
        if not isinstance(asked, dict):
            return 200, {"status": "completed", "url": "u"}
        page = int(asked.get("cursor", ["0"])[0])
        ids = asked["ids"][0].split(",")
        jobs = [{"id": job_id, "status": "pending"} for job_id in ids[page : page + 1]]
        used_up = {"RateLimit-Remaining": "0", "RateLimit-Reset": "20"} if page == 1 else {}
        return 200, {"jobs": jobs, "next": page + 1}, used_up

    batch = Batch("/jobs?ids={job_ids}", 5, "jobs", window=0, next_cursor="next")
    preset = Service(**{**vars(Scripted.service), "batch": batch})
    service = Scripted(answer)
    a, b, c, d, e = ask_together(service, *"abcde", service=preset, strategy=lambda *known: 1.0)
    assert [future.result(PATIENCE) for future in (c, d, e)] == ["completed"] * 3
    assert [query.get("cursor") for query in service.batches()[:2]] == [None, ["1"]]
    assert [future.attempts for future in (c, d, e)] == [2] * 3
    assert min(future.elapsed for future in (c, d, e)) >= 20
    for future in (a, b):
        assert future.cancel()


def test_an_unforeseen_fault_in_reading_an_answer_for_many_ends_no_wait(ask_together):
    """The job of the fault fails alone, and costs no other job an attempt."""

    class Odd(Words):
        def meaning(self, state):
            return {"completed": "completed"}[state]

    def answer(asked):
        if isinstance(asked, dict):
            ids = asked["ids"][0].split(",")
            words = dict.fromkeys(ids, "completed")
            words["b"] = "strange"
            return 200, {"jobs": [{"id": job_id, "status": words[job_id]} for job_id in ids]}
        return 200, {"status": "strange" if asked == "b" else "completed", "url": "u"}

    words = Odd(("pending",), ("completed",), ("error",))
    batch = Batch("/jobs?ids={job_ids}", limit=3, jobs="jobs", words=words)
    preset = Service(**{**vars(Scripted.service), "words": words, "batch": batch})
    a, b, c = ask_together(Scripted(answer), *"abc", service=preset, max_attempts=2)
    assert b.result(PATIENCE) == "timeout"
    assert (a.result(PATIENCE), c.result(PATIENCE)) == ("completed", "completed")
    assert [future.attempts for future in (a, b, c)] == [1, 2, 1]
    assert isinstance(b.last_error, PollError)
    assert "'b': the answer can't be read (KeyError)" in str(b.last_error)
    assert isinstance(b.last_error.__cause__, KeyError)


def test_a_job_that_the_answers_never_tell_of_has_a_reason(ask_together):
    """Where nothing else was heard of it until the limit."""
    service = Scripted(lambda asked: (200, {"jobs": []}))
    for future in ask_together(service, *"ab", max_attempts=1):
        assert future.result(PATIENCE) == "timeout"
        assert str(future.last_error) == (
            f"job {future.job_id!r}: the answers for many jobs told nothing of it until the limit"
            " was reached"
        )


def test_not_found_is_a_missing_job(make_client, clock):
    """Which may still appear for half a minute after the submit; then the wait ends."""
    with MockServer(service="heygen", strict=True, clock=clock) as server:
        server.job("known", duration=100)
        server.job("other", duration=100)
        client = make_client(server.url)
        known, other, missing = submit(client, clock, "known", "other", "missing")
        with pytest.raises(JobNotFoundError, match="'missing': .* knows no such job") as caught:
            missing.result(PATIENCE)
        assert caught.value.job_id == "missing"
        assert missing.elapsed >= 30
        assert (known.result(PATIENCE), other.result(PATIENCE)) == ("completed", "completed")


def test_other_pages_are_followed(ask_together):
    """Until all jobs are found."""

    def answer(asked):
        if not isinstance(asked, dict):
            return 200, {"status": "completed", "url": "u"}
        page = int(asked.get("cursor", ["0"])[0])
        ids = asked["ids"][0].split(",")
        jobs = [{"id": job_id, "status": "completed"} for job_id in ids[page : page + 1]]
        return 200, {"jobs": jobs, "next": page + 1}

    service = Scripted(answer)
    for future in ask_together(service, *"abc"):
        assert future.result(PATIENCE) == "completed"
        assert future.attempts == 1
    assert [query.get("cursor") for query in service.batches()] == [None, ["1"], ["2"]]


def test_a_page_that_fails_costs_the_jobs_that_were_not_found_yet_their_poll(ask_together):
    """Those on the pages before have their answer."""

    def answer(asked):
        if not isinstance(asked, dict):
            return 200, {"status": "completed", "url": "u"}
        if "cursor" in asked:
            return 503, {}
        return 200, {"jobs": [{"id": "a", "status": "completed"}], "next": "more"}

    a, b, c = ask_together(Scripted(answer), *"abc", max_attempts=1)
    assert [future.result(PATIENCE) for future in (a, b, c)] == ["completed", "timeout", "timeout"]
    assert a.last_error is None
    assert "'b': HTTP status 503" in str(b.last_error)


def test_a_page_that_cannot_be_received_costs_them_their_poll_too(ask_together):
    """With the reason for each."""

    def answer(asked):
        if not isinstance(asked, dict):
            return 200, {"status": "completed", "url": "u"}
        if "cursor" in asked:
            return 200, b" " * 2**21
        return 200, {"jobs": [{"id": "a", "status": "completed"}], "next": "more"}

    a, b, c = ask_together(Scripted(answer), *"abc", max_attempts=1)
    assert [future.result(PATIENCE) for future in (a, b, c)] == ["completed", "timeout", "timeout"]
    assert "'c': no answer from" in str(c.last_error)


def test_pages_without_end_are_not_followed_for_ever(ask_together):
    """Never more than jobs are left to be found; those are asked for by themselves."""

    def answer(asked):
        if isinstance(asked, dict):
            return 200, {"jobs": [], "next": "again"}
        return 200, {"status": "completed", "url": "u"}

    service = Scripted(answer)
    for future in ask_together(service, *"abc"):
        assert future.result(PATIENCE) == "completed"
    assert [query.get("cursor") for query in service.batches()] == [None, ["again"], ["again"]]


@pytest.mark.parametrize(
    "body",
    [{"jobs": "none"}, {}, {"jobs": [], "next": "x" * 5000}, []],
    ids=["no list", "nothing", "long cursor", "no object"],
)
def test_an_answer_of_another_form_is_a_failed_poll_of_each_job(ask_together, body):
    """With the answer's beginning in the message; then each is asked for by itself."""

    def answer(asked):
        return 200, body if isinstance(asked, dict) else {"status": "completed", "url": "u"}

    for future in ask_together(Scripted(answer), *"abc"):
        assert future.result(PATIENCE) == "completed"
        assert f"job '{future.job_id}': HTTP status 200" in str(future.last_error)
        assert json.dumps(body)[:30] in str(future.last_error)
        assert future.attempts == 2


@pytest.mark.parametrize("code", [400, 401, 404, 414])
def test_one_job_that_spoils_the_request_does_not_spoil_the_others(ask_together, code):
    """Each is asked for by itself; the one that is wrong is rejected."""

    def answer(asked):
        if isinstance(asked, dict):
            return code, {"failure": "no such id", "code": "invalid"}
        return (422, {}) if asked == "bad" else (200, {"status": "completed", "url": "u"})

    a, bad, c = ask_together(Scripted(answer), "a", "bad", "c")
    with pytest.raises(RejectedError, match="'bad': .*HTTP status 422"):
        bad.result(PATIENCE)
    assert (a.result(PATIENCE), c.result(PATIENCE)) == ("completed", "completed")
    assert (a.attempts, c.attempts) == (2, 2)


@pytest.mark.parametrize(
    "fault", [Fault.http(503), Fault.http(500), Fault.drop_midway(), Fault.not_json()]
)
def test_a_failed_batch_costs_each_of_its_jobs_one_attempt(heygen, make_client, clock, fault):
    """And they are asked for together again."""
    for job_id in names(3):
        heygen.job(job_id, duration=45, faults={2: fault})
    futures = submit(make_client(heygen.url, random=lambda: 0.0), clock, *names(3))
    assert [future.result(PATIENCE) for future in futures] == ["completed"] * 3
    for future in futures:
        assert isinstance(future.last_error, PollError)
        assert f"'{future.job_id}'" in str(future.last_error)
        assert future.attempts == 3
    together = [request.time for request in heygen.requests if len(request.job_ids) == 3]
    assert together[-2:] == [30, 60]


def test_a_429_for_many_jobs_pauses_them_all(heygen, make_client, clock):
    """For as long as it says; the jobs then go on."""
    too_many = Fault.http(429, {"Retry-After": "100"})
    for job_id in names(4):
        heygen.job(job_id, duration=35, faults={2: too_many})
    futures = submit(make_client(heygen.url, random=lambda: 0.0), clock, *names(4))
    assert [future.result(PATIENCE) for future in futures] == ["completed"] * 4
    times = [request.time for request in heygen.requests if request.time > 0]
    assert times[:2] == [30, 130]


@pytest.mark.parametrize("limits", [{"max_attempts": 3}, {"max_wait_time": 60}])
def test_an_end_that_cannot_be_read_in_time_is_the_end_all_the_same(ask_together, limits):
    """The batch has told it; a job that completed is no timeout, and not lost either."""

    def answer(asked):
        if isinstance(asked, dict):
            words = {"a": "completed", "b": "error", "c": "completed"}
            ids = asked["ids"][0].split(",")
            return 200, {"jobs": [{"id": job_id, "status": words[job_id]} for job_id in ids]}
        return (404, {}) if asked == "c" else (503, {})

    a, b, c = ask_together(Scripted(answer), *"abc", strategy=lambda *known: 7.0, **limits)
    assert (a.result(PATIENCE), b.result(PATIENCE)) == ("completed", "error")
    assert c.result(PATIENCE) == "completed"
    assert a.report.status == a.status == "completed"
    assert "'error'" in b.reason
    assert isinstance(a.last_error, PollError)


def test_an_end_that_is_known_is_told_though_a_pause_outlasts_the_wait(ask_together):
    """Its job ends as the service said, and the update callback hears so before the others."""

    def answer(asked):
        if isinstance(asked, dict):
            return many()(asked)
        return 429, {"failure": "too many"}, {"Retry-After": "1000"}

    calls, done = [], threading.Semaphore(0)

    def on_done(future):
        calls.append(future.job_id)
        done.release()

    on_updates = [lambda status, name=name: calls.append(f"{name} {status}") for name in "ab"]
    futures = ask_together(Scripted(answer), *"ab", on_updates=on_updates, max_wait_time=20)
    for future in futures:
        future.add_done_callback(on_done)
    for future in futures:
        assert future.result(PATIENCE) == future.report.status == "completed"
        assert done.acquire(timeout=PATIENCE)
    assert [call for call in calls if "a" in call] == ["a completed", "a"]
    assert [call for call in calls if "b" in call] == ["b completed", "b"]


def test_why_an_end_cannot_be_read_is_told(ask_together, caplog):
    """The job has ended as the batch says; what is missing of it has a reason and a line."""
    caplog.set_level(logging.INFO, "video_translation_client")

    def answer(asked):
        return many()(asked) if isinstance(asked, dict) else (403, {"failure": "expired"})

    a, b = ask_together(Scripted(answer), *"ab")
    for future in (a, b):
        assert future.result(PATIENCE) == "completed"
        assert future.report.result is None
        assert isinstance(future.last_error, PollError)
        assert "HTTP status 403: 'expired'" in str(future.last_error)
        assert str(future.last_error) in caplog.text


def test_progress_is_told_where_the_answer_for_many_has_it(ask_together):
    """In the same total as for one job."""

    def answer(asked):
        if not isinstance(asked, dict):
            return 200, {"status": "completed", "url": "u"}
        ids = asked["ids"][0].split(",")
        return 200, {"jobs": [{"id": job_id, "status": "pending", "done": 40} for job_id in ids]}

    batch = Batch("/jobs?ids={job_ids}", limit=3, jobs="jobs", progress="done")
    preset = Service(**{**vars(Scripted.service), "batch": batch, "progress_total": 100})
    a, b = ask_together(Scripted(answer), *"ab", service=preset, max_attempts=1)
    assert (a.result(PATIENCE), b.result(PATIENCE)) == ("timeout", "timeout")
    assert a.report.progress == b.report.progress == 0.4


def test_an_end_that_the_request_for_the_job_denies_is_none(ask_together):
    """It goes on until both agree."""
    denials = ["pending", "pending"]

    def answer(asked):
        if isinstance(asked, dict):
            return many()(asked)
        return 200, {"status": denials.pop() if asked == "a" and denials else "completed"}

    a, b = ask_together(Scripted(answer), *"ab", strategy=lambda *known: 5.0)
    assert (a.result(PATIENCE), b.result(PATIENCE)) == ("completed", "completed")
    assert (a.elapsed, b.elapsed) == (10, 0)


def test_the_same_job_twice_is_one_id_in_the_request(ask_together):
    """Both waits get the answer."""
    service = Scripted(many())
    for future in ask_together(service, *"aba"):
        assert future.result(PATIENCE) == "completed"
    assert service.batches()[0]["ids"] == ["a,b"]


def test_ids_that_a_list_cannot_hold_are_asked_for_by_themselves(ask_together):
    """Those with a comma, and those that would make the URL too long."""
    service = Scripted(many())
    ids = ["a,b", "c", "d", "e,f", "x" * 4000, "y" * 4000, "z" * 7000, "g"]
    for future in ask_together(service, *ids):
        assert future.result(PATIENCE) == "completed"
        assert future.attempts == 1
    assert [query["ids"][0] for query in service.batches()] == ["c,d"]
    assert {"a,b", "e,f", "x" * 4000, "z" * 7000} <= {str(asked) for asked in service.asked}


def test_jobs_are_found_in_an_object_of_ids_too(ask_together):
    """As the mock server's ``?ids=`` answers; words may be numbers."""
    words = Words((1,), (2,), (3,))
    service = Service(
        "object",
        path="/jobs/{job_id}",
        words=Words((1,), (2, "completed"), (3,)),
        batch=Batch("/jobs?ids={job_ids}", 5, "jobs", status="@", words=words),
    )

    def answer(asked):
        if isinstance(asked, dict):
            return 200, {"jobs": dict.fromkeys(asked["ids"][0].split(","), 2.0)}
        return 200, {"status": 2}

    for future in ask_together(Scripted(answer), "1", "2", "3", service=service):
        assert future.result(PATIENCE) == "completed"
        assert future.report.state == "2"


def test_a_word_that_cannot_be_read_does_not_spoil_the_other_jobs(ask_together, caplog):
    """Its job is asked for by itself; an unknown one is pending, with one warning."""
    caplog.set_level(logging.WARNING, "video_translation_client")
    rounds = []

    def answer(asked):
        if not isinstance(asked, dict):
            return 200, {"status": "completed", "url": "u"}
        rounds.append(asked)
        words = {"a": {"nothing": 1}, "b": {"status": "Brewing"}, "c": {"status": "completed"}}
        if len(rounds) > 1:
            words["b"] = {"status": "completed"}
        ids = asked["ids"][0].split(",")
        return 200, {"jobs": [{"id": job_id, **words[job_id]} for job_id in ids]}

    a, b, c = ask_together(Scripted(answer), *"abc", strategy=lambda *known: 5.0)
    assert [future.result(PATIENCE) for future in (a, b, c)] == ["completed"] * 3
    assert [future.attempts for future in (a, b, c)] == [2, 2, 1]
    assert a.last_error is None
    assert [r.getMessage() for r in caplog.records if "not known" in r.getMessage()] == [
        "service 'scripted' has a status that is not known, 'Brewing': it counts as pending"
    ]


def test_cancelling_one_job_of_a_batch_leaves_the_others_their_answer(ask_together):
    """The request goes on as long as somebody waits for it."""
    asked, go_on = threading.Event(), threading.Event()

    def answer(query):
        if isinstance(query, dict):
            asked.set()
            assert go_on.wait(PATIENCE)
        return many()(query)

    a, b, c = ask_together(Scripted(answer), *"abc")
    assert asked.wait(PATIENCE)
    b.cancel()
    go_on.set()
    assert (a.result(PATIENCE), c.result(PATIENCE)) == ("completed", "completed")
    assert (a.attempts, c.attempts) == (1, 1)


def test_cancelling_all_jobs_of_a_batch_aborts_it(ask_together):
    """Nobody waits for its answer."""
    asked, go_on = threading.Event(), threading.Event()

    def answer(query):
        asked.set()
        assert go_on.wait(PATIENCE)
        return 500, {}

    service = Scripted(answer)
    futures = ask_together(service, *"abc")
    assert asked.wait(PATIENCE)
    for future in futures:
        assert future.cancel()
    go_on.set()
    assert len(service.asked) == 1


@pytest.mark.parametrize("ids", [["x,1", "j"], [f"{number:0300}" for number in range(40)]])
def test_jobs_that_do_not_fit_together_are_not_asked_early(ask_together, ids):
    """Each is asked when it is due: frequent requests don't pull one another in."""
    service = Scripted(many("pending"))
    single = Scripted(lambda _: (200, {"status": "pending"}))

    def app(environ, start_response):
        which = service if environ["PATH_INFO"] == "/jobs" else single
        return which(environ, start_response)

    app.first_came, app.all_submitted = single.first_came, single.all_submitted
    batch = Batch("/jobs?ids={job_ids}", limit=100, jobs="jobs", window=5)
    preset = Service(**{**vars(Scripted.service), "batch": batch})
    futures = ask_together(
        app, *ids, service=preset, strategy=lambda *known: 4.0, max_wait_time=19.9
    )
    for future in futures:
        assert future.result(PATIENCE) == "timeout"
        assert future.attempts <= 1 + 19.9 / (4 * 0.8) + 1


def test_jobs_that_others_take_along_keep_most_of_their_waits(make_client, clock):
    """A new job every half second does not spend the attempts of those that wait."""
    with MockServer(service="heygen", duration=1000, clock=clock) as server:
        client = make_client(server.url, strategy=lambda *known: 4.0, max_attempts=10)
        with clock.paused():
            first = client.submit("first")
            for number in range(100):
                client.submit(f"job-{number}")
                clock.advance(0.5)
        assert first.result(PATIENCE) == "timeout"
        assert first.attempts == 10
        assert first.elapsed >= 9 * 4 * 0.8


def test_a_callback_that_blocks_holds_up_no_other_job_of_the_request(ask_together):
    """It keeps its worker; the others' answers are told by other workers."""
    blocks, go_on, told = threading.Event(), threading.Event(), threading.Event()
    service = Scripted(many())

    def block(_):
        blocks.set()
        assert go_on.wait(PATIENCE)

    def tell(_):
        if blocks.wait(PATIENCE):
            told.set()

    a, b, c = ask_together(service, *"abc", on_updates=(block, tell), max_concurrency=3)
    assert told.wait(PATIENCE)
    assert b.result(PATIENCE) == c.result(PATIENCE) == "completed"
    assert not a.done()
    go_on.set()
    assert a.result(PATIENCE) == "completed"


def test_a_last_poll_before_the_deadline_does_not_wait_for_others(make_client, clock):
    """Though another request is under way, which hangs."""
    faults = {1: Fault.slow(1000)}
    with MockServer(service="heygen", clock=clock) as server:
        server.job("job-1", duration=5)
        server.job("hangs", faults=faults)
        client = make_client(server.url, max_wait_time=8, request_timeout=9)
        with clock.paused():
            future = client.submit("job-1")
            clock.advance(2)
            client.submit("hangs")
        assert future.result(PATIENCE) == "completed"
        assert future.attempts == 2


def test_results_are_read_at_the_pace_of_single_requests(make_client, clock):
    """Also after a 429: there is one to read for each job, not for each hundred."""
    with MockServer(service="heygen", duration=29, clock=clock) as server:
        too_many = Fault.http(429, {"Retry-After": "5"})
        for job_id in names(300):
            server.job(job_id, faults={3: too_many} if job_id == "job-7" else {})
        client = make_client(server.url, random=lambda: 0.0)
        futures = submit(client, clock, *names(300))
        assert [future.result(PATIENCE) for future in futures] == ["completed"] * 300
        assert max(future.elapsed for future in futures) < 30 + 5 + 300 / 2


def test_a_result_that_can_never_be_read_is_not_asked_for_every_two_seconds(ask_together):
    """After half a minute the usual waits are short enough."""

    def answer(asked):
        return many()(asked) if isinstance(asked, dict) else (500, {})

    service = Scripted(answer)
    a, b = ask_together(service, *"ab", strategy=lambda *known: 60.0, max_wait_time=3600)
    assert (a.result(PATIENCE), b.result(PATIENCE)) == ("completed", "completed")
    assert a.attempts <= 16 + 3600 / 60


def test_a_cursor_that_no_url_can_hold_is_an_answer_of_another_form(ask_together):
    """It ends no wait."""

    def answer(asked):
        if isinstance(asked, dict):
            return 200, b'{"jobs": [], "next": "\\ud800"}'
        return 200, {"status": "completed", "url": "u"}

    for future in ask_together(Scripted(answer), *"abc"):
        assert future.result(PATIENCE) == "completed"
        assert isinstance(future.last_error, PollError)


def test_words_of_an_answer_for_many_are_those_of_the_service_unless_given(make_client):
    """A failed job is none that still runs, whichever request asks for it."""
    words = Words(("pending", "queued*"), ("completed",), ("error", 13))
    service = Service(
        "acme",
        status="result",
        words=words,
        batch=Batch("/status?ids={job_ids}", limit=10, jobs="results", status="@"),
    )

    def app(environ, start_response):
        start_response("200 OK", [])
        ids = environ["QUERY_STRING"]
        many = {"results": {"a": 13, "b": "queued twice"}}
        return [json.dumps(many if ids else {"result": 13}).encode()]

    with serving(app) as url:
        client = make_client(url, service=service, max_attempts=3, max_concurrency=1)
        futures = [client.submit(job_id) for job_id in "ab"]
        assert futures[0].result(PATIENCE) == "error"
        client.shutdown(cancel_futures=True)
