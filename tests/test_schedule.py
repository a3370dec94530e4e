"""Polls are placed where they and the lateness cost least, for durations that are known."""

import itertools
import math

import pytest

from video_translation_client.timing._distribution import Distribution, Sample, fit
from video_translation_client.timing._schedule import Schedule

pytestmark = pytest.mark.one_python


def polls(schedule, until):
    """The moments of all polls of a job that runs until then."""
    moments = [schedule.next(0.0)]
    while moments[-1] < until:
        moments.append(schedule.next(moments[-1]))
    return moments


def cost(moments, durations, poll_cost):
    """The mean of polls and lateness, in seconds."""
    total = 0.0
    for duration in durations:
        used = next(index for index, moment in enumerate(moments) if moment >= duration)
        total += poll_cost * (used + 1) + moments[used] - duration
    return total / len(durations)


@pytest.mark.parametrize("poll_cost", [1.0, 5.0, 40.0])
def test_no_other_moments_cost_less(poll_cost):
    """Compared with all choices of polls on a grid, for jobs of 100 to 200 seconds."""
    even = Distribution(math.log(100), math.log(2) / 40, [2 ** (i / 40) for i in range(40)])
    durations = [100 + 100 * (index + 0.5) / 200 for index in range(200)]
    grid = [110.0 + 10 * index for index in range(9)]
    best = min(
        cost([*some, 200.0], durations, poll_cost)
        for count in range(len(grid) + 1)
        for some in itertools.combinations(grid, count)
    )
    found = polls(Schedule(even, poll_cost), 200.0)
    assert cost(found, durations, poll_cost) <= best * 1.02


def test_dearer_polls_are_fewer():
    """And later ones for it."""
    known = fit([Sample(100.0 + index, 110.0 + index) for index in range(0, 200, 10)])
    counts = [len(polls(Schedule(known, poll_cost), 600.0)) for poll_cost in (0.3, 3.0, 30.0)]
    assert counts == sorted(counts, reverse=True)
    assert len(set(counts)) == 3


@pytest.mark.parametrize("age", [0.0, 1e-9, 1.0, 250.0, 1e5, 1e9])
def test_the_next_poll_is_always_later(age):
    """However long a job has run already."""
    schedule = Schedule(fit([Sample(290.0, 310.0)]), 3.0)
    assert age < schedule.next(age) < math.inf


def test_what_outlasts_all_that_was_seen_is_asked_at_growing_intervals():
    """It may take for ever."""
    schedule = Schedule(fit([Sample(290.0, 310.0)] * 20), 3.0)
    moments = polls(schedule, 1e6)
    intervals = [later - moment for moment, later in zip(moments, moments[1:]) if moment > 1e5]
    assert intervals == sorted(intervals)
    assert intervals[0] > 100


def test_nothing_is_asked_before_a_job_can_have_ended():
    """Where hundreds have taken about five minutes, none is asked in the first two."""
    schedule = Schedule(fit([Sample(280.0 + n % 40, 282.0 + n % 40) for n in range(300)]), 10.0)
    assert schedule.next(0.0) > 120
