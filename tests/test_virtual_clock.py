"""The virtual clock: time that passes only when everybody waits for it."""

import queue
import threading
import time

import pytest
from conftest import PATIENCE

from video_translation_client import Clock, VideoTranslationClient
from video_translation_client.testing import Fault, MockServer, VirtualClock


def test_half_an_hour_passes_as_fast_as_its_requests_are_answered(server, make_client, clock):
    """Nothing sleeps; the moments are those of the real thing."""
    server.job(duration=1800)
    future = make_client(max_attempts=None, max_wait_time=3600).submit()
    assert future.result(PATIENCE) == "completed"
    assert clock.monotonic() == future.elapsed == 1801
    assert future.attempts == 65


def test_a_paused_clock_stands_still_until_it_is_advanced(server, make_client, clock):
    """Then it moves exactly so far, and all that is due meanwhile has happened."""
    server.job("job-1", duration=5)
    with clock.paused():
        future = make_client().submit("job-1")
        clock.advance(2.5)
        assert clock.monotonic() == 2.5
        assert future.attempts == 2
        clock.advance(0.6)
        assert future.attempts == 3
        clock.advance(100)
        assert future.result(0) == "completed"
        assert (clock.monotonic(), future.elapsed) == (103.1, 7)


def test_pauses_nest(clock, server, make_client):
    """The outer one still holds after the inner one has ended."""
    with clock.paused():
        with clock.paused():
            future = make_client().submit()
        clock.advance(0)
        assert future.attempts == 1
        assert clock.monotonic() == 0
        future.cancel()


def test_an_idle_clock_can_be_advanced(clock):
    """With nobody on it, too."""
    clock.advance(12)
    clock.advance(0.5)
    assert clock.monotonic() == 12.5


@pytest.mark.parametrize("seconds", [-1, float("nan"), "1", None])
def test_it_refuses_to_advance_by_what_is_no_time(clock, seconds):
    """Nothing goes back."""
    with pytest.raises((TypeError, ValueError), match="^seconds must be a number, 0 or more"):
        clock.advance(seconds)


def test_clients_and_servers_share_one_time(clock):
    """Two of each: every poll is at its own moment."""
    with MockServer(clock=clock) as first, MockServer(clock=clock) as second:
        clients = [
            VideoTranslationClient(first.url, jitter=0, clock=clock),
            VideoTranslationClient(second.url, jitter=0, initial_wait_time=1.5, clock=clock),
        ]
        with clock.paused():
            futures = [client.submit() for client in clients]
            clock.advance(60)
        for future, client in zip(futures, clients):
            assert future.result(PATIENCE) in ("completed", "timeout")
            client.shutdown()
        assert [request.time for request in first.requests] == [0, 1, 3, 7]
        assert [request.time for request in second.requests] == [0, 1.5, 4.5, 10.5]


def test_a_slow_answer_takes_its_virtual_seconds(server, make_client, clock):
    """The mock server's latency moves the clock, so a deadline can pass meanwhile."""
    server.job("job-1", duration=0, faults={1: Fault.slow(7)})
    future = make_client().submit("job-1")
    assert future.result(PATIENCE) == "completed"
    assert future.elapsed == 7


def test_time_stands_still_while_a_poll_or_a_callback_runs(server, make_client, clock):
    """Another client's wait does not run ahead."""
    server.job("slow callback", duration=0)
    server.job("other", duration=10)
    times = []
    entered, release = threading.Event(), threading.Event()

    def hold(_):
        entered.set()
        release.wait(PATIENCE)
        times.append(clock.monotonic())

    with clock.paused():
        other = make_client().submit("other")
        held = make_client().submit("slow callback", on_update=hold)
    assert entered.wait(PATIENCE)
    release.set()
    assert held.result(PATIENCE) == other.result(PATIENCE) == "completed"
    assert times == [0]


def test_time_stands_still_while_a_callback_sleeps_on_the_clock_until_it_is_over(
    server, make_client, clock
):
    """Only a service's sleep holds up an exchange; a callback that sleeps would wait for ever."""
    server.job(duration=0)
    ended = threading.Event()

    def nap(_):
        sleeper = threading.Thread(target=clock.sleep, args=(1000,))
        sleeper.start()
        sleeper.join(0.1)
        times.append(clock.monotonic())
        ended.set()

    times = []
    assert make_client().get_status(on_update=nap) == "completed"
    assert ended.wait(PATIENCE)
    assert times == [0]


def test_two_who_advance_it_at_once_never_turn_it_back(clock):
    """It ends where the longer of both would have it, or later."""
    threads = [threading.Thread(target=clock.advance, args=(seconds,)) for seconds in (3, 1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert 3 <= clock.monotonic() <= 6


def test_who_has_left_is_not_waited_for(clock):
    """A late wake-up of a client that is done does not hold up the others."""
    wakeups = queue.SimpleQueue()
    clock.wake(wakeups)
    clock.leave(wakeups)
    clock.wake(wakeups)
    clock.advance(5)
    assert clock.monotonic() == 5


def test_a_sleep_ends_when_it_is_given_up(clock):
    """As a stopping server does with its slow answers."""
    interrupt = threading.Event()
    with clock.paused():
        sleeper = threading.Thread(target=clock.sleep, args=(1000, interrupt.is_set))
        sleeper.start()
        interrupt.set()
        sleeper.join(PATIENCE)
        assert not sleeper.is_alive()
        assert clock.monotonic() == 0


def test_a_client_that_was_never_used_holds_nothing_up(clock, server, make_client):
    """Nor does one that was shut down before, or dropped."""
    make_client().shutdown()
    VideoTranslationClient(server.url, clock=clock)
    server.job(duration=10)
    assert make_client().get_status() == "completed"


def test_it_stands_still_only_where_nobody_waits_and_nobody_holds_it(server, make_client, clock):
    """A client without a job does not move it, and one with a job does."""
    assert clock.stands_still()
    with clock.paused():
        assert not clock.stands_still()
    server.job("job-1", duration=30)
    client = make_client()
    still = []
    future = client.submit("job-1", on_update=lambda _: still.append(clock.stands_still()))
    assert future.result(PATIENCE) == "completed"
    client.shutdown()
    assert still == [False] * len(still)
    assert clock.stands_still()
    assert not Clock().stands_still()


def test_it_starts_at_zero():
    """So moments in a test are round numbers."""
    assert VirtualClock().monotonic() == 0


def test_the_real_clock_tells_the_date_as_the_system_does():
    """Dates that a service names are compared with the time of day."""
    before = time.time()
    assert before <= Clock().time() <= time.time()
