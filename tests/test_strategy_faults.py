"""A strategy of one's own that fails: its wait goes on without it, and one line says so."""

import logging

import pytest
from conftest import PATIENCE

from video_translation_client import Service, Stages, VideoTranslationClient, Words

WRONG = [-1, float("nan"), float("inf"), None, True, "soon", 10**400]


def good_at_first(fail):
    """A strategy that says 1 s before the first answer, and then what ``fail`` does."""
    return lambda moment: 1.0 if moment.report is None else fail()


def faults(caplog):
    """The lines at ERROR, with what they show of the traceback."""
    return [record for record in caplog.records if record.levelno == logging.ERROR]


def raising(error):
    """A function that raises ``error``."""

    def fail():
        raise error

    return fail


@pytest.mark.parametrize("wait", WRONG, ids=repr)
def test_after_a_wait_that_is_none_the_job_is_asked_for_as_if_there_were_no_strategy(
    server, make_client, caplog, wait
):
    """With the backoff of the client's other arguments, poll by poll; the first is logged."""
    server.job("job-1", duration=20)
    client = make_client(strategy=good_at_first(lambda: wait), initial_wait_time=3)
    future = client.submit("job-1")
    assert future.result(PATIENCE) == "completed"
    assert [request.time for request in server.requests] == [0, 3, 9, 21]
    (fault,) = faults(caplog)
    assert fault.name == "video_translation_client"
    assert fault.getMessage().startswith("the strategy's wait must be a number, 0 or more, not ")
    assert "; the wait goes on as it would without it; " in fault.getMessage()
    assert fault.exc_info[2] is not None


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("a mistake"), SystemExit("no more"), KeyboardInterrupt()], ids=repr
)
def test_what_a_strategy_raises_ends_no_wait_and_is_logged_once_for_each_client(
    server, make_client, caplog, error
):
    """Whatever it is, as for callbacks: with its traceback, however many jobs and polls follow."""
    for number in range(5):
        server.job(f"job-{number}", duration=20)
    client = make_client(strategy=good_at_first(raising(error)))
    futures = [client.submit(f"job-{number}") for number in range(5)]
    assert {future.result(PATIENCE) for future in futures} == {"completed"}
    assert {future.attempts for future in futures} == {6}
    (fault,) = faults(caplog)
    assert fault.getMessage().startswith(f"the strategy raised {type(error).__name__}; ")
    assert fault.exc_info[1] is error
    other = make_client(strategy=good_at_first(raising(error)))
    assert other.get_status("job-0") == "completed"
    assert other.get_status("job-0") == "completed"


def test_a_strategy_that_is_well_again_is_followed_again(server, make_client):
    """One bad poll is one bad poll."""
    said = iter([5.0, -1, 5.0])
    server.job("job-1", duration=11)
    future = make_client(strategy=lambda moment: next(said, 5.0)).submit("job-1")
    assert future.result(PATIENCE) == "completed"
    assert [request.time for request in server.requests] == [0, 1, 6, 11]


def acme(strategy):
    """A service with a pace of its own."""
    return Service(
        "acme", path="/status/{job_id}", status="result", words=Words(), strategy=strategy
    )


def test_the_pace_of_the_service_is_what_is_fallen_back_on(server, clock, caplog):
    """Where the user has given no waits; and that of a service of one's own may fail as well."""
    server.job("job-1", duration=20)
    for strategy, of_service, times in (
        (good_at_first(raising(ValueError())), Stages(((0.0, 7.0),), jitter=0), [0, 7, 14, 21]),
        (good_at_first(lambda: -1), good_at_first(raising(OSError())), [0, 1, 3, 7, 15, 31]),
        (None, good_at_first(lambda: "soon"), [0, 1, 3, 7, 15, 31]),
        (lambda moment: 15.0, good_at_first(raising(OSError())), [0, 15, 30]),
    ):
        caplog.clear()
        server.job("job-1", duration=20)
        asked, began = len(server.requests), clock.monotonic()
        with VideoTranslationClient(
            server.url, service=acme(of_service), strategy=strategy, clock=clock, random=lambda: 0.0
        ) as client:
            assert client.get_status("job-1") == "completed"
        assert [request.time - began for request in server.requests[asked:]] == times
        assert len(faults(caplog)) == 1


@pytest.mark.parametrize("wait", WRONG, ids=repr)
def test_a_wait_that_is_none_is_refused_when_the_client_is_made(wait):
    """The strategy is asked once then, and its user is there to mend it."""
    with pytest.raises((TypeError, ValueError), match="^the strategy's wait must be a number"):
        VideoTranslationClient("http://127.0.0.1:1", strategy=lambda moment: wait)


@pytest.mark.parametrize("error", [ZeroDivisionError("a mistake"), SystemExit("no more")], ids=repr)
def test_what_a_strategy_raises_when_the_client_is_made_reaches_who_makes_it(error, caplog):
    """As it is: most often it forgets that there is no report before the first answer."""
    with pytest.raises(type(error)) as caught:
        VideoTranslationClient("http://127.0.0.1:1", strategy=lambda moment: raising(error)())
    assert caught.value is error
    assert faults(caplog) == []


def test_a_strategy_that_counts_as_false_is_one_all_the_same(server, make_client):
    """One that keeps what it has learned may have a length, and begins with none."""

    class Learner(list):
        def __call__(self, moment):
            return 10.0

        def ended(self, end):
            self.append(end)

    learner = Learner()
    server.job("job-1", duration=15)
    client = make_client(strategy=learner)
    assert client.get_status("job-1") == "completed"
    client.shutdown()
    assert [end.elapsed for end in learner] == [20]


def test_what_a_strategy_raises_of_an_end_changes_nothing(server, make_client, caplog):
    """It is logged, as what a callback raises is."""

    class Learner:
        def __call__(self, moment):
            return 1.0

        def ended(self, end):
            raise ZeroDivisionError

    server.job("job-1", duration=0)
    client = make_client(strategy=Learner())
    assert client.get_status("job-1") == "completed"
    client.shutdown()
    (fault,) = faults(caplog)
    assert fault.getMessage().startswith("a callback of job 'job-1' raised: ")
