"""What ``simulate`` says a strategy costs, against what is known by hand and by a real client."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
import threading

import pytest
from conftest import PATIENCE, measured

from video_translation_client import ExponentialBackoff
from video_translation_client.timing import simulate


@pytest.fixture(autouse=True)
def _no_thread_is_left():
    """Whatever a simulation was like, its thread has ended."""
    before = threading.enumerate()
    yield
    assert threading.enumerate() == before


def every_10_s(moment):
    """A fixed interval."""
    return 10.0


def doubling(moment):
    """1 s, 2 s, 4 s and so on."""
    return 2.0 ** (moment.attempt - 1)


class Learner:
    """Remembers what it is told, and what it had been told by each of its calls."""

    def __init__(self):
        self.ends = []
        self.moments = []
        self.known = []

    def __call__(self, moment):
        self.moments.append(moment)
        self.known.append(len(self.ends))
        return 10.0

    def ended(self, end):
        self.ends.append(end)


def test_polls_and_lateness_of_a_fixed_interval():
    """The first poll comes at once, and each job's end is seen by the first poll after it."""
    result = simulate(every_10_s, [0, 5, 10, 25])
    assert result.polls == ((0.0,), (0.0, 10.0), (0.0, 10.0), (0.0, 10.0, 20.0, 30.0))
    assert result.polls_per_job == 9 / 4
    assert (result.jobs, result.unfinished) == (4, 0)
    assert result.mean_lateness == 2.5
    assert (result.p50_lateness, result.p95_lateness, result.max_lateness) == (0.0, 5.0, 5.0)


def test_polls_and_lateness_of_doubling():
    """Polls come at 0, 1, 3, 7, 15 and 31 s."""
    result = simulate(doubling, (float(seconds) for seconds in (7, 10, 16)))
    assert result.polls[2] == (0.0, 1.0, 3.0, 7.0, 15.0, 31.0)
    assert result.polls_per_job == 5
    assert result.mean_lateness == pytest.approx((0 + 5 + 15) / 3)
    assert (result.p50_lateness, result.p95_lateness) == (5.0, 15.0)


def test_the_cost_of_a_job():
    """Its lateness, and so many seconds for each poll."""
    result = simulate(every_10_s, [5, 25])
    assert result.cost(3) == 3 * 3 + 5
    assert result.cost(0) == 5
    with pytest.raises(ValueError, match="poll_cost must be a number, 0 or more, not -1"):
        result.cost(-1)


def test_a_job_that_ends_when_it_is_polled_is_seen_by_that_poll():
    """However many jobs came before: rounding makes no poll of its own."""
    result = simulate(lambda moment: 0.1, [0.3] * 500)
    assert {len(polls) for polls in result.polls} == {4}
    assert result.max_lateness == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("concurrency", [1, 3, 100])
def test_jobs_that_are_waited_for_at_one_time_do_not_change_each_other(concurrency):
    """All of a strategy that doesn't learn is as it would be one by one."""
    durations = [0, 5, 10, 25, 0, 300]
    assert simulate(every_10_s, durations, concurrency=concurrency) == simulate(
        every_10_s, durations
    )


def test_it_is_as_a_client_would_be(make_client, server):
    """Of which all runs here but for the requests."""
    strategy = ExponentialBackoff(max_interval=7, jitter=0)
    polls, ends = [], []
    for number, duration in enumerate([0.0, 2.5, 40.0]):
        server.job(str(number), duration=duration)
        client = make_client(max_attempts=None, max_wait_time=None, strategy=strategy)
        future = client.submit(str(number))
        assert future.result(PATIENCE) == "completed"
        polls.append(future.attempts)
        ends.append(future.elapsed - duration)
    result = simulate(strategy, [0.0, 2.5, 40.0])
    assert [len(times) for times in result.polls] == polls
    assert result.mean_lateness == pytest.approx(sum(ends) / 3)


def test_chance_is_the_same_each_time():
    """By the seed alone."""
    durations = [100.0] * 20

    def spread(seed, concurrency=1):
        strategy = ExponentialBackoff(jitter=3)
        return simulate(strategy, durations, seed=seed, concurrency=concurrency)

    assert spread(1) == spread(1) != spread(2)
    assert spread(1, concurrency=4) == spread(1, concurrency=4)
    assert len(set(spread(1).polls)) == len(durations)


def test_a_strategy_learns_from_earlier_jobs_for_later_ones():
    """With one at a time, it knows all of those before."""
    learner = Learner()
    simulate(learner, [5, 15, 25])
    assert [end.elapsed for end in learner.ends] == pytest.approx([10, 20, 30])
    assert [end.job_id for end in learner.ends] == ["0", "1", "2"]
    assert learner.known == [0, 0, 1, 1, 2, 2, 2]  # and once when the simulation begins


def test_with_several_at_a_time_it_learns_when_they_end():
    """The next one is submitted as soon as there is room."""
    learner = Learner()
    simulate(learner, [5, 25, 5], concurrency=2)
    assert [end.job_id for end in learner.ends] == ["0", "2", "1"]


def test_a_strategy_is_kept_from_learning():
    """So that it can be tried with what it knows."""
    learner = Learner()
    simulate(learner, [5, 15], learn=False)
    assert learner.ends == []


def test_hints_are_passed_on_to_the_strategy():
    """As ``submit`` would be given them, of some jobs or of all."""
    learner = Learner()
    simulate(learner, [5, 5], expected=[4, None], groups=[None, "fast/de"])
    hints = [(moment.expected, moment.group) for moment in learner.moments[1:]]
    assert hints == [(4.0, None), (None, "fast/de")]
    assert [(end.expected, end.group) for end in learner.ends] == hints


def test_an_end_is_told_as_the_polls_have_seen_it():
    """As an interval: what a strategy learns is not the truth."""
    learner = Learner()
    simulate(learner, [15, 0])
    seen = [(end.pending_until, end.ended_by) for end in learner.ends]
    assert seen == [(10.0, 20.0), (None, 0.0)]


def test_a_strategy_that_fails_at_a_poll_goes_on_by_the_fallback():
    """Which it is told, too, and is the default backoff unless another one is given."""
    told = []

    def strategy(moment):
        told.append(moment.fallback)
        if moment.attempt == 2:
            raise ZeroDivisionError
        return 10.0

    result = simulate(strategy, [25], fallback=lambda moment: 7.0)
    assert result.polls == ((0.0, 10.0, 17.0, 27.0),)
    assert set(told) == {7.0}
    (polls,) = simulate(strategy, [25]).polls
    assert 2 <= polls[2] - polls[1] <= 2.5


def test_no_job_is_polled_oftener_than_the_least_interval_allows():
    """Whatever the strategy says."""
    result = simulate(lambda moment: 1.0, [25], min_interval=10)
    assert result.polls == ((0.0, 10.0, 20.0, 30.0),)


def test_answers_tell_progress():
    """What the function says, and nothing where that is none, or no part of the whole."""
    learner = Learner()
    told = {0.0: 0.0, 10.0: None, 20.0: 1.5, 30.0: 0.75}
    result = simulate(learner, [40], progress=lambda elapsed, duration: told[elapsed])
    assert [moment.report.progress for moment in learner.moments[1:]] == [0.0, None, None, 0.75]
    assert learner.moments[-1].progress == ((0.0, 0.0), (30.0, 0.75))
    assert result.polls_per_job == 5


def test_a_limit_leaves_jobs_unfinished():
    """Which are counted, and not among those that are late."""
    result = simulate(every_10_s, [5, 25, 15], max_attempts=3)
    assert (result.jobs, result.unfinished) == (3, 1)
    assert result.mean_lateness == 5.0
    assert [len(polls) for polls in result.polls] == [2, 3, 3]
    assert simulate(every_10_s, [5, 25, 15], max_wait_time=20.0).unfinished == 1


def test_where_no_job_finishes_nothing_is_late():
    """NaN is not to be taken for a good result."""
    result = simulate(every_10_s, [25], max_attempts=1)
    figures = (result.mean_lateness, result.p50_lateness, result.p95_lateness, result.max_lateness)
    assert all(map(math.isnan, figures))
    assert math.isnan(result.cost(3))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"strategy": 10.0}, "strategy must be callable, not 10.0"),
        ({"strategy": lambda moment: -1}, "strategy's wait must be a number, 0 or more, not -1"),
        ({"durations": 5}, "durations must be numbers of seconds, not 5"),
        ({"durations": []}, "durations must hold at least one number"),
        ({"durations": [1, 2, -3.5]}, r"durations\[2\] must be a number, 0 or more, not -3.5"),
        ({"durations": [math.nan]}, r"durations\[0\] must be a number, 0 or more, not nan"),
        ({"durations": [1, math.inf]}, r"durations\[1\] must be a number, 0 or more, not inf"),
        ({"durations": [1, "2"]}, r"durations\[1\] must be a number, 0 or more, not '2'"),
        ({"expected": 5}, "expected must be a sequence or None, not 5"),
        ({"expected": [5]}, "expected must have as many items as durations, 2, not 1"),
        ({"expected": [5, 0]}, r"expected\[1\] must be a number above 0, not 0"),
        ({"groups": "ab"}, "groups must be a sequence or None, not 'ab'"),
        ({"groups": ["a", 5]}, r"groups\[1\] must be a str, not 5"),
        ({"groups": ["a", ""]}, r"groups\[1\] must not be empty"),
        ({"progress": 0.5}, "progress must be callable, not 0.5"),
        ({"concurrency": 0}, "concurrency must be a whole number, 1 or more, not 0"),
        ({"max_attempts": 0}, "max_attempts must be a whole number, 1 or more, not 0"),
        ({"max_wait_time": 0}, "max_wait_time must be a number above 0, not 0"),
        ({"min_interval": -1}, "min_interval must be a number, 0 or more, not -1"),
        ({"fallback": 5}, "fallback must be callable, not 5"),
        ({"seed": -1}, "seed must be a whole number, 0 or more, not -1"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    """With the position where there is one, and the value."""
    arguments = {"strategy": every_10_s, "durations": [5, 15], **arguments}
    with pytest.raises((TypeError, ValueError), match=message):
        simulate(arguments.pop("strategy"), arguments.pop("durations"), **arguments)


def test_a_strategy_that_lets_no_time_pass_is_refused():
    """After so many polls that no sensible one makes them."""
    with pytest.raises(ValueError, match="job of 1 s polled 100000 times in 0 s"):
        simulate(lambda moment: 0, [1, 1], concurrency=2)


def test_what_the_function_for_progress_raises_is_raised(caplog):
    """By the simulation, which ends at once; no wait has failed that would have to be logged."""
    asked = []

    def progress(elapsed, duration):
        asked.append(elapsed)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        simulate(every_10_s, [5, 5, 5, 5], progress=progress, concurrency=2)
    assert len(asked) == 1
    assert not caplog.records


def test_ctrl_c_ends_a_simulation():
    """Whatever jobs are left."""
    interrupted = threading.Event()

    def interrupt(*_):
        interrupted.set()
        raise KeyboardInterrupt

    def strategy(moment):
        if moment.attempt == 2 and not interrupted.is_set():
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            assert interrupted.wait(PATIENCE)
        return 10.0

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            simulate(strategy, [1000] * 1000)
    finally:
        signal.signal(signal.SIGINT, before)


def run(program):
    """What a program prints that ends well."""
    program, environment = measured(program)
    command = [sys.executable, "-c", program]
    run = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return run.stdout


@pytest.mark.skipif(sys.version_info < (3, 9), reason="other threads are waited for first")
def test_the_end_of_the_process_ends_a_simulation():
    """With an exception on the thread that waits for it."""
    told = run(
        """
import threading
from video_translation_client.timing import simulate

is_running = threading.Event()


def strategy(moment):
    if moment.attempt == 2:
        is_running.set()
    return 10.0


def other_thread():
    try:
        simulate(strategy, [1000] * 100000, concurrency=2)
    except Exception as error:
        print(error)


threading.Thread(target=other_thread).start()
is_running.wait()
"""
    )
    assert "the interpreter exits" in told


def test_it_needs_no_extra():
    """Neither werkzeug nor rich; nor does who only imports it pay for what it runs on."""
    told = run(
        """
import sys
from video_translation_client.timing import simulate

assert "video_translation_client.testing" not in sys.modules
sys.modules.update(werkzeug=None, rich=None)
print(simulate(lambda moment: 10.0, [5, 25]).polls_per_job)
"""
    )
    assert told == "3.0\n"
