"""What one answer says of the pace holds for all jobs of a client."""

import json
from urllib.parse import unquote

import pytest
from conftest import PATIENCE, serving

from video_translation_client import Batch, PollError, Service, Stages, VideoTranslationClient
from video_translation_client.testing import Fault, MockServer

pytestmark = pytest.mark.one_python

DAY = 24 * 60 * 60
PENDING = b'{"result": "pending"}'


def too_many(retry_after=None, code=429):
    """A refusal, which may say for how long."""
    return Fault.http(code, {} if retry_after is None else {"Retry-After": str(retry_after)})


def pending(**headers):
    """An ordinary answer with headers of its own."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Fault.http(200, named, body=PENDING)


def times(server, job_id=None):
    """When requests arrived, those for one job or all."""
    return [
        request.time
        for request in server.requests
        if job_id is None or request.job_ids == (job_id,)
    ]


def paths_of(names):
    """The paths that are asked for these jobs."""
    return {f"/status/{name}" for name in names}


def most_in_a_second(moments):
    """How many moments the fullest sliding second holds."""
    most, first = 0, 0
    for last, moment in enumerate(moments):
        while moment - moments[first] >= 1.0:
            first += 1
        most = max(most, last - first + 1)
    return most


def submit_evenly(client, clock, names, interval):
    """Submits jobs so that, polled every ``interval`` seconds, they make a steady rate."""
    futures = []
    for name in names:
        futures.append(client.submit(name))
        clock.advance(interval / len(names))
    return futures


@pytest.fixture
def server(clock):
    """A mock server whose jobs take long, if not scripted otherwise."""
    with MockServer(duration=DAY, clock=clock) as server:
        yield server


@pytest.fixture
def make_patient(make_client):
    """Makes clients that ask every job every so many seconds, for ever."""

    def make(*arguments, interval=10, **settings):
        limits = {"max_attempts": None, "max_wait_time": None, **settings}
        pace = {"initial_wait_time": interval, "backoff_factor": 1, "max_interval": interval}
        return make_client(*arguments, **limits, **pace)

    return make


@pytest.mark.parametrize("code", [429, 503])
def test_a_refusal_that_says_how_long_pauses_every_job(server, make_patient, clock, code):
    """Not only the one that met it."""
    server.job("refused", faults={2: too_many(30, code)})
    names = ["refused", "other-1", "other-2", "other-3"]
    client = make_patient(interval=8)
    with clock.paused():
        futures = submit_evenly(client, clock, names, 8)
        clock.advance(40)
    assert [moment for moment in times(server) if 8 < moment < 38] == []
    for name, future in zip(names, futures):
        assert any(38 <= moment < 48 for moment in times(server, name))
        future.cancel()


@pytest.mark.parametrize("fault", [Fault.http(500, {"Retry-After": "30"}), Fault.http(502)])
def test_other_failures_pause_nobody_else(server, make_patient, clock, fault):
    """A 500 may be of one job; only that job is left alone for as long as it says."""
    server.job("failing", faults={1: fault})
    with clock.paused():
        client = make_patient(interval=8)
        futures = [client.submit("failing"), client.submit("other")]
        clock.advance(20)
        for future in futures:
            future.cancel()
    assert times(server, "other") == [0, 8, 16]
    assert times(server, "failing") == ([0] if fault.headers else [0, 8, 16])


@pytest.mark.parametrize(
    "text",
    [
        *("", "soon", "-5", "nan", "inf", "1e12", "81,120", "5, 5", "0", "0.000001", "9" * 400),
        *("\xe9", "Mon, 1 Jan 2030 1.2.3.4 GMT", "Mon, 32 Jan 2030 00:00:00 GMT"),
    ],
)
@pytest.mark.parametrize("code", [429, 200])
def test_a_header_that_makes_no_sense_leaves_the_jobs_own_pace(server, make_client, code, text):
    """No crash, no storm of requests, and no wait beyond the deadline."""
    fault = Fault.http(code, {"Retry-After": text}, body=PENDING)
    server.job("job-1", faults=dict.fromkeys(range(1, 100), fault))
    future = make_client(max_attempts=None).submit("job-1")
    assert future.result(PATIENCE) == "timeout"
    assert times(server)[:-1] == [0, 1, 3, 7, 15, 31]
    assert 59 < future.elapsed <= 60
    assert "max_wait_time=60" in future.reason


def test_a_header_on_an_ordinary_answer_delays_only_its_own_job(server, make_patient, clock):
    """The service knows how long this one will take."""
    server.job("long", faults={1: pending(Retry_After="30")})
    with clock.paused():
        client = make_patient(interval=8)
        futures = [client.submit("long"), client.submit("other")]
        clock.advance(39)
        for future in futures:
            future.cancel()
    assert times(server, "long") == [0, 30, 38]
    assert times(server, "other") == [0, 8, 16, 24, 32]


def test_a_header_shortens_no_wait(server, make_client):
    """It says how long at least."""
    server.job("job-1", duration=20, faults={poll: pending(Retry_After="1") for poll in (3, 4)})
    assert make_client().get_status("job-1") == "completed"
    assert times(server) == [0, 1, 3, 7, 15, 31]


def test_a_header_on_a_redirect_delays_the_job(server, make_client):
    """Though the answer to which it leads has none."""
    moved = Fault.http(302, {"Location": "/status/moved", "Retry-After": "30"})
    server.job("job-1", faults={1: moved})
    server.job("moved", duration=DAY)
    future = make_client(max_attempts=2).submit("job-1")
    assert future.result(PATIENCE) == "timeout"
    assert times(server, "job-1") == [0, 30]


def test_a_header_on_a_404_delays_the_job_while_it_may_still_appear(server, make_client):
    """The service has not seen it yet, and says when to ask again."""
    service = Service("new", status="result", missing=(404,), missing_delay=30)
    server.job("job-1", duration=0, faults={1: Fault.http(404, {"Retry-After": "20"})})
    future = make_client(service=service).submit("job-1")
    assert future.result(PATIENCE) == "completed"
    assert future.last_error.retry_after == 20
    assert times(server) == [0, 20]


@pytest.mark.parametrize("refusal", [too_many, lambda seconds: pending(Retry_After=str(seconds))])
def test_the_header_is_read_anew_from_each_answer(server, make_client, refusal):
    """What an earlier one said is over."""
    server.job("job-1", duration=0, faults={1: refusal(30), 2: refusal(5), 3: pending()})
    future = make_client(max_interval=1).submit("job-1")
    assert future.result(PATIENCE) == "completed"
    assert times(server) == [0, 30, 35, 36]


def test_a_date_is_read_by_the_clock_of_the_client(server, make_client):
    """Which is in the first second of 2030 here."""
    server.job("job-1", duration=0, faults={1: too_many("Tue, 01 Jan 2030 00:00:40 GMT")})
    assert make_client().get_status("job-1") == "completed"
    assert times(server) == [0, 40]


def test_a_limit_that_is_used_up_pauses_every_job_until_its_reset(server, make_patient, clock):
    """Before the service has to refuse anything."""
    used_up = pending(RateLimit_Remaining="0", RateLimit_Reset="30")
    server.job("last", faults={1: used_up})
    with clock.paused():
        client = make_patient(interval=8)
        last = client.submit("last")
        clock.advance(1)
        assert last.report.retry_after == 30
        other = client.submit("other")
        clock.advance(32)
        for future in (last, other):
            future.cancel()
    assert len(times(server, "other")) == 1
    assert [moment for moment in times(server) if 0 < moment < 30] == []


def test_what_the_service_asked_for_can_be_read(server, make_client, clock):
    """On the report of an answer, and on the error of a poll that failed."""
    server.job("job-1", faults={1: too_many(2), 2: pending(Retry_After="3"), 3: Fault.http(500)})
    with clock.paused():
        future = make_client().submit("job-1")
        clock.advance(0)
        assert isinstance(future.last_error, PollError)
        assert (future.last_error.retry_after, future.last_error.status_code) == (2, 429)
        assert future.next_poll == 2
        clock.advance(2)
        assert future.report.retry_after == 3
        clock.advance(3)
        assert future.last_error.retry_after is None
        assert future.report.retry_after == 3
        future.cancel()


@pytest.mark.parametrize("fault", [too_many(60), pending(Retry_After="3600"), too_many("9" * 15)])
def test_a_wait_that_would_outlast_the_limit_ends_at_once(server, make_client, fault):
    """There is nothing left to wait for, and the reason says so."""
    server.job("job-1", faults={2: fault})
    future = make_client().submit("job-1")
    assert future.result(PATIENCE) == "timeout"
    assert future.elapsed == 1
    assert "still running after 2 polls in 1.0 s" in future.reason
    assert f"another {fault.headers[0][1]} s (Retry-After)" in future.reason
    assert "max_wait_time=60" in future.reason


def test_a_wait_that_just_fits_is_kept(server, make_client):
    """The last poll may come right before the deadline."""
    server.job("job-1", duration=0, faults={1: too_many(59)})
    future = make_client().submit("job-1")
    assert future.result(PATIENCE) == "completed"
    assert times(server) == [0, 59]


def test_year_9999_ends_a_limited_wait_at_once(server, make_client):
    """As any time beyond the limit does."""
    server.job("job-1", faults={1: too_many("Fri, 31 Dec 9999 23:59:59 GMT")})
    future = make_client().submit("job-1")
    assert future.result(PATIENCE) == "timeout"
    assert (future.elapsed, future.attempts) == (0, 1)
    assert "no status was received in 1 poll " in future.reason
    assert "(Retry-After)" in future.reason


@pytest.mark.parametrize("refusal", [too_many, lambda text: pending(Retry_After=text)])
def test_without_a_limit_year_9999_is_asked_again_after_a_day(server, make_client, refusal):
    """It was a mistake, or the service is gone; neither is known today."""
    server.job("job-1", duration=0, faults={1: refusal("Fri, 31 Dec 9999 23:59:59 GMT")})
    future = make_client(max_wait_time=None).submit("job-1")
    assert future.result(PATIENCE) == "completed"
    assert times(server) == [0, DAY]


def test_a_pause_beyond_their_limits_ends_the_other_waits_too(server, make_client, clock):
    """Each as soon as it is due: until then, its own limit may come first."""
    server.job("refused", faults={1: too_many(1000)})
    with clock.paused():
        client = make_client(max_wait_time=100, max_attempts=None)
        waiting = client.submit("waiting")
        clock.advance(4)
        refused = client.submit("refused")
        clock.advance(0)
        assert refused.result(0) == "timeout"
        assert not waiting.done()
        clock.advance(3)
        assert waiting.result(0) == "timeout"
    assert waiting.elapsed == 7
    assert "another 997 s (Retry-After)" in waiting.reason
    assert times(server) == [0, 1, 3, 4]


def test_a_pause_beyond_their_limits_ends_the_waits_of_queued_jobs(server, make_client, clock):
    """At once, without a poll."""
    server.job("refused", faults={1: too_many(1000)})
    with clock.paused():
        client = make_client(max_concurrency=1)
        client.submit("refused")
        queued = client.submit("queued")
        clock.advance(0)
    assert queued.result(PATIENCE) == "timeout"
    assert (queued.attempts, queued.elapsed) == (0, 0)
    assert "no status was received in 0 polls and 0.0 s" in queued.reason
    assert "another 1000 s (Retry-After)" in queued.reason


def test_a_pause_beyond_their_limits_ends_the_waits_of_jobs_submitted_in_it(
    server, make_client, clock
):
    """After the pause they are welcome again."""
    server.job("refused", faults={1: too_many(1000)})
    server.job("later", duration=0)
    client = make_client()
    with clock.paused():
        client.submit("refused")
        clock.advance(10)
        future = client.submit("later")
        clock.advance(0)
        assert future.result(0) == "timeout"
        assert (future.attempts, future.elapsed) == (0, 0)
        assert "another 990 s (Retry-After)" in future.reason
        clock.advance(980)
    assert client.get_status("later") == "completed"
    assert times(server) == [0, 1000]


def test_a_pause_within_their_limits_is_waited_for(server, make_client, clock):
    """Also by jobs that are submitted in it."""
    server.job("refused", duration=0, faults={1: too_many(20)})
    server.job("later", duration=0)
    client = make_client()
    with clock.paused():
        futures = [client.submit("refused")]
        clock.advance(10)
        futures.append(client.submit("later"))
    assert [future.result(PATIENCE) for future in futures] == ["completed"] * 2
    assert all(moment >= 20 for moment in times(server)[1:])


def test_poll_now_does_not_break_a_pause(server, make_client, clock):
    """Whoever knows better still asks a service that wants no requests."""
    server.job("job-1", duration=0, faults={1: too_many(20)})
    with clock.paused():
        future = make_client().submit("job-1")
        clock.advance(5)
        future.poll_now()
        clock.advance(5)
        assert not future.done()
    assert future.result(PATIENCE) == "completed"
    assert times(server) == [0, 20]


def test_a_cancelled_job_leaves_a_pause_in_force(server, make_client, clock):
    """It was meant for all."""
    server.job("refused", faults={1: too_many(20)})
    server.job("later", duration=0)
    client = make_client()
    with clock.paused():
        refused = client.submit("refused")
        clock.advance(1)
        refused.cancel()
        later = client.submit("later")
    assert later.result(PATIENCE) == "completed"
    assert times(server) == [0, 20]


class Busy(MockServer):
    """A server that refuses so many requests from a moment on, and does not say for how long."""

    def __init__(self, since, refusals, **settings):
        super().__init__(**settings)
        self.since, self.refusals = since, refusals

    def __call__(self, environ, start_response):
        pieces = super().__call__(environ, start_response)
        if self._clock.monotonic() < self.since or not self.refusals:
            return pieces
        self.refusals -= 1
        start_response("503 Service Unavailable", [("Content-Length", "0")])
        return []


def test_without_a_header_the_rate_falls_by_half_and_recovers_step_by_step(make_patient, clock):
    """Two refusals leave a quarter of it; each second brings back a fifth of the steady rate."""
    names = [f"job-{number}" for number in range(300)]
    with Busy(15.01, 2, duration=DAY, clock=clock) as server:
        client = make_patient(server.url)
        with clock.paused():
            submit_evenly(client, clock, names, 10)
            clock.advance(30)
            client.shutdown(cancel_futures=True)
        moments = [moment for moment in times(server) if moment >= server.since]
    gaps = [later - earlier for earlier, later in zip(moments, moments[1:])]
    assert gaps[:2] == pytest.approx([1 / 15, 1 / 7.5])
    recovered = next(number for number, gap in enumerate(gaps) if gap < 1 / 30)
    falling = gaps[1:recovered]
    assert falling == sorted(falling, reverse=True)
    assert 3 < moments[recovered] - moments[0] < 5
    assert most_in_a_second(moments) < 60
    assert len({request.path for request in server.requests if request.time > 25}) == 300
    assert len([moment for moment in moments if moment > 30]) == pytest.approx(300, abs=2)


def test_a_refusal_of_every_request_leaves_one_a_second(server, make_patient, clock):
    """So that the end of the trouble is seen, by as little as can be."""
    refusals = {poll: too_many() for poll in range(2, 100)}
    names = [f"job-{number}" for number in range(50)]
    for name in names:
        server.job(name, faults=refusals)
    client = make_patient()
    with clock.paused():
        submit_evenly(client, clock, names, 10)
        clock.advance(60)
        client.shutdown(cancel_futures=True)
    moments = [moment for moment in times(server) if moment > 20]
    assert most_in_a_second(moments) <= 2
    assert len(moments) == pytest.approx(50, abs=2)


class Refusing:
    """A service that refuses requests for some seconds, and does not say for how long."""

    def __init__(self, clock, since, seconds):
        self.clock, self.since, self.seconds = clock, since, seconds
        self.times, self.refused = [], []

    def __call__(self, environ, start_response):
        now = self.clock.monotonic()
        self.times.append(now)
        if now >= self.since and (not self.refused or now < self.refused[0] + self.seconds):
            self.refused.append(now)
            start_response("429 Too Many Requests", [("Content-Length", "0")])
            return []
        start_response("200 OK", [("Content-Type", "application/json")])
        jobs = unquote(environ["QUERY_STRING"][len("ids=") :]).split(",")
        if not environ["QUERY_STRING"]:
            return [PENDING]
        return [json.dumps({"results": dict.fromkeys(jobs, "pending")}).encode()]


@pytest.mark.parametrize(
    ("form", "settings"),
    [
        ("job-{}", {}),
        ("job,{}", {"batch": True}),
        ("{:01500}", {"batch": True}),
    ],
    ids=["one by one", "commas", "few fit"],
)
def test_the_pace_returns_however_few_jobs_a_request_takes(make_patient, clock, form, settings):
    """A third of a second of refusals is made up for in ten seconds."""
    app = Refusing(clock, 4, 0.3)
    with serving(app) as url:
        client = make_patient(url, interval=2, **settings)
        with clock.paused():
            futures = submit_evenly(client, clock, [form.format(n) for n in range(200)], 2)
            clock.advance(12)
            attempts = [future.attempts for future in futures]
            clock.advance(6)
            later = [future.attempts for future in futures]
            client.shutdown(cancel_futures=True)
    assert app.refused
    # At most a fifth of each wait is saved where jobs are asked with others.
    assert 0.9 <= (sum(later) - sum(attempts)) / (200 * 6 / 2) <= 1.3


@pytest.mark.parametrize("limit", [None, 100, 1000])
def test_refusals_are_not_forgotten_while_nothing_is_due(make_patient, clock, limit):
    """However many jobs a request could take: the next ones are spaced, and few are lost."""
    batch = Batch("/status?ids={job_ids}", limit, "results", status="@") if limit else None
    app = Refusing(clock, 2, 4)
    with serving(app) as url:
        client = make_patient(
            url, interval=2, service=Service("many", status="result", batch=batch)
        )
        with clock.paused():
            submit_evenly(client, clock, [f"job,{n}" for n in range(200)], 2)
            clock.advance(8)
            client.shutdown(cancel_futures=True)
    assert len([moment for moment in app.times if moment < 2]) == 200
    assert 0 < len(app.refused) < 15


def test_jobs_that_always_get_a_bare_503_leave_the_others_their_pace(server, make_client, clock):
    """They are what is wrong, not the service, which answers all others."""
    names = [f"job-{number}" for number in range(300)]
    for name in names:
        server.job(name, duration=40)
    for name in names[::10]:
        server.job(name, faults=dict.fromkeys(range(1, 100), too_many(code=503)))
    client = make_client(max_attempts=None)
    with clock.paused():
        futures = [client.submit(name) for name in names]
    ends = [future.result(PATIENCE) for future in futures]
    assert ends[::10] == ["timeout"] * 30
    assert {end for number, end in enumerate(ends) if number % 10} == {"completed"}


@pytest.mark.parametrize(("trouble", "count"), [("pause", 1000), ("hang", 400)])
def test_after_a_minute_of_trouble_hundreds_of_jobs_return_evenly(
    server, make_patient, clock, trouble, count
):
    """No second holds twice as many requests as usual, and every job goes on."""
    interval, names = 20, [f"job-{number}" for number in range(count)]
    steady_rate = len(names) / interval
    if trouble == "pause":
        server.job(names[0], faults={2: too_many(60)})
    else:  # sixteen requests hang for ten seconds, six times
        for name in names[:96]:
            server.job(name, faults={2: Fault.slow(DAY)})
    client = make_patient(interval=interval)
    with clock.paused():
        futures = submit_evenly(client, clock, names, interval)
        clock.advance(59)
        before = len(server.requests)
        clock.advance(18)
        assert not any(future.done() for future in futures)
        client.shutdown(cancel_futures=True)
    requests = server.requests
    assert before <= count + 96
    assert {request.path for request in requests[before:]} >= paths_of(names[96:])
    assert {request.path for request in requests if request.time > interval} == paths_of(names)
    after = [request.time for request in requests if request.time > 70]
    assert most_in_a_second(after) < 2 * steady_rate


def test_jobs_that_a_pause_kept_from_their_first_answer_are_asked_evenly(clock):
    """At the rate that their strategy would have them asked at."""
    names = [f"job-{number}" for number in range(400)]
    with MockServer(duration=DAY, clock=clock) as server:
        server.job(names[0], faults={1: too_many(60)})
        client = VideoTranslationClient(server.url, None, None, 20, 1, 0, clock=clock)
        with clock.paused():
            for name in names:
                client.submit(name)
            clock.advance(100)
            client.shutdown(cancel_futures=True)
        assert most_in_a_second([moment for moment in times(server) if moment > 1]) < 2 * 400 / 20


def test_max_rate_holds_whatever_happens(server, make_patient, clock):
    """With pauses, refusals and hanging requests among the answers."""
    troubles = [too_many(10), too_many(), Fault.slow(5), Fault.http(500), too_many(0)]
    names = [f"job-{number}" for number in range(30)]
    for number, name in enumerate(names):
        server.job(name, faults={3: troubles[number % 5], 5: too_many(3)})
    client = make_patient(interval=2, max_rate=8)
    with clock.paused():
        for name in names:
            client.submit(name)
        clock.advance(200)
        client.shutdown(cancel_futures=True)
    moments = times(server)
    assert len(moments) > 300
    assert min(later - earlier for earlier, later in zip(moments, moments[1:])) > 0.125 - 1e-6


@pytest.mark.parametrize(
    "strategy",
    [Stages(((0.0, 30.0),), jitter=0), lambda moment: 30.0],
    ids=["stages", "one's own"],
)
def test_the_first_rate_is_that_of_the_strategy_whatever_its_kind(
    server, make_client, clock, strategy
):
    """Jobs that were not asked for yet return at their strategy's own pace, after a 429."""
    limits = {"max_attempts": None, "max_wait_time": None, "max_concurrency": 1}
    moments = []
    for settings in ({"strategy": strategy}, {"initial_wait_time": 30, "backoff_factor": 1}):
        names = [f"{len(moments)}-{number}" for number in range(60)]
        server.job(names[0], faults={1: too_many()})
        began, client = clock.monotonic(), make_client(**limits, **settings)
        with clock.paused():
            for name in names:
                client.submit(name)
            clock.advance(100)
        moments.append([times(server, name)[0] - began for name in names])
        client.shutdown(cancel_futures=True)
    assert moments[0] == pytest.approx(moments[1])
    assert max(moments[0]) > 15
