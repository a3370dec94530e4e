"""The moments to poll at, against all others: no plan costs less."""

import itertools
import math

import pytest

from video_translation_client.timing._distribution import Distribution
from video_translation_client.timing._schedule import Schedule

pytestmark = pytest.mark.one_python

_CELLS = 200


def bells(*peaks):
    """A distribution from 10 s to 1000 s, of bells over the logarithm of the seconds."""
    begin, step = math.log(10), math.log(100) / _CELLS

    def mass(x):
        return sum(math.exp(-0.5 * ((x - math.log(peak)) / spread) ** 2) for peak, spread in peaks)

    return Distribution(begin, step, [mass(begin + (i + 0.5) * step) for i in range(_CELLS)])


NARROW = bells((100, 0.1))
WIDE = bells((100, 0.6))
TWO = bells((40, 0.1), (400, 0.2))


def jobs_of(distribution, count=400):
    """Durations that stand for all of a distribution."""
    return [distribution.quantile((i + 0.5) / count) for i in range(count)]


def polls_of(schedule, until):
    """The moments at which a job is polled that runs so long."""
    polls = [schedule.next(0.0)]
    while polls[-1] < until:
        polls.append(schedule.next(polls[-1]))
    return polls


def cost_between(jobs, before, poll, poll_cost):
    """What all jobs cost from one poll to the next."""
    late = sum(poll - job for job in jobs if before < job <= poll)
    return poll_cost * sum(1 for job in jobs if job > before) + late


def cost_of(jobs, polls, poll_cost):
    """The cost of a plan: of its polls, and of the time that ends go unseen; a job."""
    pairs = zip([0.0, *polls], polls)
    return sum(cost_between(jobs, *pair, poll_cost) for pair in pairs) / len(jobs)


def least_cost(jobs, poll_cost, moments=13):
    """The cost of the best of all plans whose polls are at some of a few moments."""
    places = [job * 1.0001 for job in jobs[len(jobs) // moments - 1 :: len(jobs) // moments]]
    places[-1] = jobs[-1]
    grid = [0.0, *places]
    costs = {
        (one, other): cost_between(jobs, grid[one], grid[other], poll_cost)
        for one, other in itertools.combinations(range(len(grid)), 2)
    }
    between, last = range(1, len(grid) - 1), len(grid) - 1
    plans = itertools.chain.from_iterable(
        itertools.combinations(between, count) for count in range(len(between) + 1)
    )
    least = min(sum(costs[pair] for pair in zip((0, *p), (*p, last))) for p in plans)
    return least / len(jobs)


@pytest.mark.parametrize("poll_cost", [0.3, 3.0, 30.0, 300.0])
@pytest.mark.parametrize("distribution", [NARROW, WIDE, TWO], ids=["narrow", "wide", "two peaks"])
def test_no_plan_costs_less(distribution, poll_cost):
    """Of all plans over a few moments, the best one is hardly cheaper, or dearer."""
    jobs = jobs_of(distribution)
    polls = polls_of(Schedule(distribution, poll_cost), jobs[-1])
    assert cost_of(jobs, polls, poll_cost) <= 1.02 * least_cost(jobs, poll_cost)


@pytest.mark.parametrize("distribution", [NARROW, WIDE, TWO], ids=["narrow", "wide", "two peaks"])
def test_each_poll_moved_would_cost_more(distribution):
    """However a single poll is moved or left out, nothing is gained by it."""
    jobs = jobs_of(distribution)
    polls = polls_of(Schedule(distribution, 3.0), jobs[-1])
    least = cost_of(jobs, polls, 3.0)
    for index in range(len(polls) - 1):
        for factor in (0.97, 1.03):
            moved = sorted([*polls[:index], polls[index] * factor, *polls[index + 1 :]])
            assert cost_of(jobs, moved, 3.0) >= 0.99 * least
        assert cost_of(jobs, polls[:index] + polls[index + 1 :], 3.0) >= 0.99 * least


@pytest.mark.parametrize("poll_cost", [1e-3, 3.0, 1e4])
@pytest.mark.parametrize("distribution", [NARROW, WIDE, TWO], ids=["narrow", "wide", "two peaks"])
def test_the_next_poll_is_later_than_now(distribution, poll_cost):
    """Whatever the age, also before the first moment, between two, and beyond the last."""
    schedule = Schedule(distribution, poll_cost)
    for age in [0.0, *(10 ** (exponent / 20) for exponent in range(-60, 180))]:
        assert schedule.next(age) > age


def test_a_poll_that_comes_late_does_not_move_those_before_it():
    """A later age never means an earlier poll."""
    schedule = Schedule(WIDE, 3.0)
    nexts = [schedule.next(age) for age in range(2000)]
    assert nexts == sorted(nexts)


def test_intervals_grow_beyond_all_that_is_known():
    """A job that outlasts all others is asked ever less often, and does not get lost."""
    polls = polls_of(Schedule(NARROW, 3.0), 1e6)
    waits = [later - poll for poll, later in zip(polls, polls[1:]) if poll > 1000]
    assert waits == sorted(waits)
    assert waits[0] < 0.2 * 1000
    assert waits[-1] < 0.2 * 1e6
    assert waits[-1] > 10 * waits[0]


def test_dearer_polls_are_fewer():
    """The more a poll costs, the fewer there are, and the later the first."""
    plans = [polls_of(Schedule(WIDE, cost), 900) for cost in (0.3, 1, 3, 10, 30, 100)]
    counts = [len(plan) for plan in plans]
    assert counts == sorted(set(counts), reverse=True)


def test_nothing_is_asked_while_no_job_ends():
    """Between two peaks there is a gap without a poll; where jobs end, there are many."""
    polls = polls_of(Schedule(TWO, 0.3), 900)
    assert polls[0] > 25
    assert not [poll for poll in polls if 90 < poll < 180]
    assert len([poll for poll in polls if 25 < poll < 60]) >= 3


def test_jobs_that_take_the_same_need_one_poll():
    """Where all end within a moment, one poll right after it is best."""
    schedule = Schedule(Distribution(math.log(100), 1e-4, [1.0]), 3.0)
    assert polls_of(schedule, 100.0)[0] == pytest.approx(100, rel=0.001)


def test_fewer_moments_do_nearly_as_well():
    """A plan that is found in half the time costs a little more."""
    jobs = jobs_of(WIDE)
    costs = [cost_of(jobs, polls_of(Schedule(WIDE, 3.0, n), jobs[-1]), 3.0) for n in (240, 120)]
    assert costs[1] <= 1.03 * costs[0]
