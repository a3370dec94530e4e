"""How durations are distributed, estimated from the intervals in which jobs have ended."""

import math
import random

import pytest

from video_translation_client.timing._distribution import Sample, fit

pytestmark = pytest.mark.one_python


def seen(durations, interval):
    """What polls at a fixed interval see of jobs."""
    return [
        Sample(duration // interval * interval, (duration // interval + 1) * interval)
        for duration in durations
    ]


def log_normal(count, median=300.0, spread=0.5, seed=1):
    """Durations as they are often found."""
    chance = random.Random(seed)
    return [median * math.exp(spread * chance.gauss(0, 1)) for _ in range(count)]


def test_intervals_give_the_distribution_back():
    """Though they are a fifth as wide as the median is long."""
    durations = sorted(log_normal(400))
    known = fit(seen(durations, 60.0))
    for share in (0.1, 0.25, 0.5, 0.75, 0.9):
        assert known.quantile(share) == pytest.approx(durations[int(400 * share)], rel=0.12)
        assert known.share(known.quantile(share)) == pytest.approx(share)


def test_two_peaks_stay_two():
    """Hardly any job is taken to end between them."""
    durations = log_normal(100, 120.0, 0.1) + log_normal(100, 900.0, 0.1)
    known = fit(seen(durations, 10.0))
    assert known.share(600.0) - known.share(200.0) < 0.1
    assert known.share(250.0) == pytest.approx(0.5, abs=0.06)


def test_jobs_that_took_longer_than_they_were_watched_count():
    """Half of them given up at 300 seconds, so that is about the median."""
    durations = [one for one in log_normal(200) if one < 300]
    watched = [*seen(durations, 10.0), *[Sample(300.0, math.inf)] * len(durations)]
    assert fit(watched).quantile(0.5) == pytest.approx(300, rel=0.15)
    assert fit(watched).quantile(0.5) > 1.2 * fit(seen(durations, 10.0)).quantile(0.5)


def test_what_counts_less_weighs_less():
    """A tenth of the weight is a tenth of the jobs."""
    one, other = [Sample(99.0, 101.0, 1.0)] * 50, [Sample(990.0, 1010.0, 0.1)] * 50
    assert fit([*one, *other]).share(300.0) == pytest.approx(10 / 11, abs=0.05)


def test_one_job_is_a_hint_at_best():
    """Others may take a third or three times as long."""
    known = fit([Sample(290.0, 310.0)])
    assert known.quantile(0.5) == pytest.approx(300, rel=0.1)
    assert known.share(100.0) > 0.01
    assert known.share(900.0) < 0.99


@pytest.mark.parametrize("duration", [0.0, 1e-6, 300.0, 1e9])
@pytest.mark.parametrize("count", [1, 50])
def test_any_duration_will_do(duration, count):
    """Of no time at all, of decades, and all of them the same."""
    known = fit([Sample(duration, duration)] * count)
    assert 0 < known.quantile(0.001) <= known.quantile(0.999) < math.inf
    assert known.share(0.0) == 0
    assert known.share((duration + 1) * 1e3) == 1
