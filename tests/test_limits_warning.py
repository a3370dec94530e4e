"""Arguments that contradict each other are pointed out when they are given."""

import warnings

import pytest
from conftest import PATIENCE

from video_translation_client import VideoTranslationClient
from video_translation_client.strategy import FixedInterval

pytestmark = pytest.mark.one_python

URL = "http://127.0.0.1:5000"


def test_attempts_that_are_spent_long_before_the_wait_time_warn_with_the_numbers():
    """Ten attempts last for minutes, not for half an hour."""
    with pytest.warns(UserWarning, match="^max_attempts and max_wait_time contradict") as caught:
        VideoTranslationClient(URL, max_wait_time=1800)
    assert str(caught[0].message).endswith(
        ": poll 10, the last, comes after 156 s at most, long before 1800 s;"
        " pass max_attempts=None to wait by time alone"
    )
    assert caught[0].filename == __file__


def test_attempts_at_a_fixed_interval_are_reckoned_with_as_well():
    """Ten of them every minute last for nine minutes, not for an hour."""
    with pytest.warns(UserWarning, match="^max_attempts and max_wait_time .* after 540 s at most"):
        VideoTranslationClient(URL, max_wait_time=3600, strategy=FixedInterval(60, jitter=0))


def test_a_first_wait_above_the_cap_warns():
    """Otherwise every wait would be shorter than the caller asked for."""
    with pytest.warns(
        UserWarning, match="^initial_wait_time and max_interval .* 60 s is above 30 s"
    ):
        VideoTranslationClient(URL, initial_wait_time=60)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"max_attempts": 3},
        {"max_attempts": None, "max_wait_time": 7200},
        {"max_attempts": 50, "max_wait_time": 1800},
        {"max_attempts": None, "max_wait_time": None},
        {"max_wait_time": None},
        {"max_attempts": 10**15, "max_wait_time": 10**9, "initial_wait_time": 0.01},
        {"max_attempts": 10**400, "max_wait_time": 100},
        {"max_attempts": 2, "max_wait_time": 1800, "strategy": lambda *known: 900.0},
    ],
)
def test_limits_that_agree_do_not_warn(arguments):
    """Nor do those that the caller left at their defaults, or that a strategy may fill."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        VideoTranslationClient(URL, **arguments)


def test_a_first_wait_above_the_cap_warns_where_it_is_what_is_fallen_back_on():
    """Waits beside a strategy are what the client does without it."""
    with pytest.warns(UserWarning, match="^initial_wait_time and max_interval .* 60 s is above"):
        VideoTranslationClient(URL, initial_wait_time=60, strategy=lambda moment: 1.0)


@pytest.mark.parametrize("name", ["initial_wait_time", "max_interval"])
def test_waits_that_are_shorter_than_the_service_wants_warn_with_both_numbers(name):
    """And say how to have them all the same."""
    with pytest.warns(UserWarning, match=f"^{name} and min_interval contradict") as caught:
        VideoTranslationClient(service="heygen", api_key="key-1", **{name: 5})
    assert str(caught[-1].message).endswith(
        ": 5 s is below 30 s, and service 'heygen' wants a job asked no oftener than that;"
        " pass min_interval=5 to ask so often all the same"
    )
    assert caught[-1].filename == __file__


def test_an_interval_that_is_shorter_than_the_service_wants_warns():
    """Of waits that count for nothing beside it, nothing is said."""
    with pytest.warns(UserWarning, match="^interval and min_interval .* 5 s is below 30 s"):
        VideoTranslationClient(
            service="heygen", api_key="key-1", initial_wait_time=6, strategy=FixedInterval(5)
        )


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"initial_wait_time": 30, "max_interval": 30},
        {"initial_wait_time": 5, "min_interval": 5},
        {"initial_wait_time": 5, "min_interval": 20},
        {"jitter": 0},
        {"strategy": lambda moment: 1.0},
    ],
)
def test_waits_that_the_service_or_the_user_allows_do_not_warn(arguments):
    """Nor do defaults, or a strategy, whose waits nobody knows."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        VideoTranslationClient(service="heygen", api_key="key-1", **arguments)


def test_the_least_wait_counts_in_what_the_attempts_last_for():
    """Twenty polls that come every minute last as long as a wait of twenty minutes."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        VideoTranslationClient(URL, max_attempts=20, max_wait_time=1200, min_interval=60)


@pytest.mark.parametrize("call", ["submit", "get_status"])
def test_a_job_that_is_expected_to_outlast_its_wait_warns_with_both_numbers(server, clock, call):
    """At the line of the call; the wait goes on all the same."""
    server.job(duration=0)
    with VideoTranslationClient(server.url, clock=clock, max_wait_time=50) as client:
        with pytest.warns(UserWarning, match="^expected and max_wait_time contradict") as caught:
            ended = getattr(client, call)(expected=90, age=30)
        assert str(caught[0].message).endswith(
            ": the job is expected to take another 60 s, and the wait for it ends after 50 s;"
            " raise max_wait_time"
        )
        assert caught[0].filename == __file__
        assert (ended if call == "get_status" else ended.result(PATIENCE)) == "completed"


@pytest.mark.parametrize(
    ("limit", "hints"),
    [
        (50, {"expected": 50}),
        (50, {"expected": 90, "age": 40}),
        (50, {"expected": 10, "age": 400}),
        (50, {"age": 400, "group": "long"}),
        (None, {"expected": 10**9}),
    ],
)
def test_a_job_that_is_expected_to_end_in_time_does_not_warn(server, clock, limit, hints):
    """What it has run already counts; without a limit, all are in time."""
    server.job(duration=0)
    with VideoTranslationClient(server.url, clock=clock, max_wait_time=limit) as client:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            future = client.submit(**hints)
        assert future.result(PATIENCE) == "completed"
