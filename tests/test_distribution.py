"""What is estimated of durations, against what they were drawn from."""

import math
import random

import pytest

from video_translation_client.timing._distribution import Distribution, Sample, fit, typical

pytestmark = pytest.mark.one_python

INF = math.inf


def drawn(count, median=100.0, spread=0.3, seed=1):
    """Durations of a log-normal distribution."""
    chance = random.Random(seed)
    return [median * math.exp(chance.gauss(0, spread)) for _ in range(count)]


def seen_every(interval, durations):
    """What polls at a fixed interval tell of durations."""
    return [Sample(d // interval * interval, (d // interval + 1) * interval) for d in durations]


@pytest.mark.parametrize("interval", [1, 10, 30])
@pytest.mark.parametrize("spread", [0.2, 0.5])
def test_quantiles_come_back_from_intervals(interval, spread):
    """However coarse the polls were, the estimate is near what the jobs were drawn from."""
    found = fit(seen_every(interval, drawn(200, spread=spread)))
    for share, deviations in [(0.1, -1.2816), (0.5, 0.0), (0.9, 1.2816)]:
        assert found.quantile(share) == pytest.approx(100 * math.exp(spread * deviations), rel=0.2)


def test_exact_durations_and_those_in_intervals_may_be_mixed():
    """Both tell of the same jobs."""
    durations = drawn(200)
    exact = [Sample(duration, duration) for duration in durations[::2]]
    found = fit(exact + seen_every(20, durations[1::2]))
    assert found.quantile(0.5) == pytest.approx(100, rel=0.1)


def test_jobs_only_known_to_take_longer_move_it_up():
    """The more were given up while they ran, the later the likely ends."""
    ended = [Sample(duration, duration) for duration in drawn(30)]
    medians = [fit(ended + [Sample(130, INF)] * count).quantile(0.5) for count in (0, 10, 30)]
    assert medians == sorted(set(medians))
    assert medians[2] > 1.2 * medians[0]


def test_jobs_given_up_before_any_ended_say_little():
    """That a job takes longer than the shortest is no news."""
    ended = [Sample(duration, duration) for duration in drawn(30)]
    found = fit(ended + [Sample(1, INF)] * 10)
    assert found.quantile(0.5) == pytest.approx(fit(ended).quantile(0.5), rel=0.1)


def test_two_peaks_stay_two():
    """Short and long jobs are not taken for ones of a middle length."""
    found = fit(seen_every(5, drawn(60, 40, 0.1) + drawn(60, 400, 0.1, seed=2)))
    around_short = found.share(60) - found.share(27)
    around_long = found.share(600) - found.share(270)
    between = found.share(200) - found.share(80)
    assert around_short > 0.35
    assert around_long > 0.35
    assert between < 0.12


def test_one_sample_is_an_estimate():
    """It lies around it, and is wide."""
    found = fit([Sample(100, 100)])
    assert found.quantile(0.5) == pytest.approx(100, rel=0.1)
    assert found.quantile(0.1) < 75
    assert found.quantile(0.9) > 130


def test_more_samples_are_surer():
    """Of equal ones, too: the more, the narrower."""
    widths = []
    for count in (1, 3, 10, 100):
        found = fit([Sample(100, 100)] * count)
        assert found.quantile(0.5) == pytest.approx(100, rel=0.1)
        widths.append(found.quantile(0.9) / found.quantile(0.1))
    assert widths == sorted(set(widths), reverse=True)
    assert widths[-1] < 1.3


def test_weights_count():
    """Of two kinds of samples, the heavier one decides."""
    short, long = [Sample(50, 50, 0.1)] * 20, [Sample(200, 200, 1.0)] * 20
    assert fit(short + long).quantile(0.5) == pytest.approx(200, rel=0.15)


@pytest.mark.parametrize("scale", [1e-5, 1e-3, 1e-2, 1.0, 1e6, 1e12, 1e300, 1e308])
def test_values_of_any_size(scale):
    """Durations may be tiny, 0 or huge: shares grow from 0 to 1, and quantiles are numbers."""
    samples = [Sample(0, 0), Sample(0, scale), Sample(scale, scale), Sample(scale, INF)]
    for known in (samples, samples[1:], samples[2:], samples[:1]):
        found = fit(known)
        assert found.shares[0] == 0
        assert found.shares[-1] == pytest.approx(1)
        assert found.shares == sorted(found.shares)
        quantiles = [found.quantile(share) for share in (0.01, 0.5, 0.99)]
        assert quantiles == sorted(set(quantiles))
        assert 0 < quantiles[0] < quantiles[-1] < INF


def test_sizes_far_apart():
    """A job of a millisecond and one of a year are both remembered."""
    found = fit([Sample(1e-3, 1e-3)] * 5 + [Sample(3e7, 3e7)] * 5)
    assert found.share(1) == pytest.approx(0.5, abs=0.1)


def test_what_was_never_seen_is_possible():
    """A small part lies far from all samples, on both sides."""
    found = fit([Sample(100, 100)] * 50)
    assert 0 < found.share(50) < 0.05
    assert 0 < 1 - found.share(200) < 0.05


def test_share_and_quantile_are_inverse():
    """Each takes back what the other does; outside the range, the share is 0 or 1."""
    found = Distribution(math.log(10), 0.5, [1, 0, 2, 1])
    for share in (0.01, 0.25, 0.3, 0.6, 0.75, 0.99):
        assert found.share(found.quantile(share)) == pytest.approx(share)
    assert found.quantile(1.0) == pytest.approx(10 * math.exp(2))
    assert [found.share(seconds) for seconds in (0, 5, 10, 1000)] == [0, 0, 0, 1]


@pytest.mark.parametrize(
    ("low", "high", "about"),
    [(100, 100, 100), (90, 110, 99.5), (0, 100, 54.8), (100, INF, 120), (0, 0, 1e-3)],
)
def test_an_interval_stands_for_about_one_duration(low, high, about):
    """In the middle of it, or a little later than the last poll of a job given up."""
    assert typical(low, high) == pytest.approx(about, rel=0.01)
