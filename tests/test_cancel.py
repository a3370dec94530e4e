"""cancel() holds at any moment and from any thread: nobody asks, waits or keeps memory after it."""

import concurrent.futures
import contextlib
import gc
import threading
import weakref

import pytest
import requests
from conftest import PATIENCE

from video_translation_client.testing import Fault

MOMENTS = ["queued", "polling", "waiting", "polling again", "waiting for the rate"]


@pytest.fixture
def bring(server, make_client, clock):
    """Submits a job and lets time pass until a moment; the clock stands still from then on."""

    def bring(moment, **arguments):
        server.job("slow", faults={number: Fault.slow(900) for number in range(1, 5)})
        server.job("busy", faults={number: Fault.slow(900) for number in range(1, 5)})
        server.job("job", duration=1e6, faults={2: Fault.slow(900)})
        arguments = {
            "max_attempts": None,
            "max_wait_time": None,
            "request_timeout": 1000,
            "max_concurrency": 1 if moment == "queued" else 2,
            "max_rate": 0.01 if moment == "waiting for the rate" else None,
            **arguments,
        }
        client = make_client(**arguments)
        if moment in ("queued", "waiting for the rate"):
            client.submit("busy")
            clock.advance(0)
        future = client.submit("slow" if moment == "polling" else "job")
        clock.advance({"waiting": 0.5, "polling again": 1.5}.get(moment, 0))
        return future

    with clock.paused():
        yield bring


def in_another_thread(function):
    """Calls a function in a thread of its own and returns what it returns."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result(PATIENCE)


@pytest.mark.parametrize("call", [in_another_thread, lambda function: function()])
@pytest.mark.parametrize("moment", MOMENTS)
def test_whenever_it_is_cancelled_no_request_of_it_starts_afterwards(
    bring, server, clock, moment, call
):
    """From the thread that submitted it, or from any other."""
    future = bring(moment)
    attempts, asked = future.attempts, len(server.requests)
    assert call(future.cancel)
    future.poll_now()
    clock.advance(5000)
    assert future.cancelled()
    assert (future.attempts, future.next_poll) == (attempts, None)
    assert {request.path for request in server.requests[asked:]} <= {"/status/busy"}


@pytest.mark.parametrize("moment", MOMENTS)
def test_whenever_it_is_cancelled_all_who_wait_for_it_wake(bring, moment):
    """In wait() of each kind, as_completed(), result() and exception()."""
    future = bring(moment)
    started = threading.Barrier(5)

    def wait(return_when):
        started.wait(PATIENCE)
        return concurrent.futures.wait([future], PATIENCE, return_when).done

    def complete():
        started.wait(PATIENCE)
        return set(concurrent.futures.as_completed([future], PATIENCE))

    def ask(method):
        started.wait(PATIENCE)
        with pytest.raises(concurrent.futures.CancelledError):
            method(PATIENCE)
        return {future}

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        results = [
            pool.submit(wait, concurrent.futures.ALL_COMPLETED),
            pool.submit(complete),
            pool.submit(ask, future.result),
            pool.submit(ask, future.exception),
        ]
        started.wait(PATIENCE)
        future.cancel()
        assert [result.result(PATIENCE) for result in results] == [{future}] * 4


class Kept:
    """Something that a callback keeps alive."""

    def call(self, *_):
        """Does nothing."""


@pytest.mark.parametrize("moment", MOMENTS)
def test_whenever_it_is_cancelled_its_memory_is_released(bring, server, clock, moment):
    """As soon as its request is aborted, and not when that would have been answered."""
    future = bring(moment)
    kept = Kept()
    future.add_update_callback(kept.call)
    future.add_done_callback(kept.call)
    gone = [weakref.ref(future), weakref.ref(kept)]
    now = clock.monotonic()
    assert future.cancel()
    del future, kept
    clock.advance(0)
    gc.collect()
    assert [reference() for reference in gone] == [None, None]
    assert clock.monotonic() == now


def test_a_cancelled_future_that_is_kept_keeps_no_callback(bring, clock):
    """Thousands of futures in a list hold nothing but what they tell."""
    future = bring("waiting")
    kept = Kept()
    future.add_update_callback(kept.call)
    future.add_done_callback(kept.call)
    gone = weakref.ref(kept)
    future.cancel()
    del kept
    clock.advance(0)
    gc.collect()
    assert gone() is None


def test_a_request_under_way_is_aborted_and_its_worker_takes_the_next_job(
    server, make_client, clock
):
    """At the moment of the cancel, not when the service would have answered."""
    server.job("slow", faults={1: Fault.slow(900)})
    server.job("next", duration=0)
    client = make_client(
        max_concurrency=1, request_timeout=1000, max_wait_time=None, max_attempts=None
    )
    with clock.paused():
        slow, following = client.submit("slow"), client.submit("next")
        clock.advance(3)
        assert slow.cancel()
        clock.advance(0)
        assert following.result(0) == "completed"
    assert [request.time for request in server.requests] == [0, 3]
    assert (slow.attempts, slow.elapsed, slow.last_error) == (1, 3, None)


def test_a_cancel_does_not_wait_for_a_callback_that_runs(server, make_client, clock):
    """It returns at once; those who wait are woken, and no further callback is called."""
    running, release, calls = threading.Event(), threading.Event(), []

    def block(status):
        running.set()
        assert release.wait(PATIENCE)
        calls.append(status)

    future = make_client().submit("job-1", on_update=block)
    future.add_update_callback(calls.append)
    assert running.wait(PATIENCE)
    assert future.cancel()
    assert concurrent.futures.wait([future], PATIENCE).done == {future}
    assert calls == []
    release.set()
    clock.advance(100)
    assert calls == ["pending"]
    assert len(server.requests) == 1


def test_a_cancelled_job_takes_nothing_from_the_rate_of_the_others(server, make_client, clock):
    """The next in the queue comes in its place."""
    client = make_client(max_rate=0.1, max_attempts=1)
    with clock.paused():
        futures = [client.submit(f"job-{number}") for number in range(4)]
        clock.advance(5)
        assert futures[1].cancel()
        assert futures[2].cancel()
        clock.advance(50)
    assert [(request.path[-1], request.time) for request in server.requests] == [
        ("0", 0),
        ("3", 10),
    ]


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("kind", ["update", "done"])
def test_a_callback_may_cancel_another_wait_at_any_moment(
    bring, server, make_client, clock, moment, kind
):
    """From a worker thread, here one of another client."""
    other = bring(moment)
    asked, answers = len(server.requests), []

    def cancel(_):
        answers.append(other.cancel())

    future = make_client().submit("canceller")
    clock.advance(0)
    if kind == "update":
        future.add_update_callback(cancel)
    else:
        future.add_done_callback(cancel)
    server.job("canceller", duration=0)
    future.poll_now()
    clock.advance(5000)
    assert answers == [True]
    assert other.cancelled()
    assert future.result(0) == "completed"
    paths = [request.path for request in server.requests[asked:]]
    assert set(paths) <= {"/status/busy", "/status/canceller"}


def test_an_update_callback_that_cancels_its_own_wait_is_the_last(server, make_client, clock):
    """Though more were added, and the answer said that the job has completed."""
    server.job("job-1", duration=1)
    calls = []
    with clock.paused():
        future = make_client().submit("job-1")
        clock.advance(0)
        future.add_update_callback(lambda future: calls.append(("cancel", future.cancel())))
        future.add_update_callback(lambda future: calls.append("later"))
        future.add_done_callback(lambda future: calls.append(("done", future.cancelled())))
        clock.advance(100)
    assert calls == [("cancel", True), ("done", True)]
    assert future.report.status == "completed"


@pytest.mark.parametrize("is_cancelled", [False, True])
def test_a_done_callback_that_cancels_its_own_future_changes_nothing(
    bring, server, clock, is_cancelled
):
    """It is told whether the future is cancelled; no callback is called once more."""
    future = bring("waiting", max_attempts=2 if not is_cancelled else None)
    server.job("job", duration=0)
    calls = []
    future.add_done_callback(lambda future: calls.append(future.cancel()))
    future.add_done_callback(lambda future: calls.append(future.cancel()))
    if is_cancelled:
        future.cancel()
    clock.advance(100)
    assert calls == [is_cancelled] * 2
    assert future.cancelled() == is_cancelled


def test_done_callbacks_may_cancel_one_another_in_circles(server, make_client, clock):
    """Twenty futures are cancelled from within one another."""
    client = make_client()
    with clock.paused():
        futures = [client.submit(f"job-{number}") for number in range(20)]
        for number, future in enumerate(futures):
            future.add_done_callback(lambda _, number=number: futures[number - 1].cancel())
        assert futures[0].cancel()
        clock.advance(0)
        assert all(future.cancelled() for future in futures)


def test_a_wait_that_is_cancelled_while_the_strategy_decides_is_not_planned(
    server, make_client, clock
):
    """However far off the next poll would have been, nothing is kept of it."""
    holder, ready = [], threading.Event()

    def strategy(moment):
        if moment.report is not None:
            assert ready.wait(PATIENCE)
            holder.pop().cancel()
        return 1e6

    with clock.paused():
        client = make_client(strategy=strategy, max_wait_time=None, max_attempts=None)
        future = client.submit("job-1")
        gone = weakref.ref(future)
        holder.append(future)
        del future
        ready.set()
        clock.advance(0)
        gc.collect()
        assert gone() is None
        clock.advance(1e7)
    assert len(server.requests) == 1


def test_a_wait_that_is_cancelled_while_its_request_is_made_is_not_sent(server, make_client, clock):
    """For instance while the session's authentication fetches a token."""
    holder, ready = [], threading.Event()

    def fetch_a_token(request):
        assert ready.wait(PATIENCE)
        holder[0].cancel()
        return request

    with requests.Session() as session:
        session.auth = fetch_a_token
        holder.append(make_client(session=session).submit("job-1"))
        ready.set()
        clock.advance(100)
    assert holder[0].cancelled()
    assert server.requests == []


def test_redirects_of_a_wait_that_is_cancelled_are_not_followed(server, make_client, clock):
    """Each would be another request."""
    server.job("job-1", faults={1: Fault.redirect("/status/elsewhere")})
    holder, ready = [], threading.Event()

    def cancel(*_, **settings):
        assert ready.wait(PATIENCE)
        holder[0].cancel()

    with requests.Session() as session:
        session.hooks["response"].append(cancel)
        holder.append(make_client(session=session).submit("job-1"))
        ready.set()
        clock.advance(100)
    assert [request.path for request in server.requests] == ["/status/job-1"]


def test_a_wait_that_ends_at_the_moment_of_its_turn_is_not_asked_for(server, make_client, clock):
    """The rate lets the second job start when its limit ends it."""
    client = make_client(max_rate=1, max_wait_time=1, max_attempts=None)
    with clock.paused():
        futures = [client.submit(f"job-{number}") for number in range(2)]
        clock.advance(100)
    assert futures[1].result(0) == "timeout"
    assert (futures[1].attempts, futures[1].elapsed) == (0, 1)
    assert "/status/job-1" not in [request.path for request in server.requests]


def test_cancels_from_many_threads_while_all_goes_on_lose_nothing(server, make_client, clock):
    """Each future ends once, cancelled or as the service says, and none is asked once more."""
    for number in range(200):
        server.job(f"job-{number}", duration=number % 7)
    client = make_client(max_concurrency=4)
    with clock.paused():
        futures = [client.submit(f"job-{number}") for number in range(200)]
    ends = []
    for future in futures:
        future.add_done_callback(ends.append)

    def cancel(number):
        future = futures[number]
        is_cancelled = future.cancel()
        assert is_cancelled == future.cancelled()
        return future.attempts

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        attempts = list(pool.map(cancel, range(0, 200, 2)))
    concurrent.futures.wait(futures, PATIENCE)
    client.shutdown()
    assert sorted(future.job_id for future in ends) == sorted(f"job-{n}" for n in range(200))
    assert [future.attempts for future in futures[::2]] == attempts
    assert {future.result() for future in futures[1::2]} == {"completed"}
    for number, future in enumerate(futures):
        asked = [request for request in server.requests if request.path == f"/status/job-{number}"]
        # A poll that is aborted as it starts may not arrive.
        assert future.attempts - len(asked) in ((0, 1) if future.cancelled() else (0,))


def test_while_all_futures_are_being_cancelled_no_deadline_comes(make_client, clock):
    """A callback in between may take its time, also on a virtual clock, where that is none."""
    client, pause = make_client(max_wait_time=10), contextlib.ExitStack()
    pause.enter_context(clock.paused())
    futures = [client.submit(f"job-{number}") for number in range(3)]
    clock.advance(0)

    def take_time(_):
        pause.close()
        for _ in range(2):  # whatever could come next has come when these return
            clock.advance(0)

    futures[0].add_done_callback(take_time)
    client.shutdown(cancel_futures=True)
    assert [future.status for future in futures] == ["cancelled"] * 3
    assert clock.monotonic() == 0
