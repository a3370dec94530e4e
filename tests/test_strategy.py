"""When to ask next is a pure function of what is known."""

import pytest

from video_translation_client import ExponentialBackoff, FixedInterval, Moment

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
