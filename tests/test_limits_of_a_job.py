"""One job may have limits of its own, beside those of its client."""

import inspect
import warnings

import pytest
from conftest import PATIENCE

from video_translation_client import Service, VideoTranslationClient, Words
from video_translation_client.testing import MockServer

pytestmark = pytest.mark.one_python


def ended(future):
    """How a wait ended, and by which limit."""
    return (str(future.result(PATIENCE)), future.end.limit, future.end.limit_value)


@pytest.fixture
def endless(server):
    """The server, whose jobs take a year."""
    for name in "abc":
        server.job(name, duration=3e7)
    return server


def test_the_limits_of_one_job_go_before_those_of_the_client(endless, make_client, clock):
    """The others keep theirs."""
    client = make_client(max_wait_time=20)
    with clock.paused():
        usual = client.submit("a")
        long = client.submit("b", max_wait_time=50)
        few = client.submit("c", max_attempts=2)
    assert ended(usual) == ("timeout", "max_wait_time", 20)
    assert ended(long) == ("timeout", "max_wait_time", 50)
    assert ended(few) == ("timeout", "max_attempts", 2)
    assert long.elapsed == pytest.approx(50, abs=0.2)
    assert few.attempts == 2
    assert long.reason.startswith(
        "still running after 7 polls in 49.9 s; the limit max_wait_time=50"
    )
    assert "the limit max_attempts=2 is reached" in few.reason


def test_none_is_no_limit_for_this_job(endless, make_client, clock):
    """What is left out is the client's all the same."""
    client = make_client(max_attempts=5, max_wait_time=20)
    with clock.paused():
        patient = client.submit("a", max_attempts=None, max_wait_time=500)
        stubborn = client.submit("b", max_wait_time=None)
    assert ended(patient) == ("timeout", "max_wait_time", 500)
    assert patient.attempts > 10
    assert ended(stubborn) == ("timeout", "max_attempts", 5)


@pytest.mark.parametrize("call", ["get_status", "submit_all"])
def test_they_hold_for_all_who_submit(endless, make_client, call):
    """With the same words."""
    client = make_client(max_wait_time=20)
    limits = {"max_wait_time": 100, "max_attempts": None}
    if call == "get_status":
        assert client.get_status("a", **limits) == "timeout"
    else:
        ends = {ended(future) for future in client.submit_all(["a", "b"], **limits)}
        assert ends == {("timeout", "max_wait_time", 100)}
    assert endless.requests[-1].time == pytest.approx(99.9)


def test_a_strategy_is_told_what_is_left_of_the_jobs_own_time(endless, make_client):
    """Not of the client's."""
    left = {}

    def strategy(moment):
        if moment.job_id is not None:
            left.setdefault(moment.job_id, moment.remaining)
        return 5.0

    client = make_client(max_wait_time=20, strategy=strategy)
    client.get_status("a", max_wait_time=50, max_attempts=2)
    client.get_status("b", max_attempts=2)
    client.get_status("c", max_wait_time=None, max_attempts=2)
    assert left["a"] == pytest.approx(50, abs=0.1)
    assert left["b"] == pytest.approx(20, abs=0.1)
    assert left["c"] is None


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"max_wait_time": 0}, "^max_wait_time must be a number above 0, not 0; None means no lim"),
        ({"max_wait_time": "60"}, "^max_wait_time must be a number above 0, not '60'"),
        ({"max_attempts": 0}, "^max_attempts must be a whole number, 1 or more, not 0; None means"),
        ({"max_attempts": 2.5}, "^max_attempts must be a whole number, 1 or more, not 2.5"),
    ],
)
@pytest.mark.parametrize("call", ["submit", "get_status", "submit_all"])
def test_a_limit_that_makes_no_sense_is_refused(server, make_client, call, limits, message):
    """When it is given."""
    with pytest.raises((TypeError, ValueError), match=message):
        getattr(make_client(), call)("job-1" if call != "submit_all" else ["job-1"], **limits)
    assert server.requests == []


@pytest.mark.parametrize("call", ["submit", "get_status", "submit_all"])
def test_a_time_that_the_attempts_never_let_be_reached_warns_at_the_call(server, make_client, call):
    """As it does for a client: ten attempts last for minutes."""
    client = make_client(jitter=0.5)
    ids = ["job-1"] if call == "submit_all" else "job-1"
    with pytest.warns(UserWarning, match="^max_attempts and max_wait_time contradict") as caught:
        getattr(client, call)(ids, max_wait_time=3600)
    assert "poll 10, the last, comes after 156 s at most, long before 3600 s" in str(
        caught[0].message
    )
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    "limits",
    [
        {"max_wait_time": 3600, "max_attempts": None},
        {"max_wait_time": 100},
        {"max_wait_time": None},
        {"max_attempts": 1},
        {"max_wait_time": 3600, "max_attempts": 200},
    ],
)
def test_limits_that_agree_do_not_warn(make_client, limits):
    """Nor does a limit of attempts alone."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make_client().submit("job-1", **limits)


def test_where_a_strategy_paces_attempts_may_last_as_long_as_they_like(make_client):
    """As for a client."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make_client(strategy=lambda moment: 900.0).submit("job-1", max_wait_time=3600)


# The default of services, and what a job is expected to take


WORDS = Words(("on",), ("ok",), ("no",))


@pytest.fixture
def heygen(clock):
    """HeyGen's language, whose jobs take a year."""
    with MockServer(service="heygen", clock=clock, duration=3e7) as server:
        yield server


@pytest.mark.parametrize(
    ("settings", "given", "limit"),
    [
        ({}, {}, 10800),
        ({}, {"expected": 600}, 10800),
        ({}, {"expected": 3600}, 36000),
        ({}, {"expected": 3600, "age": 3000}, 36000),
        ({}, {"expected": 3600, "max_attempts": None}, 36000),
        ({}, {"expected": 3600, "max_wait_time": 7200}, 7200),
        ({"max_wait_time": 7200}, {"expected": 3600}, 7200),
    ],
)
def test_a_service_is_waited_for_ten_times_what_a_job_is_expected_to_take(
    heygen, clock, settings, given, limit
):
    """Or three hours, if that is more; any limit of the user's goes before it."""
    with VideoTranslationClient(
        heygen.url, service="heygen", api_key="key", clock=clock, **settings
    ) as client:
        assert ended(client.submit("job-1", **given)) == ("timeout", "max_wait_time", limit)


def test_a_job_that_is_expected_to_take_hours_contradicts_no_default(heygen, clock):
    """Its limit has grown with it."""
    with warnings.catch_warnings(), VideoTranslationClient(
        heygen.url, service="heygen", api_key="key", clock=clock
    ) as client:
        warnings.simplefilter("error")
        client.submit("job-1", expected=5 * 3600).cancel()


@pytest.mark.parametrize(
    ("service", "limit"),
    [
        (None, {}),
        (Service("acme", words=WORDS, max_wait_time=3000.0), {}),
        (Service("acme", words=WORDS, max_wait_time=10800.0), {}),
        (Service("acme", words=WORDS), {"max_wait_time": 3000}),
    ],
)
def test_a_limit_that_somebody_has_chosen_does_not_grow(clock, service, limit):
    """Neither the user's, nor a service's own, nor the minute; a warning tells of it."""
    client = VideoTranslationClient("http://127.0.0.1:1", service=service, clock=clock, **limit)
    with pytest.warns(UserWarning, match="^expected and max_wait_time contradict"):
        client.submit("job-1", expected=20_000).cancel()


def test_the_default_of_a_service_of_the_users_own_grows_as_well(clock):
    """It is the same as that of the services that are known by name."""
    client = VideoTranslationClient(
        "http://127.0.0.1:1", service=Service("acme", words=WORDS), clock=clock
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        client.submit("job-1", expected=20_000).cancel()


def test_help_says_whose_limit_it_is_that_was_left_out():
    """None would be no limit."""
    signature = inspect.signature(VideoTranslationClient.submit)
    assert str(signature.parameters["max_attempts"]).endswith(" = <that of the client>")
