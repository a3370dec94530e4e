"""When a job is likely to end: what a future says of it, and by what."""

import logging
import threading

import pytest
from conftest import PATIENCE

from video_translation_client import Moment
from video_translation_client.timing import Estimate
from video_translation_client.timing.estimates import plain_estimate

# By progress and expectation alone


def after(elapsed, *progress, age=None, expected=None):
    """What is known so many seconds after the submit."""
    age = None if age is None else age + elapsed
    return Moment(3, elapsed, age=age, expected=expected, progress=progress)


@pytest.mark.parametrize(
    ("moment", "median"),
    [
        (after(50, (50, 0.5)), 50),
        (after(60, (50, 0.5)), 40),
        (after(60, (10, 0.1), (50, 0.5)), 40),
        (after(60, (10, 0.3), (50, 0.5)), 90),
        (after(50, (50, 0.5), age=100), 150),
        (after(110, (50, 0.5)), 0),
        (after(50, (40, 0.5), (50, 0.5)), 50),
        (after(97, (97, 0.97), expected=500), 3),
        (after(10, (0, 0.3), (4, 0.4), (10, 0.5)), 25),
        (after(12, (0.02, 0.25), (10.02, 0.5)), 18.02),
        (after(10, (0, 0.3), (10, 0.5), age=10), 20),
        (after(40, expected=100), 60),
        (after(40, expected=100, age=50), 10),
        (after(110, expected=100), 0),
        (after(0, expected=100), 100),
    ],
)
def test_the_end_follows_from_the_progress_or_else_from_what_was_expected(moment, median):
    """The rest takes as long as the part before it did; what has passed since the answer counts."""
    estimate = plain_estimate(moment)
    assert estimate.median == pytest.approx(median)
    assert 0 <= estimate.low <= estimate.median <= estimate.high
    assert estimate.low < estimate.high or estimate.high == 0


@pytest.mark.parametrize(
    "progress",
    [
        (),
        ((50, 0.0),),
        ((50, 0.01),),
        ((50, 1.0),),
        ((10, 0.97), (50, 0.97)),
        ((10, 0.6), (50, 0.5)),
        ((0, 0.3),),
        ((0, 0.3), (50, 0.3)),
        ((0, 0.3), (10, 0.9), (50, 0.9)),
    ],
    ids=[
        *("none", "not begun", "hardly begun", "all", "standing still", "back"),
        *("begun before", "standing still since", "standing still for long"),
    ],
)
def test_a_progress_that_tells_nothing_leaves_what_was_expected(progress):
    """The well-known 97 % is not believed for ever; without an expectation, nobody knows."""
    assert plain_estimate(after(50, *progress)) is None
    assert plain_estimate(after(50, *progress, expected=80)).median == 30


def test_an_expectation_that_is_far_exceeded_tells_nothing():
    """It was wrong."""
    assert plain_estimate(after(1000, expected=100)) is None


# Of a future


def test_nothing_is_known_of_a_job_of_which_nothing_was_said(server, make_client, clock):
    """Nor is anything left to know of one that has ended, however it did."""
    server.job("job-1", duration=100)
    client = make_client()
    with clock.paused():
        future, expected = client.submit("job-1"), client.submit("job-1", expected=50)
        assert (future.eta, future.eta_range) == (None, None)
        assert expected.eta == 50
        expected.cancel()
        assert (expected.eta, expected.eta_range) == (None, None)
        future.cancel()


def test_an_expectation_counts_down(server, make_client, clock):
    """From the submit on, and less what the job had run before."""
    server.job("job-1", duration=100)
    with clock.paused():
        future = make_client().submit("job-1", expected=50, age=10)
        low, high = future.eta_range
        assert low < future.eta < high
        assert future.eta == 40
        clock.advance(15)
        assert future.eta == 25
        clock.advance(30)
        assert future.eta == 0


def test_a_job_that_has_begun_before_its_submit_goes_on_at_the_pace_that_is_seen(
    server, make_client, clock
):
    """As after a restart: its first progress says nothing of when it began."""
    server.job("job-1", duration=100, progress=True)
    limits = {"max_attempts": None, "max_wait_time": 500}
    client = make_client(initial_wait_time=2, backoff_factor=1, **limits)
    with clock.paused():
        client.check(["job-1"])
        clock.advance(40)
    etas = []
    with clock.paused():
        future = client.submit("job-1")
        future.add_update_callback(lambda future: etas.append(future.eta))
    assert future.result(PATIENCE) == "completed"
    assert etas[0] is None
    assert etas[1:-1] == pytest.approx(range(58, 0, -2))


def test_progress_goes_before_an_expectation(server, make_client, clock):
    """And counts from now on, though it was told a while ago."""
    server.job("job-1", duration=100, progress=True)
    seen = []
    client = make_client(
        initial_wait_time=20, backoff_factor=1, max_attempts=None, max_wait_time=500
    )
    with clock.paused():
        future = client.submit("job-1", expected=500)
        future.add_update_callback(lambda future: seen.append(future.eta))
    assert future.result(PATIENCE) == "completed"
    assert seen[:-1] == pytest.approx([500, 80, 60, 40, 20])
    assert seen[-1] is None


class Knowing:
    """A strategy that says when a job ends."""

    def __init__(self, says):
        self.says, self.told = says, []

    def __call__(self, moment):
        return 10.0

    def estimate(self, moment):
        self.told.append(moment)
        return self.says(moment)


def test_a_strategy_that_knows_better_is_asked(server, make_client, clock):
    """With what is known now; the first poll may be still ahead, and chance decides nothing."""
    strategy = Knowing(lambda moment: (1, 2, 3 + moment.elapsed))
    server.job("job-1", duration=1000)
    client = make_client(strategy=strategy, random=lambda: 0.25, max_wait_time=100)
    with clock.paused():
        future = client.submit("job-1", expected=5, age=1, group="fast")
        clock.advance(4)
        assert (future.eta, future.eta_range) == (2, (1, 7))
        moment = strategy.told[-1]
        assert (moment.elapsed, moment.age, moment.remaining) == (4, 5, 96)
        assert (moment.chance, moment.expected, moment.group) == (0.5, 5, "fast")
        future.cancel()


def test_a_strategy_that_knows_nothing_is_believed(server, make_client, clock):
    """It has seen what was expected as well."""
    client = make_client(strategy=Knowing(lambda moment: None))
    with clock.paused():
        future = client.submit("job-1", expected=5)
        assert (future.eta, future.eta_range) == (None, None)
        future.cancel()


def raising(error):
    """A function that raises ``error``."""

    def fail(moment):
        raise error

    return fail


@pytest.mark.parametrize(
    ("says", "message"),
    [
        (raising(ZeroDivisionError()), "the strategy's estimate raised ZeroDivisionError"),
        (raising(SystemExit()), "the strategy's estimate raised SystemExit"),
        (lambda moment: 5.0, "the strategy's estimate must be a tuple of three numbers"),
        (lambda moment: (1, 2), "the strategy's estimate must be a tuple of three numbers"),
        (lambda moment: (3, 2, 1), "the strategy's estimate must be a tuple of three numbers"),
        (lambda moment: (-1, 2, 3), "the strategy's estimate must be a number, 0 or more, not -1"),
        (lambda moment: Estimate(1, 2, float("nan")), "the strategy's estimate must be a number"),
        (lambda moment: (1, 2, "3"), "the strategy's estimate must be a number"),
    ],
)
def test_a_strategy_that_fails_to_say_is_logged_once_and_nothing_is_known(
    server, make_client, clock, caplog, says, message
):
    """Who asks for an estimate is not to suffer; the wait goes on."""
    server.job("job-1", duration=15)
    client = make_client(strategy=Knowing(says))
    with clock.paused():
        futures = [client.submit("job-1", expected=9) for _ in range(2)]
        assert [(future.eta, future.eta_range) for future in futures] == [(None, None)] * 2
    assert {future.result(PATIENCE) for future in futures} == {"completed"}
    (fault,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert fault.getMessage().startswith(message)
    assert "; eta is None; " in fault.getMessage()
    assert fault.exc_info[2] is not None


def test_ctrl_c_in_an_estimate_reaches_who_pressed_it(server, make_client, clock):
    """It runs on the thread that asks; on any other one than the main thread it is a fault."""
    client = make_client(strategy=Knowing(raising(KeyboardInterrupt())))
    with clock.paused():
        future = client.submit("job-1")
        with pytest.raises(KeyboardInterrupt):
            _ = future.eta
        seen = []
        thread = threading.Thread(target=lambda: seen.append(future.eta))
        thread.start()
        thread.join(PATIENCE)
        assert seen == [None]
        future.cancel()
