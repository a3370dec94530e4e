"""A strategy that learns how long jobs take: what it costs, and what it says of their ends."""

import math
import random
import threading

import pytest
from conftest import PATIENCE

from video_translation_client import Ended, ExponentialBackoff, FixedInterval, Moment, Status
from video_translation_client.timing import DurationAware, DurationHistory, simulate

pytestmark = pytest.mark.one_python


def drawn(count, median=200.0, spread=0.15, seed=1):
    """Durations that scatter around a median."""
    chance = random.Random(seed)
    return [median * math.exp(chance.gauss(0, spread)) for _ in range(count)]


def knowing(durations, **hints):
    """A strategy that knows of jobs that took exactly so long."""
    strategy = DurationAware()
    for duration in durations:
        strategy.history.record(duration, **hints)
    return strategy


def at(elapsed=0.0, **hints):
    """What is known so many seconds after the submit."""
    return Moment(2, elapsed, **hints)


def median(strategy, elapsed=0.0, **hints):
    """When half of the jobs such as that one have ended, in seconds from now."""
    return strategy.estimate(at(elapsed, **hints)).median


# Before anything is known


def test_the_clients_own_pace_holds_while_nothing_is_known():
    """The first job is polled exactly as without the strategy."""
    for fallback in (ExponentialBackoff(), FixedInterval(7, jitter=2)):
        plain = simulate(fallback, [100], seed=3)
        assert simulate(DurationAware(), [100], fallback=fallback, seed=3).polls == plain.polls


def test_the_default_backoff_holds_where_there_is_no_other():
    """As where somebody calls the strategy without a client."""
    assert DurationAware()(at(fallback=None)) == ExponentialBackoff()(at())
    assert DurationAware()(at(fallback=12.5)) == 12.5


def test_nothing_is_estimated_before_anything_is_known():
    """But by what was expected, or by progress."""
    assert DurationAware().estimate(at()) is None
    assert median(DurationAware(), expected=100) == pytest.approx(100, rel=0.1)
    assert median(DurationAware(), 50, progress=((50, 0.5),)) == pytest.approx(50, rel=0.2)


def test_a_first_job_is_polled_by_what_is_expected_of_it():
    """Without history, hardly before it may end, and often when it is likely to."""
    result = simulate(DurationAware(), [100], expected=[100])
    plain = simulate(ExponentialBackoff(), [100])
    assert result.polls[0][1] > 40
    assert result.polls_per_job < plain.polls_per_job + 3
    assert result.max_lateness < 20


# What is learned


def test_fewer_polls_and_less_lateness_than_by_default():
    """For 200 jobs that take about as long, what is learned on the way is worth it."""
    durations = drawn(200)
    plain, learned = (simulate(s, durations) for s in (ExponentialBackoff(), DurationAware()))
    assert learned.polls_per_job < 0.9 * plain.polls_per_job
    assert learned.mean_lateness < 0.9 * plain.mean_lateness


def test_dearer_polls_are_fewer():
    """And the ends are seen later."""
    cheap, dear = (simulate(DurationAware(cost), drawn(60)) for cost in (0.5, 50))
    assert dear.polls_per_job < cheap.polls_per_job
    assert dear.mean_lateness > cheap.mean_lateness


def test_nothing_is_learned_where_nothing_is_told():
    """Without the ends of waits, the own pace holds for ever."""
    strategy = DurationAware()
    durations = drawn(20)
    unlearned = simulate(strategy, durations, learn=False)
    assert unlearned.polls == simulate(ExponentialBackoff(), durations).polls
    assert len(strategy.history.observations("default")) == 0


def test_polls_wait_for_where_jobs_end():
    """The next one comes near the ends of the others, and later than now at any age."""
    strategy = knowing(drawn(50))
    assert 120 < strategy(at(0.0)) < 220
    assert all(strategy(at(float(age))) > 0 for age in range(0, 2000, 50))


def test_failed_jobs_count_for_the_polls_and_not_for_the_estimate():
    """Their ends are to be seen as well, but nobody waits for them."""
    strategy = knowing(drawn(30))
    polled_at = strategy(at())
    for duration in drawn(30, 10):
        strategy.history.record(duration, completed=False)
    assert strategy(at()) < 25 < polled_at
    assert median(strategy) == pytest.approx(200, rel=0.1)


def test_jobs_that_were_given_up_count_as_longer():
    """A limit that cuts long jobs off does not make them seem short."""
    durations = [*drawn(40, 100, 0.1), *drawn(40, 400, 0.1)]
    random.Random(5).shuffle(durations)
    strategy = DurationAware()
    result = simulate(strategy, durations, max_wait_time=200)
    assert result.unfinished == 40
    assert strategy.estimate(at()).high > 200
    assert median(strategy, 180) > 20


def test_jobs_that_were_all_given_up_teach_no_pace():
    """Where no end was ever seen, the own pace holds on."""
    strategy = DurationAware()
    simulate(strategy, [500] * 5, max_wait_time=100)
    assert len(strategy.history.observations("default")) == 5
    assert strategy(at(fallback=12.5)) == 12.5
    assert strategy.estimate(at()) is None


def test_what_is_expected_scales():
    """Jobs that take twice what was expected of them are foreseen so, however long they are."""
    strategy = DurationAware()
    for expected in drawn(40, 100, 1.0):
        strategy.history.record(2 * expected, expected=expected)
    for expected in (10, 100, 10_000):
        assert median(strategy, expected=expected) == pytest.approx(2 * expected, rel=0.1)
        assert 0.3 * expected < strategy(at(expected=expected)) < 2.5 * expected


def test_jobs_of_which_nothing_was_expected_teach_nothing_of_those_parts():
    """They are compared with others by the seconds alone."""
    strategy = knowing([1000] * 20)
    assert median(strategy, expected=50) == pytest.approx(50, rel=0.1)
    assert median(strategy) == pytest.approx(1000, rel=0.1)


def test_a_group_falls_back_on_the_others_and_then_stands_for_itself():
    """The more of its own it has, the less the others count."""
    strategy = knowing(drawn(40, 50), group="short")
    medians = [median(strategy, group="long")]
    for duration in drawn(10, 800):
        strategy.history.record(duration, group="long")
        medians.append(median(strategy, group="long"))
    assert medians[0] == pytest.approx(50, rel=0.1)
    assert medians[-1] == pytest.approx(800, rel=0.15)
    assert median(strategy, group="short") == pytest.approx(50, rel=0.1)


def test_services_have_nothing_in_common():
    """What is known of one says nothing of another."""
    strategy = knowing([100] * 10, service="one")
    assert median(strategy, service="one") == pytest.approx(100, rel=0.1)
    assert strategy.estimate(at(service="other")) is None


@pytest.mark.parametrize("factor", [3, 1 / 3])
def test_a_sudden_change_is_followed(factor):
    """Within 50 jobs, those before it count no more."""
    strategy = DurationAware()
    simulate(strategy, [*drawn(150), *drawn(50, 200 * factor, seed=2)])
    assert median(strategy) == pytest.approx(200 * factor, rel=0.15)


def test_a_crowd_that_begins_together_teaches_more_than_its_short_jobs():
    """Which end first; those that still run are known to take longer."""
    strategy, tested = DurationAware(), drawn(300, 300, 0.5, seed=2)
    simulate(strategy, drawn(2000, 300, 0.5), concurrency=2000)
    crowd = simulate(strategy, tested, learn=False).cost(3.0)
    assert crowd < 0.9 * simulate(ExponentialBackoff(), tested).cost(3.0)


def test_a_job_without_a_name_teaches_like_others():
    """The one job of a service."""
    strategy = DurationAware()
    facts = {"pending_until": 20.0, "ended_by": 30.0}
    strategy.ended(Ended(None, "default", Status.COMPLETED, 2, 30.0, **facts))
    assert 15 < median(strategy) < 40


def test_jobs_of_whose_end_nothing_is_heard_are_forgotten():
    """As those of a client that was left in a fork."""
    strategy = DurationAware()
    for number in range(200_001):
        strategy._note_running(at(), str(number), 0.0)
    assert len(strategy._running) == 1


def test_the_age_counts():
    """A job that had run before the submit ends so much sooner."""
    strategy = knowing([100] * 30)
    assert median(strategy, 10, age=70) == pytest.approx(30, abs=5)
    assert strategy(at(10, age=70)) < strategy(at(10))


def test_nothing_is_said_of_a_job_that_outlasts_all():
    """It is polled at growing intervals, and nobody knows when it ends."""
    strategy = knowing([100] * 30)
    assert strategy.estimate(at(1e5)) is None
    assert strategy(at(1e4)) < strategy(at(1e5)) < 1e5


def test_an_estimate_grows_wider_with_the_jobs():
    """Its ends are in order, and none is before now."""
    for elapsed in (0, 100, 200, 300):
        narrow, wide = (knowing(drawn(60, spread=s)).estimate(at(elapsed)) for s in (0.1, 0.6))
        for estimate in (narrow, wide):
            assert estimate is None or 0 <= estimate.low <= estimate.median <= estimate.high
        assert narrow is None or narrow.high - narrow.low < wide.high - wide.low


# Many at once


def test_more_groups_than_are_remembered():
    """What was forgotten is estimated anew, and the same."""
    strategy = knowing([100] * 3)
    before = strategy.estimate(at(group="0"))
    for number in range(520):
        assert strategy.estimate(at(group=str(number))) == before


def test_more_costs_than_are_remembered():
    """Each expectation has a schedule of its own; what was forgotten is found again."""
    strategy = knowing([1.0] * 10, expected=1.0)
    before = strategy(at(expected=1.0))
    for rank in range(510):
        assert strategy(at(expected=1e-3 * 1.11**rank)) > 0
    assert strategy(at(expected=1.0)) == before


@pytest.mark.every_python
def test_threads_share_it():
    """Each learns from the jobs of the others while they ask."""
    strategy, results = DurationAware(), []

    def run(seed):
        results.append(simulate(strategy, drawn(40, seed=seed)))

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert [result.unfinished for result in results] == [0] * 4
    assert len(strategy.history.observations("default")) == 160
    assert median(strategy) == pytest.approx(200, rel=0.1)


def test_clients_share_a_history():
    """What one strategy has learned, another one knows."""
    history = DurationHistory()
    simulate(DurationAware(history=history), drawn(30))
    assert median(DurationAware(5, history)) == pytest.approx(200, rel=0.1)


# In a client


@pytest.mark.every_python
def test_a_client_learns_from_its_waits(server, make_client, clock):
    """Of equal jobs, the later ones are polled less, and seen to end sooner."""
    client = make_client(strategy=DurationAware(), max_attempts=None, max_wait_time=None)
    polls, took = [], []
    for number in range(10):
        server.job(f"job-{number}", duration=200)
        began, before = clock.monotonic(), len(server.requests)
        assert client.get_status(f"job-{number}") == "completed"
        polls.append(len(server.requests) - before)
        took.append(clock.monotonic() - began)
    assert polls[-1] < polls[0]
    assert took[-1] < 215


@pytest.mark.every_python
def test_the_eta_of_a_future_falls_as_time_passes(server, make_client, clock):
    """It is a number of seconds, within a range."""
    server.job("job-1", duration=200)
    client = make_client(strategy=knowing(drawn(30)), max_attempts=None, max_wait_time=None)
    with clock.paused():
        future, etas = client.submit("job-1"), []
        for _ in range(5):
            low, high = future.eta_range
            assert low < future.eta < high
            etas.append(future.eta)
            clock.advance(20)
        assert etas[0] == pytest.approx(200, rel=0.1)
        assert etas == sorted(set(etas), reverse=True)
    assert future.result(PATIENCE) == "completed"
    assert future.eta is None


# What it takes


@pytest.mark.parametrize("poll_cost", [0, -1, math.nan, math.inf, "3", None, True])
def test_a_bad_cost_is_refused(poll_cost):
    """When it is given, and by its name."""
    with pytest.raises((TypeError, ValueError), match="poll_cost"):
        DurationAware(poll_cost)


@pytest.mark.parametrize("history", ["history.db", {}, DurationHistory])
def test_what_is_no_history_is_refused(history):
    """Such as the path of one."""
    with pytest.raises(TypeError, match="history"):
        DurationAware(history=history)


def test_its_repr_tells_the_cost_and_what_is_known():
    """In one line."""
    strategy = knowing([100] * 2)
    assert repr(strategy) == f"DurationAware(poll_cost=3, history={strategy.history!r})"
    assert "2 of default" in repr(strategy)
