"""The pace of all requests together, as pure bookkeeping over moments."""

import pytest

from video_translation_client import PollError, RejectedError
from video_translation_client._http.poller import Outcome
from video_translation_client._scheduling.decision import LONGEST_PAUSE, Rules
from video_translation_client._scheduling.pace import Pace
from video_translation_client._scheduling.waits import Wait
from video_translation_client.status import Status, StatusReport

pytestmark = pytest.mark.one_python


def make_pace(max_rate=None):
    """The pace of a client without a job."""
    return Pace("default", max_rate, 1.0)


def starts(pace, now, count):
    """The moments of requests that each start as soon as they may."""
    moments = []
    for _ in range(count):
        now = pace.next_start(now)
        pace.start(now)
        moments.append(now)
    return moments


def spacing(pace, now):
    """Seconds from one request to the next."""
    first, second = starts(pace, now, 2)
    return second - first


def steady(rate, max_rate=None):
    """The pace of jobs that are asked ``rate`` times a second together."""
    pace = make_pace(max_rate)
    pace.steady_rate = rate
    return pace


def waits(count):
    """So many waits."""
    return [Wait(None, Rules(), 0.0) for _ in range(count)]


def pending(retry_after=None, throttled=False):
    """An ordinary answer."""
    return Outcome(StatusReport(Status.PENDING, "pending"), retry_after, throttled)


def failed(retry_after=None, throttled=False, code=None):
    """A poll that has failed in passing."""
    return Outcome(PollError("no", status_code=code), retry_after, throttled)


def rejected(throttled=False):
    """A poll that has failed for good."""
    return Outcome(RejectedError("no"), None, throttled)


def refused(code=503, retry_after=None):
    """A refusal."""
    return failed(retry_after, True, code)


def test_without_a_rate_every_moment_will_do():
    """Any number of requests may start at once."""
    assert starts(make_pace(), 7.0, 100) == [7.0] * 100


@pytest.mark.parametrize("rate", [0.5, 3, 100])
def test_no_window_of_a_second_holds_more_starts_than_the_rate(rate):
    """Starts that come as early as they may are spaced evenly, also after a quiet time."""
    pace = make_pace(rate)
    moments = starts(pace, 0.0, 500)
    moments += starts(pace, moments[-1] + 5.0, 500)
    gaps = [later - earlier for earlier, later in zip(moments, moments[1:])]
    assert min(gaps) >= 1 / rate - 1e-9


def test_requests_that_follow_one_at_once_count_as_well():
    """What a redirect has taken of the rate is missing afterwards."""
    pace = make_pace(2.0)
    pace.start(10.0)
    pace.learn(waits(1), [failed()], 1, 10.0, 10.0)
    assert pace.next_start(10.0) == 10.5
    pace.learn(waits(1), [failed()], 4, 10.0, 10.0)
    assert pace.next_start(10.0) == 12.0


def test_in_a_pause_nothing_starts():
    """Not before its end, and not at once afterwards."""
    pace = steady(10.0)
    pace.pause(100.0, 60.0)
    assert pace.paused_until == 160.0
    assert pace.next_start(120.0) == 160.0
    assert starts(pace, 120.0, 3) == pytest.approx([160.0, 160.1, 160.2])


def test_a_shorter_pause_does_not_end_a_longer_one():
    """The service has said both, and both are kept."""
    pace = steady(10.0)
    pace.pause(100.0, 60.0)
    pace.pause(110.0, 5.0)
    assert pace.next_start(120.0) == 160.0
    pace.pause(120.0, 60.0)
    assert pace.next_start(120.0) == 180.0


@pytest.mark.parametrize("seconds", [LONGEST_PAUSE + 1, 1e300])
def test_a_pause_is_no_longer_than_a_day(seconds):
    """However far off the service means it to end."""
    pace = make_pace()
    pace.pause(100.0, seconds)
    assert pace.paused_until == 100.0 + 24 * 60 * 60


def test_a_pause_ends_where_max_rate_is_kept():
    """The lower rate counts."""
    pace = steady(10.0, max_rate=4.0)
    pace.pause(0.0, 60.0)
    assert starts(pace, 0.0, 3) == [60.0, 60.25, 60.5]


def test_to_slow_down_halves_the_rate():
    """Each time that a request was too much which began after the last time."""
    pace = steady(100.0)
    for halvings, now in enumerate([1.0, 2.0, 3.0], 1):
        pace.slow_down(now, now - 0.5)
        assert spacing(pace, now) == pytest.approx(0.01 * 2**halvings)


def test_requests_that_were_under_way_do_not_slow_down_twice():
    """A dozen refusals of one moment are one piece of news."""
    pace = steady(100.0)
    for later in range(12):
        pace.slow_down(5.0 + later / 100, 4.9)
    assert spacing(pace, 6.0) == pytest.approx(0.02)


def test_a_request_a_second_is_left():
    """However often the service complains, and however little there is to slow down."""
    pace = steady(8.0)
    for now in range(1, 50):
        pace.slow_down(now, now)
    assert spacing(pace, 50.0) == pytest.approx(1.0)
    pace = steady(0.01)
    pace.slow_down(1.0, 1.0)
    assert spacing(pace, 1.0) == pytest.approx(1.0)


def test_answers_raise_a_lowered_rate_by_the_same_amount_each_second():
    """However many come in it: a fifth of the steady rate."""
    pace = steady(100.0)
    pace.slow_down(0.0, 0.0)
    pace.slow_down(0.0, 0.0)
    rates = []
    for tick in range(1, 33):
        pace.speed_up(tick / 8)
        if tick % 8 == 0:
            rates.append(1 / spacing(pace, 100.0))
    assert rates == pytest.approx([45.0, 65.0, 85.0, 105.0])


def test_a_quiet_time_raises_it_no_more_than_a_second_of_answers():
    """Nothing was learnt meanwhile."""
    pace = steady(100.0)
    pace.slow_down(0.0, 0.0)
    pace.speed_up(1000.0)
    assert 1 / spacing(pace, 1000.0) == pytest.approx(70.0)


def test_answers_raise_it_to_half_above_the_steady_rate():
    """So that the queue gets shorter, and yet no flood comes."""
    pace = steady(100.0)
    pace.slow_down(0.0, 0.0)
    for now in range(1, 100):
        pace.speed_up(now)
    assert 1 / spacing(pace, 100.0) == pytest.approx(150.0)


def test_a_rate_that_was_raised_is_halved_from_where_it_is():
    """Also by a request that began before it was raised."""
    pace = steady(100.0)
    pace.slow_down(0.0, 0.0)
    pace.speed_up(1.0)
    pace.slow_down(2.0, 0.5)
    assert 1 / spacing(pace, 2.0) == pytest.approx(35.0)


def test_without_trouble_answers_change_nothing():
    """There is no rate to raise."""
    pace = steady(100.0)
    pace.speed_up(5.0)
    pace.relax(5.0)
    assert starts(pace, 5.0, 100) == [5.0] * 100


def test_to_spread_lets_the_queue_start_at_the_steady_rate():
    """But a rate that was lowered stays as low as it is."""
    pace = steady(100.0)
    pace.spread(1.0, "it is slow")
    assert spacing(pace, 1.0) == pytest.approx(0.01)
    pace.slow_down(2.0, 2.0)
    pace.spread(3.0, "it is slow")
    assert spacing(pace, 3.0) == pytest.approx(0.02)


def test_to_relax_forgets_the_trouble_when_it_is_over():
    """Not during a pause, and not before the rate has recovered."""
    pace = steady(10.0)
    pace.pause(0.0, 60.0)
    pace.relax(59.0)
    assert spacing(pace, 60.0) == pytest.approx(0.1)
    pace.relax(60.0)
    assert starts(pace, 61.0, 10) == [61.0] * 10
    pace.slow_down(70.0, 70.0)
    pace.relax(71.0)
    assert spacing(pace, 71.0) == pytest.approx(0.2)
    pace.speed_up(72.0)
    pace.relax(72.0)
    assert spacing(pace, 72.0) == pytest.approx(1 / 7)
    for now in range(73, 76):
        pace.speed_up(now)
    pace.relax(76.0)
    assert starts(pace, 77.0, 10) == [77.0] * 10


def test_the_lowest_rate_is_not_forgotten_before_an_answer_was_good():
    """However seldom the jobs are asked: they may be many that are due together."""
    pace = steady(0.5)
    pace.slow_down(1.0, 1.0)
    pace.relax(2.0)
    assert spacing(pace, 2.0) == 1.0
    pace.speed_up(5.0)
    pace.relax(5.0)
    assert starts(pace, 5.0, 10) == [5.0] * 10


def test_after_it_has_relaxed_the_next_trouble_counts_anew():
    """From the steady rate."""
    pace = steady(10.0)
    pace.spread(1.0, "it is slow")
    pace.relax(2.0)
    pace.slow_down(3.0, 0.5)
    assert spacing(pace, 3.0) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("outcome", "rate", "paused_until"),
    [
        (pending(), 70.0, 0.0),
        (pending(60.0), 70.0, 0.0),
        (failed(), 50.0, 0.0),
        (failed(60.0), 50.0, 0.0),
        (rejected(), 50.0, 0.0),
        (Outcome(None), 50.0, 0.0),
        (failed(throttled=True), 25.0, 0.0),
        (pending(throttled=True), 25.0, 0.0),
        (rejected(throttled=True), 25.0, 0.0),
        (Outcome(None, throttled=True), 25.0, 0.0),
        (failed(60.0, throttled=True), 50.0, 62.0),
        (pending(60.0, throttled=True), 50.0, 62.0),
        (Outcome(None, 60.0, throttled=True), 50.0, 62.0),
        (failed(0.0, throttled=True), 50.0, 2.0),
    ],
)
def test_what_is_learnt_from_an_answer(outcome, rate, paused_until):
    """A good one raises a lowered rate; one that complains pauses or lowers it; others neither."""
    pace = steady(100.0)
    pace.slow_down(1.0, 1.0)
    pace.learn(waits(1), [outcome], 1, 1.5, 2.0)
    assert pace.paused_until == paused_until
    assert 1 / spacing(pace, 100.0) == pytest.approx(rate)


@pytest.mark.parametrize(
    ("outcomes", "rate", "paused_until"),
    [
        ([pending()] * 100, 70.0, 0.0),
        ([refused()] * 100, 25.0, 0.0),
        ([pending()] * 99 + [refused(429)], 25.0, 0.0),
        ([pending(5.0, True), pending(60.0, True), refused()], 50.0, 62.0),
    ],
)
def test_many_jobs_of_one_poll_are_one_piece_of_news(outcomes, rate, paused_until):
    """What is worst in it counts, and once, even where it came in no time."""
    pace = steady(100.0)
    pace.slow_down(1.0, 1.0)
    pace.learn(waits(len(outcomes)), outcomes, 1, 2.0, 2.0)
    assert pace.paused_until == paused_until
    assert 1 / spacing(pace, 100.0) == pytest.approx(rate)


@pytest.mark.parametrize(
    ("others", "again", "own"),
    [
        (pending(), refused(), True),
        (refused(), refused(), False),
        (failed(), refused(), False),
        (pending(), refused(429), False),
        (pending(), refused(retry_after=0.0), False),
        (pending(), failed(code=500), True),
    ],
)
def test_a_bare_503_that_one_job_gets_again_slows_nobody_else(others, again, own):
    """If another job was answered well in between; what speaks of all requests still does."""
    pace, (job, other) = steady(100.0), waits(2)
    pace.learn([job], [refused()], 1, 1.0, 1.0)
    assert spacing(pace, 1.0) == pytest.approx(1 / 50)
    pace.learn([other], [others], 1, 1.0, 1.0)
    before = spacing(pace, 9.0)
    pace.learn([job], [again], 1, 9.0, 9.0)
    assert (spacing(pace, 20.0) == pytest.approx(before) and not pace.paused_until) is own


def test_a_bare_503_counts_for_all_where_the_jobs_answer_before_was_another():
    """It has passed once, so this is news."""
    pace, (job, other) = steady(100.0), waits(2)
    pace.learn([job], [refused()], 1, 1.0, 1.0)
    pace.learn([job, other], [pending(), pending()], 1, 2.0, 2.0)
    pace.learn([job], [refused()], 1, 3.0, 3.0)
    assert 1 / spacing(pace, 3.0) == pytest.approx(70.0 / 2)
