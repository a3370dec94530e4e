"""How many polls at once pay, by what they take and what of that keeps a core busy."""

import math

import pytest

from video_translation_client._scheduling.concurrency import Concurrency

pytestmark = pytest.mark.one_python  # pure: no sockets, no threads


def measured(took, work, *, polls=200):
    """Returns one that has seen many polls of such a kind, one after the other."""
    concurrency = Concurrency()
    for number in range(polls):
        concurrency.begin(number, 0.0)
        concurrency.end(number, took, work)
    return concurrency


def most_at(concurrency, now):
    """Returns how many polls are begun at one moment before one more does not pay."""
    for number in range(1000):
        if not concurrency.pays(now):
            return number
        concurrency.begin(object(), now)
    return math.inf


@pytest.mark.parametrize(
    ("took", "work", "most"),
    [
        (0.0002, 0.0002, 1),  # all of it is our own work
        (0.0003, 0.0002, 1),
        (0.001, 0.0002, 4),
        (0.020, 0.0002, 80),
        (0.050, 0.0005, 80),
        (0.0, 0.0, math.inf),  # a virtual clock, on which nothing takes time
    ],
)
def test_as_many_polls_pay_as_keep_one_core_busy_and_never_none(took, work, most):
    """That is by Little's law, with a fifth of the core left."""
    assert most_at(measured(took, work), 1.0) == pytest.approx(most, abs=1)


def test_before_anything_was_measured_all_polls_pay():
    """A burst at the beginning is not held up by what is not known."""
    assert most_at(Concurrency(), 0.0) == math.inf


def test_many_workers_that_only_keep_each_other_waiting_become_one():
    """Each poll then takes as long as all of their work, which no service is to blame for."""
    concurrency, work, now = measured(0.1, 0.0002), 0.0002, 0.0
    polls = [object() for _ in range(16)]
    for poll in polls:
        concurrency.begin(poll, now)
    for _ in range(1000):
        now += work
        concurrency.end(polls.pop(0), now, work)
        if concurrency.pays(now):
            polls.append(object())
            concurrency.begin(polls[-1], now)
    assert len(polls) == 1


def test_a_poll_that_hangs_is_not_waited_for():
    """Where one more did not pay, it does once the poll under way takes much longer than others."""
    concurrency = measured(0.0002, 0.0002)
    concurrency.begin("hangs", 10.0)
    assert not concurrency.pays(10.0)
    look = concurrency.next_look()
    assert 10.0 < look <= 10.01
    assert concurrency.pays(look)
    assert concurrency.next_look() == math.inf
    concurrency.begin("next", look)
    assert not concurrency.pays(look)


def test_a_poll_that_hung_counts_when_it_ends():
    """Services that become slow get more polls at once."""
    concurrency = measured(0.0002, 0.0002)
    concurrency.begin("hung", 10.0)
    assert concurrency.pays(11.0)
    concurrency.end("hung", 12.0, 0.0002)
    assert most_at(concurrency, 12.0) > 10


def test_what_is_no_poll_changes_nothing():
    """A callback may take its time."""
    concurrency = measured(0.0002, 0.0002)
    concurrency.end("callback", 100.0, 5.0)
    assert most_at(concurrency, 100.0) == 1


def test_a_poll_that_hangs_is_not_waited_for_the_longer_as_others_were_slow_before():
    """As a service is that has recovered, but for one job."""
    concurrency = measured(2.0, 0.0002)
    concurrency.begin("hangs", 0.0)
    for number in range(200):
        concurrency.begin(number, 0.0)
        concurrency.end(number, 0.0002, 0.0002)
    assert concurrency.next_look() <= 0.1


def test_the_first_polls_count_alike():
    """Whichever comes first, what it takes is but its share of what all take."""
    concurrency = Concurrency()
    for number in range(10):
        concurrency.begin(number, 0.0)
        concurrency.end(number, 0.05 if number else 1.0, 0.0002)
    assert most_at(concurrency, 1.0) == pytest.approx(0.145 / 0.00025, abs=2)


def test_one_poll_whose_callback_is_at_work_for_long_changes_little():
    """A callback of the user's is not what the other polls wait for."""
    concurrency = measured(0.05, 0.0002)
    concurrency.begin("callback", 0.0)
    concurrency.end("callback", 0.05, 1.0)
    assert most_at(concurrency, 1.0) > 150
