"""A job's own progress: believed as far as it agrees with itself, whatever it says."""

import itertools
import math
import random

import pytest

from video_translation_client import ExponentialBackoff, Moment
from video_translation_client.timing import DurationAware, simulate

pytestmark = pytest.mark.one_python

POLL_COST = 3.0


def waits_of(result):
    """Seconds between the polls of a job, for all jobs."""
    return [later - poll for polls in result.polls for poll, later in zip(polls, polls[1:])]


def knowing(duration, count=20, **hints):
    """A strategy that knows of jobs that took so long."""
    strategy = DurationAware(POLL_COST)
    for _ in range(count):
        strategy.history.record(duration, **hints)
    return strategy


def linear(elapsed, duration):
    """An honest progress."""
    return elapsed / duration


def test_an_exact_progress_is_followed_to_the_end():
    """Few polls, and the end is seen soon, with jobs of very different durations."""
    durations = [60, 300, 1000, 3000] * 3
    result = simulate(DurationAware(), durations, progress=linear)
    plain = simulate(ExponentialBackoff(), durations)
    assert result.polls_per_job < 0.5 * plain.polls_per_job
    assert result.mean_lateness < 0.5 * plain.mean_lateness
    assert min(waits_of(result)[1:]) >= 1


def test_a_noisy_progress_helps():
    """It is believed less, and the ends are seen all the same."""
    chance = random.Random(1)

    def noisy(elapsed, duration):
        return min(1.0, elapsed / duration * math.exp(chance.gauss(0, 0.1)))

    durations = [300, 1000, 2000] * 4
    result = simulate(DurationAware(), durations, progress=noisy)
    plain = simulate(ExponentialBackoff(), durations)
    assert result.polls_per_job < plain.polls_per_job
    assert result.mean_lateness < 2 * plain.mean_lateness


LIES = {
    "stuck at 97 %": lambda elapsed, duration: min(0.97, elapsed / 30),
    "about to end": lambda elapsed, duration: elapsed / (elapsed + 1),
    "all, while it runs": lambda elapsed, duration: 1.0,
    "back and forth": lambda elapsed, duration: elapsed % 100 / 100,
    "nothing": lambda elapsed, duration: 0.0,
    "falling": lambda elapsed, duration: 1 - elapsed / duration,
    "far too fast": lambda elapsed, duration: min(0.99, (elapsed / duration) ** 0.2),
    "too slow": lambda elapsed, duration: (elapsed / duration) ** 1.5,
}


@pytest.mark.parametrize("known", [False, True], ids=["first job", "known duration"])
@pytest.mark.parametrize("progress", LIES.values(), ids=LIES)
def test_a_progress_that_lies_does_no_harm(progress, known):
    """The polls stay few, never closer than one is worth, and the end is seen."""
    strategy = knowing(1000.0) if known else DurationAware(POLL_COST)
    fallback = ExponentialBackoff(initial_wait_time=4, backoff_factor=1.5)
    result = simulate(strategy, [1000], progress=progress, fallback=fallback)
    assert result.polls_per_job < 40
    assert min(waits_of(result)) >= POLL_COST - 1e-9
    assert result.max_lateness < 300


def test_a_progress_that_stands_still_for_hours_costs_less_than_none():
    """The longer a job outlasts what it foretold, the longer the waits."""
    result = simulate(DurationAware(), [20_000], progress=LIES["stuck at 97 %"])
    waits = waits_of(result)
    assert min(waits[100:]) > 2 * max(waits[:10])
    assert result.polls_per_job < 0.5 * simulate(ExponentialBackoff(), [20_000]).polls_per_job


def told(*progress, elapsed=50.0, **hints):
    """What is known after such answers."""
    return Moment(len(progress) + 1, elapsed, progress=progress, fallback=12.5, **hints)


@pytest.mark.parametrize("progress", [(), ((50.0, 0.0),), ((50.0, 0.01),), ((0.0, 0.5),)], ids=str)
def test_what_tells_nothing_leaves_the_others(progress):
    """Without a reading that means anything, the durations of others count, or the fallback."""
    strategy, moment = knowing(200.0), told(*progress)
    assert strategy(moment) == strategy(told())
    assert strategy.estimate(moment) == strategy.estimate(told())
    assert DurationAware()(moment) == 12.5


def test_a_reading_at_the_very_start_of_a_job_tells_nothing():
    """No time has passed of which anything could be a part."""
    assert DurationAware()(told((0.0, 0.5), elapsed=0.0)) == 12.5
    assert DurationAware()(told((1.0, 0.5), elapsed=0.0)) == 12.5


def test_a_reading_that_repeats_counts_once():
    """It tells of the time when it was new."""
    once = DurationAware().estimate(told((10.0, 0.2)))
    assert DurationAware().estimate(told((10.0, 0.2), (30.0, 0.2), (50.0, 0.2))) == once


def test_readings_that_agree_are_believed_more():
    """The more of them, the narrower the estimate."""
    widths = []
    for count in (1, 3, 8):
        readings = [(50.0 * (i + 1) / count, 0.5 * (i + 1) / count) for i in range(count)]
        estimate = DurationAware().estimate(told(*readings))
        assert estimate.median == pytest.approx(50, rel=0.1)
        widths.append(estimate.high - estimate.low)
    assert widths == sorted(set(widths), reverse=True)


def test_readings_that_contradict_each_other_are_believed_less():
    """The estimate is wider than of those that agree."""
    one = DurationAware().estimate(told((25.0, 0.25), (50.0, 0.5)))
    other = DurationAware().estimate(told((25.0, 0.5), (50.0, 0.5001)))
    assert other.high - other.low > 1.5 * (one.high - one.low)


def test_the_durations_of_others_and_the_progress_count_together():
    """The end lies near what the progress says, and a little towards the others."""
    moment = told((50.0, 0.5))
    alone, with_longer = (s.estimate(moment).median for s in (DurationAware(), knowing(120.0)))
    assert alone < with_longer < 90


def test_a_job_of_a_kind_that_was_never_seen_is_followed():
    """Its progress is believed, though no other took so long."""
    moment = told((2000.0, 0.2), (4000.0, 0.4), elapsed=4000.0)
    assert knowing(100.0).estimate(moment).median == pytest.approx(6000, rel=0.2)
    assert knowing(100.0)(moment) > 300


def test_the_age_is_part_of_what_the_progress_means():
    """Of a job that had run for 150 s at the submit, half is done after 200 s, not after 50."""
    estimate = DurationAware().estimate(told((50.0, 0.5), age=200.0))
    assert estimate.median == pytest.approx(200, rel=0.15)


def test_what_is_expected_stands_beside_the_progress():
    """As the durations of others, in parts of it."""
    strategy = knowing(2.0, expected=1.0)
    moment = told((50.0, 0.5), expected=50.0)
    assert strategy.estimate(moment).median == pytest.approx(50, rel=0.1)


def test_a_progress_that_was_wrong_for_long_counts_no_more():
    """What it has foretold in vain is forgotten; the others tell when it ends."""
    moment = told((10.0, 0.9), elapsed=300.0)
    assert knowing(400.0).estimate(moment).median == pytest.approx(100, rel=0.3)


def test_polls_are_never_closer_than_one_is_worth():
    """However sure the end is."""
    strategy = DurationAware(POLL_COST)
    for parts in itertools.product((0.9, 0.99, 0.999), repeat=2):
        assert strategy(told((49.0, parts[0]), (50.0, parts[1]))) >= POLL_COST
