"""When to ask next is a pure function of what is known."""

import pytest
from conftest import PATIENCE

from video_translation_client import (
    ExponentialBackoff,
    FixedInterval,
    Moment,
    VideoTranslationClient,
    services,
)

pytestmark = pytest.mark.one_python


def test_waits_double_from_one_second_up_to_the_cap():
    """The n-th wait is the initial one times the factor to the n, never above the cap."""
    backoff = ExponentialBackoff(jitter=0)
    waits = [backoff(Moment(attempt, 0.0, chance=0.0)) for attempt in range(1, 9)]
    assert waits == [1, 2, 4, 8, 16, 30, 30, 30]


def test_jitter_is_added_to_every_wait_and_to_the_capped_ones_as_well():
    """Chance adds between nothing and the whole jitter."""
    backoff = ExponentialBackoff(jitter=0.5)
    assert backoff(Moment(1, 0.0, chance=0.0)) == 1.0
    assert backoff(Moment(1, 0.0, chance=0.5)) == 1.25
    assert backoff(Moment(50, 0.0, chance=0.999)) == pytest.approx(30.4995)


@pytest.mark.parametrize("attempt", [1_000, 1_000_000, 10**18])
def test_no_attempt_is_too_late_for_it(attempt):
    """Where the power overflows, the wait is the cap."""
    assert ExponentialBackoff(jitter=0)(Moment(attempt, 0.0, chance=0.0)) == 30


def test_a_factor_of_one_keeps_the_interval():
    """The same wait follows every poll."""
    backoff = ExponentialBackoff(3, 1, 0, 10)
    assert {backoff(Moment(attempt, 0.0, chance=0.0)) for attempt in range(1, 100)} == {3}


def test_two_strategies_with_the_same_numbers_are_equal_and_show_them():
    """A strategy is a value."""
    assert ExponentialBackoff(2) == ExponentialBackoff(initial_wait_time=2)
    assert "initial_wait_time=2" in repr(ExponentialBackoff(2))


def test_a_fixed_interval_is_the_same_wait_after_every_poll_but_for_jitter():
    """However many polls there were, and however long the wait takes already."""
    fixed = FixedInterval(10, jitter=2)
    assert [fixed(Moment(attempt, 99.0, chance=0.0)) for attempt in (1, 2, 1000)] == [10] * 3
    assert fixed(Moment(1, 0.0, chance=0.5)) == 11
    assert FixedInterval(10) == FixedInterval(10, jitter=0.5)


# What a client tells its strategy


class Curious:
    """A strategy that says ``wait``, and keeps what it was told."""

    def __init__(self, wait):
        self.wait, self.told = wait, []

    def __call__(self, moment):
        self.told.append(moment)
        return self.wait


def test_a_strategy_is_told_what_the_user_knows_of_the_job(server, make_client):
    """Its age grows with the wait; what is not known is None, and so is it before any job."""
    strategy = Curious(10.0)
    server.job("job-1", duration=15)
    client = make_client(strategy=strategy)
    future = client.submit("job-1", age=100, expected=120, group="fast/de")
    assert future.result(PATIENCE) == client.get_status("job-1") == "completed"
    first, *known = strategy.told
    assert [(moment.age, moment.expected, moment.group) for moment in (first, *known)] == [
        (None, None, None),
        (100, 120, "fast/de"),
        (110, 120, "fast/de"),
    ]
    assert {moment.service for moment in strategy.told} == {"default"}


@pytest.mark.parametrize(
    ("arguments", "fallbacks"),
    [
        ({"jitter": 0}, [1, 1, 2]),
        (
            {"jitter": 0, "initial_wait_time": 4, "backoff_factor": 3, "max_interval": 10},
            [4, 4, 10],
        ),
        ({"service": "synthesia", "api_key": "key-1"}, [1, 1, 2]),
        ({"service": "heygen", "api_key": "key-1"}, [30, 30, 60]),
        (
            {"service": "heygen", "api_key": "key-1", "initial_wait_time": 40, "max_interval": 50},
            [40, 40, 50],
        ),
    ],
)
def test_a_strategy_is_told_what_the_client_would_wait_without_it(clock, arguments, fallbacks):
    """The service's pace, or the user's own waits in its place; also when the client is made."""
    strategy = Curious(1000.0)
    client = VideoTranslationClient(
        "http://127.0.0.1:1",
        clock=clock,
        strategy=strategy,
        random=lambda: 0.0,
        max_attempts=3,
        max_wait_time=None,
        **arguments,
    )
    assert client.get_status("job-1") == "timeout"
    client.shutdown()
    assert [moment.fallback for moment in strategy.told] == fallbacks


def test_a_pace_of_the_service_has_nothing_to_fall_back_on(server, make_client):
    """It is what would be fallen back on."""
    strategy = Curious(1.0)
    preset = services.default_service()
    service = type(preset)("acme", status="result", strategy=strategy)
    server.job("job-1", duration=0)
    with VideoTranslationClient(server.url, service=service) as client:
        assert client.get_status("job-1") == "completed"
    assert [(moment.service, moment.fallback) for moment in strategy.told] == [("acme", None)]


def test_a_strategy_is_told_the_latest_sixteen_readings_of_the_progress(server, make_client):
    """With when they came, the oldest first; none where the service tells none."""
    strategy = Curious(1.0)
    server.job("told", duration=20, progress=True)
    server.job("untold", duration=3)
    client = make_client(strategy=strategy, max_attempts=None)
    assert client.get_status("told") == "completed"
    readings = [(second, pytest.approx(second / 20)) for second in range(20)]
    assert [list(moment.progress) for moment in strategy.told[1:]] == [
        readings[max(0, last - 15) : last + 1] for last in range(20)
    ]
    strategy.told.clear()
    assert client.get_status("untold") == "completed"
    assert {moment.progress for moment in strategy.told} == {()}
