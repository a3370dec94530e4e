"""Who is asked when: many jobs, a handful of threads, one pace."""

import gc
import math
import threading
import weakref

import pytest
import requests
from conftest import PATIENCE

from video_translation_client import (
    RejectedError,
    VideoTranslationClient,
    VideoTranslationError,
)
from video_translation_client._scheduling.workers import THREAD_NAME
from video_translation_client.clock import Clock
from video_translation_client.testing import Fault


def library_threads():
    """The threads of the library that are alive, those of earlier tests' clients included."""
    return {thread for thread in threading.enumerate() if thread.name.startswith(THREAD_NAME)}


def test_there_is_no_thread_before_the_first_submit(server, make_client):
    """A client that nobody uses costs nothing."""
    before = library_threads()
    make_client()
    assert library_threads() <= before


@pytest.mark.one_python
def test_a_thousand_jobs_share_one_dispatcher_and_the_workers(server, make_client, clock):
    """One for each request at once, and one for callbacks; all jobs end as scripted."""
    before = library_threads()
    client = make_client(max_concurrency=3)
    seen = set()

    def look(_):
        seen.update(library_threads() - before)

    for number in range(1000):
        server.job(f"job-{number}", duration=1, outcome=["completed", "error"][number % 2])
    with clock.paused():
        futures = [client.submit(f"job-{number}", on_update=look) for number in range(1000)]
    assert [future.result(PATIENCE) for future in futures] == ["completed", "error"] * 500
    assert 2 <= len(seen) <= 1 + 3 + 1


def test_jobs_that_are_due_are_asked_in_the_order_in_which_they_came_due(
    server, make_client, clock
):
    """First come, first served, with one worker to see it."""
    client = make_client(max_concurrency=1, max_attempts=2)
    with clock.paused():
        futures = [client.submit(f"job-{number}") for number in range(20)]
    for future in futures:
        future.result(PATIENCE)
    asked = [request.path for request in server.requests]
    assert asked == [f"/status/job-{number}" for number in range(20)] * 2


def test_no_second_holds_more_requests_than_max_rate(server, make_client, clock):
    """However many jobs are due, and without a thread that sleeps for it."""
    for number in range(40):
        server.job(f"job-{number}", duration=0)
    client = make_client(max_rate=4)
    with clock.paused():
        futures = [client.submit(f"job-{number}") for number in range(40)]
    for future in futures:
        assert future.result(PATIENCE) == "completed"
    times = [request.time for request in server.requests]
    assert times == pytest.approx([0.25 * number for number in range(40)])


def test_jobs_that_wait_behind_the_rate_still_end_at_their_deadline(server, make_client, clock):
    """The limit is on the wait, not on the polls that were made."""
    client = make_client(max_rate=0.1, max_wait_time=15, max_attempts=None)
    with clock.paused():
        futures = [client.submit(f"job-{number}") for number in range(4)]
    assert [future.result(PATIENCE) for future in futures] == ["timeout"] * 4
    assert all(14 <= future.elapsed <= 15 for future in futures)
    assert futures[3].attempts == 0


def test_a_future_ends_at_its_deadline_though_its_request_hangs(server, make_client, clock):
    """So do the futures of jobs for which no worker was free."""
    server.job("hanging", faults={1: Fault.slow(1000)})
    client = make_client(max_concurrency=1, max_wait_time=20, request_timeout=1000)
    with clock.paused():
        futures = [client.submit("hanging"), client.submit("queued")]
    assert [future.result(PATIENCE) for future in futures] == ["timeout", "timeout"]
    assert [future.elapsed for future in futures] == [20, 20]
    assert "no status was received" in futures[1].reason


def test_jobs_with_one_deadline_have_their_last_polls_in_time(server, make_client, clock):
    """Each starts its last poll as early before it as its polls have had to queue."""
    server_latency = {poll: Fault.slow(1) for poll in range(1, 100)}
    names = [f"job-{number}" for number in range(9)]
    for name in names:
        server.job(name, duration=80, faults=server_latency)
    client = make_client(
        max_concurrency=1, max_wait_time=100, max_attempts=None, strategy=lambda *_: 1000
    )
    with clock.paused():
        futures = [client.submit(name) for name in names]
    assert [future.result(PATIENCE) for future in futures] == ["completed"] * 9
    assert [future.attempts for future in futures] == [2] * 9


def test_an_answer_that_nobody_waits_for_any_more_is_not_waited_for(server, make_client, clock):
    """Its request is aborted, and ``last_error`` says that there was no answer."""
    server.job("late", duration=0, faults={1: Fault.slow(50)})
    seen = []
    client = make_client(max_wait_time=20, request_timeout=1000)
    future = client.submit("late", on_update=seen.append)
    assert future.result(PATIENCE) == "timeout"
    client.shutdown()
    assert clock.monotonic() == 20
    assert (future.report, seen) == (None, [])
    assert str(future.last_error) == (
        "job 'late': the poll under way had no answer when the limit was reached"
    )


def test_when_all_requests_hang_done_callbacks_still_come_on_time(server, make_client, clock):
    """One worker more than requests at once is there for them."""
    server.job("hanging", faults={1: Fault.slow(1000)})
    client = make_client(max_concurrency=1, max_wait_time=20, request_timeout=1000)
    called = threading.Event()
    moments = []

    def on_done(future):
        moments.append(clock.monotonic())
        called.set()

    client.submit("hanging").add_done_callback(on_done)
    assert called.wait(PATIENCE)
    assert moments == [20]


def test_poll_now_asks_at_once(server, make_client, clock):
    """And the waits go on from there."""
    server.job("job-1", duration=2.5)
    with clock.paused():
        future = make_client().submit("job-1")
        clock.advance(2.6)
        future.poll_now()
        clock.advance(0)
        assert future.done()
    assert [request.time for request in server.requests] == [0, 1, 2.6]


def test_poll_now_during_a_poll_asks_once_more_after_it(server, make_client, clock):
    """The answer under way may be older than what the caller knows."""
    server.job("job-1", duration=1000, faults={1: Fault.slow(5)})
    with clock.paused():
        future = make_client().submit("job-1")
        clock.advance(1)
        for _ in range(3):
            future.poll_now()
        clock.advance(4.5)
        assert future.attempts == 2
        clock.advance(1.9)
        assert future.attempts == 3
        future.cancel()
    assert [request.time for request in server.requests] == [0, 5, 7]


def test_poll_now_while_queued_or_after_the_end_does_nothing(server, make_client, clock):
    """No extra request, no error."""
    server.job("hanging", duration=0, faults={1: Fault.slow(5)})
    server.job("job-1", duration=0)
    client = make_client(max_concurrency=1)
    with clock.paused():
        client.submit("hanging")
        queued = client.submit("job-1")
        queued.poll_now()
        clock.advance(5)
    assert queued.result(PATIENCE) == "completed"
    queued.poll_now()
    client.shutdown()
    assert [request.path for request in server.requests] == ["/status/hanging", "/status/job-1"]


def test_poll_now_just_before_the_deadline_is_still_asked(server, make_client, clock):
    """Though no regular poll would follow any more."""
    server.job("job-1", duration=1000, faults={1: Fault.slow(9.5)})
    with clock.paused():
        future = make_client(max_wait_time=10).submit("job-1")
        clock.advance(9)
        future.poll_now()
        clock.advance(0.6)
        assert future.attempts == 2
        clock.advance(1)
        assert future.result(0) == "timeout"


def test_no_poll_of_a_cancelled_job_starts(server, make_client, clock):
    """Neither of one that waits, nor of one that is queued, nor after one under way."""
    server.job("under way", faults={1: Fault.slow(5)})
    client = make_client(max_concurrency=1)
    with clock.paused():
        waiting = client.submit("waiting")
        clock.advance(0)
        under_way = client.submit("under way")
        clock.advance(0.5)
        queued = client.submit("queued")
        clock.advance(0)
        for future in (waiting, queued, under_way):
            assert future.cancel()
        clock.advance(100)
    assert [future.attempts for future in (waiting, under_way, queued)] == [1, 1, 0]
    assert len(server.requests) == 2
    assert under_way.report is None


def test_a_cancelled_wait_leaves_no_memory_behind(server, make_client, clock):
    """However far off its next poll and its deadline are."""
    client = make_client(max_wait_time=None, max_attempts=None)
    with clock.paused():
        kept = [client.submit(f"kept-{number}") for number in range(4)]
        future = client.submit("job-1")
        clock.advance(0)
        gone = weakref.ref(future)
        future.cancel()
        del future
        client.submit("another").cancel()
        clock.advance(0)
        gc.collect()
        assert gone() is None
    for future in kept:
        future.cancel()


def test_the_same_job_may_be_waited_for_twice(server, make_client):
    """Each wait has its own future and its own polls."""
    server.job("job-1", duration=0)
    client = make_client()
    futures = [client.submit("job-1") for _ in range(2)]
    assert [future.result(PATIENCE) for future in futures] == ["completed", "completed"]
    assert len(server.requests) == 2


def test_shutdown_waits_for_what_was_submitted(server, make_client):
    """As an executor: all futures are done and all threads have ended."""
    before = library_threads()
    server.job("job-1", duration=10)
    with make_client() as client:
        future = client.submit("job-1")
    assert future.done()
    assert future.result() == "completed"
    assert library_threads() <= before
    client.shutdown()


def test_shutdown_without_waiting_returns_at_once_and_the_waits_go_on(server, make_client, clock):
    """The futures still end."""
    server.job("job-1", duration=10)
    with clock.paused():
        client = make_client()
        future = client.submit("job-1")
        client.shutdown(wait=False)
        assert not future.done()
    assert future.result(PATIENCE) == "completed"


def test_shutdown_can_cancel_what_is_not_done(server, make_client, clock):
    """Nothing is asked any more."""
    with clock.paused():
        client = make_client()
        futures = [client.submit(f"job-{number}") for number in range(50)]
        client.shutdown(cancel_futures=True)
    assert all(future.cancelled() for future in futures)


def test_a_client_that_is_dropped_keeps_its_promises_and_then_its_threads_end(
    server, make_client, clock
):
    """Forgetting shutdown() loses no wait and leaks no thread."""
    before = library_threads()
    server.job("job-1", duration=10)
    with clock.paused():
        client = VideoTranslationClient(server.url, clock=clock)
        future = client.submit("job-1")
        threads = library_threads() - before
        del client
        gc.collect()
    assert future.result(PATIENCE) == "completed"
    assert threads
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("is_listened_to", [True, False])
def test_a_defect_on_a_worker_ends_the_waits_that_it_befalls_and_no_others(
    server, make_client, is_listened_to
):
    """What can't be told of a job ends its wait with the reason, and the next poll is made."""

    class Broken(Clock):
        is_broken = False

        def monotonic(self):
            if self.is_broken and "dispatcher" not in threading.current_thread().name:
                self.is_broken = False
                raise ArithmeticError("no more time")
            return super().monotonic()

    clock = Broken()
    server.job("job-1", duration=0)
    server.job("job-2", duration=0)
    with requests.Session() as session:
        session.hooks["response"].append(lambda *_, **__: setattr(clock, "is_broken", broken.pop()))
        client = make_client(clock=clock, session=session, max_wait_time=None)
        broken = [False, True]
        told = threading.Event()
        future = client.submit("job-1")
        if is_listened_to:
            future.add_done_callback(lambda _: told.set())
        with pytest.raises(VideoTranslationError, match="abandoned .ArithmeticError."):
            future.result(PATIENCE)
        assert not is_listened_to or told.wait(PATIENCE)
        assert client.get_status("job-2") == "completed"
        client.shutdown()


def test_a_callback_of_the_last_moment_may_cancel_another_wait_whose_callbacks_then_run(
    server, make_client
):
    """What is posted while the dispatcher ends all waits is done before it ends itself."""

    class Broken(Clock):
        is_broken = False

        def monotonic(self):
            if self.is_broken and "dispatcher" in threading.current_thread().name:
                self.is_broken = False
                raise ArithmeticError("no more time")
            return super().monotonic()

    clock, ended, called = Broken(), [], []
    server.job("job-1", duration=1000)
    server.job("job-2", duration=1000)
    client = make_client(clock=clock, on_event=lambda event: ended.append(type(event).__name__))
    first, second = client.submit("job-1"), client.submit("job-2")
    second.add_done_callback(lambda _: called.append("second"))
    first.add_done_callback(lambda _: (called.append("first"), second.cancel()))
    clock.is_broken = True
    first.poll_now()
    client.shutdown()
    assert sorted(called) == ["first", "second"]
    assert ended.count("Ended") == 2


def test_when_the_dispatcher_cannot_go_on_every_future_ends_and_says_so(server, make_client):
    """Nothing hangs, and no callback is lost."""

    class Broken(Clock):
        def wait(self, wakeups, timeout, in_flight):
            if in_flight == 0 and timeout < math.inf:
                raise RuntimeError("no more time")
            super().wait(wakeups, timeout, in_flight)

    server.job("job-1", duration=1000)
    client = make_client(clock=Broken())
    future = client.submit("job-1")
    with pytest.raises(VideoTranslationError, match="abandoned .no more time., and the job may"):
        future.result(PATIENCE)
    assert not isinstance(future.exception(), RejectedError)
    assert isinstance(future.exception().__cause__, RuntimeError)
    with pytest.raises(RuntimeError, match="after shutdown"):
        client.submit("job-2")
    client.shutdown()
