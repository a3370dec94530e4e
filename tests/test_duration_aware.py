"""A strategy learns how long jobs take, and polls when one is likely to end."""

import math
import random
import threading

import pytest
from conftest import PATIENCE

from video_translation_client import (
    Ended,
    ExponentialBackoff,
    FixedInterval,
    Moment,
    Status,
    VideoTranslationClient,
)
from video_translation_client.testing import MockServer
from video_translation_client.timing import DurationAware, DurationHistory, simulate


def log_normal(count, median=300.0, spread=0.5, seed=1):
    """Durations as they are often found."""
    chance = random.Random(seed)
    return [median * math.exp(spread * chance.gauss(0, 1)) for _ in range(count)]


def taught(durations, poll_cost=3.0, **facts):
    """A strategy that knows jobs of these durations."""
    strategy = DurationAware(poll_cost)
    for duration in durations:
        strategy.history.record(duration, **facts)
    return strategy


def first_wait(strategy, **facts):
    """Seconds from the first poll of a job to its second."""
    return strategy(Moment(1, 0.0, fallback=7.0, **facts))


def test_while_nothing_is_known_the_clients_own_pace_holds():
    """That of its service, or the backoff by its four arguments, or the default one."""
    assert first_wait(DurationAware()) == 7
    moment = Moment(3, 3.0)
    assert DurationAware()(moment) == ExponentialBackoff()(moment)
    assert DurationAware().estimate(moment) is None


@pytest.mark.parametrize("poll_cost", [1.0, 3.0, 30.0])
def test_what_was_learned_costs_less_than_backoff(poll_cost):
    """Polls and lateness together, of jobs that it has not learned from."""
    strategy, tested = DurationAware(poll_cost), log_normal(300, seed=2)
    simulate(strategy, log_normal(100))
    learned = simulate(strategy, tested, learn=False).cost(poll_cost)
    assert learned < 0.95 * simulate(ExponentialBackoff(), tested).cost(poll_cost)
    assert learned < 0.95 * simulate(FixedInterval(10.0), tested).cost(poll_cost)


def test_a_crowd_that_begins_together_teaches_more_than_its_short_jobs():
    """Which end first; those that still run are known to take longer."""
    strategy, tested = DurationAware(), log_normal(300, seed=2)
    simulate(strategy, log_normal(2000), concurrency=2000)
    crowd = simulate(strategy, tested, learn=False).cost(3.0)
    assert crowd < 0.9 * simulate(ExponentialBackoff(), tested).cost(3.0)


def test_a_service_that_becomes_slower_is_followed():
    """Fifty jobs after it, what was before counts no more."""
    strategy = DurationAware()
    slower = log_normal(50, 900.0, spread=0.2, seed=3)
    simulate(strategy, [*log_normal(100, spread=0.2), *slower])
    assert first_wait(strategy) > 400
    assert strategy.estimate(Moment(0, 0.0)).median == pytest.approx(900, rel=0.15)


def test_failed_jobs_count_for_polls_but_not_for_the_estimate():
    """They end otherwise than completed ones."""
    strategy = taught([300.0] * 30)
    for _ in range(30):
        strategy.history.record(20.0, completed=False)
    assert first_wait(strategy) < 40
    assert strategy.estimate(Moment(0, 0.0)).median == pytest.approx(300, rel=0.1)


def test_a_wait_given_up_tells_of_a_job_that_took_longer():
    """Alone it tells nothing; beside others it moves the estimate up."""
    given_up = Ended("job", "default", Status.TIMEOUT, 9, 600.0, pending_until=600.0)
    strategy = DurationAware()
    strategy.ended(given_up)
    assert first_wait(strategy) == 7
    short, both = taught([300.0] * 10), taught([300.0] * 10)
    for _ in range(10):
        both.ended(given_up)
    assert both.estimate(Moment(0, 0.0)).high > 1.5 * short.estimate(Moment(0, 0.0)).high


def test_a_job_without_a_name_teaches_like_others():
    """Of the one job of a service."""
    strategy = DurationAware()
    strategy.ended(
        Ended(None, "default", Status.COMPLETED, 2, 30.0, pending_until=20.0, ended_by=30.0)
    )
    assert first_wait(strategy) != 7


def test_what_is_expected_scales_what_was_learned():
    """Jobs take 1.8 times as long as was expected of them, whatever that was."""
    chance = random.Random(4)
    expected = [chance.uniform(60, 1200) for _ in range(200)]
    durations = [1.8 * one * math.exp(0.15 * chance.gauss(0, 1)) for one in expected]
    strategy = DurationAware(10.0)
    simulate(strategy, durations[:100], expected=expected[:100])
    for one in (100.0, 1000.0):
        median = strategy.estimate(Moment(0, 0.0, expected=one)).median
        assert median == pytest.approx(1.8 * one, rel=0.1)
    tested = simulate(strategy, durations[100:], expected=expected[100:], learn=False)
    late = [moments[-1] - end for moments, end in zip(tested.polls, durations[100:])]
    assert tested.polls_per_job < 6
    assert sum(late) / sum(durations[100:]) < 0.06


def test_what_is_expected_is_a_first_estimate():
    """And the first poll is made before it can be far exceeded."""
    strategy = DurationAware()
    assert 60 < first_wait(strategy, expected=240.0) < 300
    low, median, high = strategy.estimate(Moment(0, 0.0, expected=240.0))
    assert 50 < low < median < high < 1000


def test_a_group_stands_for_itself_once_enough_of_it_is_known():
    """Until then, the others of its service count as well."""
    strategy = taught([300.0] * 50, group="long")
    assert strategy.estimate(Moment(0, 0.0, group="short")).median == pytest.approx(300, rel=0.1)
    medians = []
    for _ in range(8):
        strategy.history.record(20.0, group="short")
        fresh = DurationAware(history=strategy.history)
        medians.append(fresh.estimate(Moment(0, 0.0, group="short")).median)
    assert medians[-1] == pytest.approx(20, rel=0.3)
    assert strategy.estimate(Moment(0, 0.0, group="long")).median == pytest.approx(300, rel=0.1)


def test_services_are_kept_apart():
    """What one has taught says nothing of another."""
    strategy = taught([300.0] * 10, service="heygen")
    assert first_wait(strategy) == 7
    assert first_wait(strategy, service="heygen") > 7


def test_the_age_at_the_submit_counts():
    """A job that has run for most of its time is polled soon."""
    strategy = taught([300.0] * 100)
    old = strategy(Moment(1, 0.0, age=250.0))
    assert old < first_wait(strategy) - 150
    assert strategy.estimate(Moment(1, 0.0, age=250.0)).median < 60


def test_of_what_outlasts_all_nothing_is_estimated():
    """Rather than a moment that has passed."""
    assert taught([300.0] * 100).estimate(Moment(9, 1e5)) is None


def test_many_kinds_of_jobs_are_not_remembered_for_ever():
    """What is forgotten is estimated anew when it is wanted."""
    strategy = taught([300.0] * 5)
    waits = {first_wait(strategy, group=f"group-{number}") for number in range(600)}
    assert len(waits) == 1
    for number in range(600):
        assert first_wait(strategy, expected=1.2**number * 1e-9) > 0
    assert len(strategy._known) <= 500


def test_jobs_of_whose_end_nothing_is_heard_are_forgotten():
    """As those of a client that was left in a fork."""
    strategy = DurationAware()
    for number in range(200_001):
        strategy._note_running(Moment(1, 0.0), str(number), 0.0)
    assert len(strategy._running) == 1


def test_threads_may_share_it():
    """Each learns and asks as it likes."""
    strategy = DurationAware()

    def work(number):
        for duration in log_normal(30, seed=number):
            strategy.history.record(duration)
            assert first_wait(strategy, job_id=str(number)) > 0

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert strategy.history.version("default") == 240


def test_clients_learn_from_real_answers(virtual_clock):
    """And the next client that shares the history knows when to ask, and when jobs are done."""
    history = DurationHistory()
    with MockServer(duration=300, clock=virtual_clock, progress=False) as server:
        for _ in range(2):
            client = VideoTranslationClient(
                server.url,
                max_attempts=None,
                max_wait_time=None,
                strategy=DurationAware(history=history),
                clock=virtual_clock,
            )
            with virtual_clock.paused():
                futures = [client.submit(f"job-{number}") for number in range(10)]
                etas = [future.eta for future in futures]
            assert {future.result(PATIENCE) for future in futures} == {"completed"}
            client.shutdown()
            polls = sum(future.attempts for future in futures)
            if etas[0] is None:
                first, etas = polls, []
            for number in range(10):
                server.job(f"job-{number}", duration=300)
    assert polls < first
    assert all(eta == pytest.approx(300, rel=0.15) for eta in etas)
    assert etas


@pytest.mark.parametrize("poll_cost", [0, -1, math.nan, math.inf])
def test_a_poll_costs_something(poll_cost):
    """Or it would be made without end."""
    with pytest.raises(ValueError, match="poll_cost must be a number above 0"):
        DurationAware(poll_cost)


def test_only_a_history_is_a_history():
    """Not the path of one."""
    with pytest.raises(TypeError, match="history must be a video_translation_client.DurationHi"):
        DurationAware(history="durations.sqlite3")


def test_it_shows_what_it_knows():
    """The one knob, and the history."""
    shown = repr(taught([300.0]))
    assert "DurationAware(poll_cost=3" in shown
    assert "1 of default" in shown
