"""One look at each job: an answer at once, no wait, nothing spent and nothing learned."""

import pytest
import requests
from conftest import PATIENCE

from video_translation_client import (
    JobNotFoundError,
    Paced,
    Polled,
    PollError,
    RejectedError,
    StatusReport,
    VideoTranslationClient,
    VideoTranslationError,
)
from video_translation_client.testing import Fault, MockServer


def names(count):
    """The names of so many jobs."""
    return [f"job-{number}" for number in range(count)]


class Learner:
    """A strategy that remembers what it heard."""

    def __init__(self):
        self.ends = []
        self.moments = []

    def __call__(self, moment):
        self.moments.append(moment)
        return 1.0

    def ended(self, end):
        self.ends.append(end)


@pytest.fixture
def connect(clock):
    """Makes clients of HeyGen's language."""
    clients = []

    def connect(server, **arguments):
        arguments = {"service": "heygen", "api_key": "key", "clock": clock, **arguments}
        clients.append(VideoTranslationClient(server.url, **arguments))
        return clients[-1]

    yield connect
    for client in clients:
        client.shutdown(cancel_futures=True)


@pytest.fixture
def heygen(clock):
    """HeyGen's language on the virtual clock."""
    with MockServer(service="heygen", clock=clock, seed=1, strict=True) as server:
        yield server


def test_a_check_gives_one_answer_of_each_job_in_their_order(server, make_client):
    """A job that runs is no timeout, and one that failed is a report like the others."""
    server.job("done", duration=0)
    server.job("failed", duration=0, outcome="error")
    server.job("running", duration=100)
    answers = make_client().check(["running", "done", "failed", "running"])
    assert [(job_id, str(answer.status)) for job_id, answer in answers.items()] == [
        ("running", "pending"),
        ("done", "completed"),
        ("failed", "error"),
    ]
    assert all(isinstance(answer, StatusReport) for answer in answers.values())
    assert len(server.requests) == 3


def test_a_check_of_nothing_asks_for_nothing(server, make_client):
    """A table may be empty."""
    assert make_client().check(iter([])) == {}
    assert server.requests == []


def test_a_failed_poll_and_a_rejected_one_are_answers(server, make_client):
    """Neither is tried again, nor raised."""
    server.job("busy", duration=0, faults={1: Fault.http(500)})
    server.job("forbidden", duration=0, faults={1: Fault.http(403)})
    answers = make_client().check(["busy", "forbidden"])
    assert type(answers["busy"]) is PollError
    assert answers["busy"].status_code == 500
    assert type(answers["forbidden"]) is RejectedError
    assert [error.job_id for error in answers.values()] == ["busy", "forbidden"]
    assert len(server.requests) == 2


def test_a_job_that_the_service_does_not_know_is_not_found_at_once(heygen, connect, clock):
    """It has no half minute to appear: whoever checks may do so again."""
    answers = connect(heygen, batch=False).check(["nobody"])
    assert type(answers["nobody"]) is JobNotFoundError
    assert clock.monotonic() == 0
    assert len(heygen.requests) == 1


def test_a_service_that_tells_of_many_is_asked_for_many(heygen, connect, clock):
    """Only the ends are read one by one, as they have the results."""
    for name in names(250):
        heygen.job(name, duration=0 if name == "job-7" else 100)
    answers = connect(heygen).check(names(250))
    assert [*answers] == names(250)
    asked = [request.job_ids for request in heygen.requests]
    assert sorted(map(len, asked)) == [1, 50, 100, 100]
    assert ("job-7",) in asked
    assert answers["job-7"].result.endswith("/video.mp4")
    assert clock.monotonic() < 1


def test_one_wrong_id_among_many_spoils_no_other_answer(heygen, connect):
    """What the answer for many does not tell is asked one by one, at once."""
    heygen.job("job-1", duration=100)
    heygen.job("job-2", duration=100, faults={1: Fault.http(400)})
    answers = connect(heygen).check(["job-1", "job-2", "unknown"])
    assert [str(answers[name].status) for name in ("job-1", "job-2")] == ["pending", "pending"]
    assert type(answers["unknown"]) is JobNotFoundError


def test_the_end_that_an_answer_for_many_told_stands_where_its_result_cannot_be_read(
    heygen, connect
):
    """That the job has ended is known by then."""
    heygen.job("job-1", duration=0, faults={2: Fault.http(500)})
    heygen.job("job-2", duration=100)
    answers = connect(heygen).check(["job-1", "job-2"])
    assert (answers["job-1"].status, answers["job-1"].result) == ("completed", None)


def test_the_pace_of_the_client_holds_and_what_was_not_asked_in_time_says_so(
    server, make_client, clock
):
    """Ten requests a second ask for no more than fifty jobs in five seconds."""
    answers = make_client(max_rate=10).check(names(200), timeout=5)
    late = [answer for answer in answers.values() if isinstance(answer, VideoTranslationError)]
    assert len(server.requests) + len(late) == 200
    assert 45 <= len(server.requests) <= 51
    assert {type(error) for error in late} == {PollError}
    assert "it was not asked for until the limit was reached" in str(late[0])
    assert clock.monotonic() == pytest.approx(5, abs=0.3)


def test_a_poll_that_hangs_is_a_poll_error_in_time(server, make_client, clock):
    """The check is over when it should be."""
    server.job("slow", duration=0, faults={1: Fault.slow(100)})
    answers = make_client().check(["slow"], timeout=3)
    assert isinstance(answers["slow"], PollError)
    assert "no answer when the limit was reached" in str(answers["slow"])
    assert clock.monotonic() == pytest.approx(3, abs=0.3)


def test_a_pause_that_the_service_wants_holds_a_check_too(server, make_client):
    """Where it is longer than the time that is left, there is no use in waiting."""
    server.job("busy", duration=0, faults={1: Fault.http(429, {"Retry-After": "60"})})
    client = make_client()
    assert client.check(["busy"])["busy"].status_code == 429
    assert isinstance(client.check(["other"])["other"], PollError)
    assert len(server.requests) == 1


def test_a_check_spends_nothing_of_a_wait_for_the_same_job(server, make_client, clock):
    """They know nothing of each other, and a wait that goes on is not asked any later."""
    server.job("job-1", duration=10)
    client = make_client(max_attempts=5)
    with clock.paused():
        future = client.submit("job-1")
        clock.advance(0.5)
        assert client.check(["job-1"])["job-1"].status == "pending"
        assert future.attempts == 1
    assert future.result(PATIENCE) == "completed"


def test_listeners_hear_of_the_polls_of_a_check_alone(server, make_client):
    """It begins no wait and ends none, so no count of waits may go wrong by it."""
    heard = []
    server.job("done", duration=0)
    server.job("busy", duration=0, faults={1: Fault.http(503, {"Retry-After": "1"})})
    make_client(on_event=heard.append, max_concurrency=1).check(["done", "busy", "running"])
    assert {type(event) for event in heard} == {Polled, Paced}
    polls = {event.job_id: event for event in heard if isinstance(event, Polled)}
    assert [*polls] == ["done", "busy", "running"]
    assert [str(polls[name].status) for name in polls] == ["completed", "None", "pending"]
    assert polls["busy"].error.status_code == 503
    assert {event.next_poll for event in polls.values()} == {None}


def test_a_strategy_that_learns_hears_nothing_of_a_check(server, make_client):
    """That a job has ended by now says nothing of how long it took."""
    learner = Learner()
    server.job("done", duration=0)
    client = make_client(strategy=learner)
    client.check(["done", "running"])
    assert client.get_status("done") == "completed"
    assert [end.job_id for end in learner.ends] == ["done"]
    assert len(learner.ends) == 1
    assert len(learner.moments) == 1  # when the client was made


def test_a_check_logs_no_end(server, make_client, caplog):
    """Whoever asked has the answers."""
    server.job("forbidden", duration=0, faults={1: Fault.http(403)})
    make_client().check(["forbidden", "running"])
    assert [record for record in caplog.records if record.name == "video_translation_client"] == []


def test_what_the_users_own_code_raises_is_raised(server, make_client):
    """It says nothing of a job, and is no answer."""
    session = requests.Session()

    def sign(request):
        raise SystemExit("no token")

    session.auth = sign
    with pytest.raises(SystemExit, match="no token"):
        make_client(session=session).check(["job-1"])


def test_a_client_that_shuts_down_ends_a_check(server, make_client):
    """With an answer for each, as always."""
    client = make_client(on_event=lambda event: client.shutdown(wait=False, cancel_futures=True))
    answers = client.check(["job-1", "job-2", "job-3"], timeout=10)
    assert [*answers] == ["job-1", "job-2", "job-3"]
    cancelled = [answer for answer in answers.values() if isinstance(answer, PollError)]
    assert cancelled
    assert "cancelled" in str(cancelled[0])
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        client.check(["job-1"])


@pytest.mark.parametrize("timeout", [0, -1, None, "5", float("inf")])
def test_a_timeout_that_makes_no_sense_is_refused(make_client, timeout):
    """It bounds a call that blocks."""
    with pytest.raises((TypeError, ValueError), match="^timeout must be a number above 0"):
        make_client().check(["job-1"], timeout=timeout)
