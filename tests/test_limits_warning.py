"""Limits that contradict each other are pointed out when the client is made."""

import warnings

import pytest

from video_translation_client import VideoTranslationClient

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
