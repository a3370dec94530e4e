"""A job's own progress tells its end as far as it can be believed."""

import random

import pytest

from video_translation_client import Moment
from video_translation_client.timing import DurationAware, simulate

pytestmark = pytest.mark.one_python

DURATIONS = [200.0 + 7 * number for number in range(60)]


def lateness(simulation):
    """The mean, as a part of the mean duration."""
    return simulation.mean_lateness / (sum(DURATIONS) / len(DURATIONS))


def test_progress_that_is_exact_is_followed_to_the_end():
    """Without a history."""
    found = simulate(DurationAware(), DURATIONS, progress=lambda elapsed, all_: elapsed / all_)
    assert found.polls_per_job < 9
    assert lateness(found) < 0.03


def test_noise_is_averaged():
    """Of 20 % more or less in each reading."""
    chance = random.Random(1)
    found = simulate(
        DurationAware(1.0),
        DURATIONS,
        progress=lambda elapsed, all_: min(0.99, elapsed / all_ * chance.uniform(0.8, 1.2)),
    )
    assert found.polls_per_job < 13
    assert lateness(found) < 0.04


@pytest.mark.parametrize(
    "progress",
    [
        lambda elapsed, all_: min(0.97, 3 * elapsed / all_),
        lambda elapsed, all_: 0.5,
        lambda elapsed, all_: 1.0,
        lambda elapsed, all_: 0.0,
        lambda elapsed, all_: elapsed % 60 / 60,
        lambda elapsed, all_: elapsed / (elapsed + 5),
        lambda elapsed, all_: 1 - 0.9 * elapsed / all_,
    ],
    ids=["stuck at 97 %", "always half", "done", "none", "jumps back", "about to end", "backwards"],
)
def test_progress_that_means_nothing_makes_it_spin_on_no_job(progress):
    """It asks no oftener than a poll is worth, and falls back on what else is known."""
    strategy = DurationAware()
    found = simulate(strategy, DURATIONS, progress=progress)
    intervals = [
        later - moment for moments in found.polls for moment, later in zip(moments[1:], moments[2:])
    ]
    assert min(intervals) > 0.9
    assert found.polls_per_job < 40
    assert lateness(found) < 0.2


def test_progress_moves_the_estimate():
    """From what is usual to what the job itself says; one that has just begun says nothing."""
    strategy = DurationAware()
    for _ in range(50):
        strategy.history.record(300.0)
        strategy.history.record(500.0)
    usual = strategy.estimate(Moment(2, 100.0)).median
    assert strategy.estimate(Moment(2, 100.0, progress=((100.0, 0.001),))).median == usual
    slow = strategy.estimate(Moment(3, 100.0, progress=((50.0, 0.1), (100.0, 0.2))))
    assert slow.median == pytest.approx(400, rel=0.1)


def test_progress_counts_from_the_start_of_the_job():
    """Half done 50 seconds after the submit, of a job that had run for 150, is 200 more."""
    moment = Moment(3, 50.0, age=200.0, progress=((0.0, 0.375), (50.0, 0.5)))
    assert DurationAware().estimate(moment).median == pytest.approx(200, rel=0.1)
