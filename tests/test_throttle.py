"""The pace of all requests together."""

import pytest

from video_translation_client.throttle import Throttle


def test_without_a_rate_every_moment_will_do():
    """Any number of requests may start at once."""
    throttle = Throttle(None)
    for _ in range(100):
        assert throttle.next_start(7.0) == 7.0
        throttle.started(7.0)


@pytest.mark.parametrize("rate", [0.5, 3, 100])
def test_no_window_of_a_second_holds_more_starts_than_the_rate(rate):
    """Starts that come as early as they may are spaced evenly, also after a quiet time."""
    throttle = Throttle(rate)
    starts, now = [], 0.0
    for number in range(1000):
        now = throttle.next_start(now + (5.0 if number == 500 else 0.0))
        throttle.started(now)
        starts.append(now)
    gaps = [later - earlier for earlier, later in zip(starts, starts[1:])]
    assert min(gaps) >= 1 / rate - 1e-9
