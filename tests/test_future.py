"""A StatusFuture is a concurrent.futures.Future, in each of its states."""

import concurrent.futures
import threading

import pytest
from conftest import PATIENCE

from video_translation_client import (
    Clock,
    RejectedError,
    StatusFuture,
    VideoTranslationClient,
)
from video_translation_client.future import Owner
from video_translation_client.testing import Fault


@pytest.fixture
def waiting(server, make_client, clock):
    """A future that has been polled once and waits; the clock stands still."""
    server.job("job-1", duration=10)
    with clock.paused():
        future = make_client().submit("job-1")
        clock.advance(0)
        yield future


@pytest.fixture
def ended(server, make_client):
    """A future that has completed."""
    server.job("job-1", duration=0)
    future = make_client().submit("job-1")
    future.result(PATIENCE)
    return future


@pytest.fixture
def failed(server, make_client):
    """A future that has ended with an exception."""
    server.job("job-1", faults={1: Fault.http(403)})
    future = make_client().submit("job-1")
    future.exception(PATIENCE)
    return future


@pytest.fixture
def cancelled(waiting):
    """A future that was cancelled while it waited."""
    assert waiting.cancel()
    return waiting


def test_it_is_a_future_of_concurrent_futures(waiting):
    """So every tool that takes one takes this one."""
    assert isinstance(waiting, concurrent.futures.Future)


def test_a_waiting_future_is_neither_done_nor_cancelled_nor_running(waiting):
    """running() would mean that it can't be cancelled, and it can."""
    assert not waiting.done()
    assert not waiting.cancelled()
    assert not waiting.running()
    assert (waiting.status, waiting.attempts, waiting.reason) == ("pending", 1, None)


@pytest.mark.parametrize("ask", ["result", "exception"])
def test_a_waiting_future_raises_a_timeout_error_after_the_callers_patience(waiting, ask):
    """The wait itself goes on, and knows nothing of that."""
    with pytest.raises(concurrent.futures.TimeoutError):
        getattr(waiting, ask)(0)
    assert not waiting.done()


def test_wait_tells_done_and_not_done_apart(waiting, ended):
    """As for any futures."""
    done, not_done = concurrent.futures.wait([waiting, ended], return_when="FIRST_COMPLETED")
    assert (done, not_done) == ({ended}, {waiting})


def test_an_ended_future_gives_its_result_again_and_again(ended):
    """And has no exception."""
    assert ended.done()
    assert not ended.cancelled()
    assert ended.result() == ended.result(0) == "completed"
    assert ended.exception() is None
    assert not ended.cancel()
    assert list(concurrent.futures.as_completed([ended])) == [ended]


def test_a_failed_future_raises_its_exception_again_and_again(failed):
    """result() raises what exception() returns."""
    assert failed.done()
    for _ in range(2):
        with pytest.raises(RejectedError) as caught:
            failed.result()
        assert caught.value is failed.exception()
    assert not failed.cancel()
    assert concurrent.futures.wait([failed], return_when="FIRST_EXCEPTION").done == {failed}


def test_a_cancelled_future_is_done_and_raises_cancelled_error(cancelled):
    """Cancelling it again is True as well."""
    assert cancelled.done()
    assert cancelled.cancelled()
    assert cancelled.cancel()
    with pytest.raises(concurrent.futures.CancelledError):
        cancelled.result()
    with pytest.raises(concurrent.futures.CancelledError):
        cancelled.exception()
    assert cancelled.status == "cancelled"


def test_cancelling_wakes_wait_and_as_completed(waiting):
    """Both see a future that was cancelled while they waited for it."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        started = threading.Barrier(3)

        def wait():
            started.wait(PATIENCE)
            return concurrent.futures.wait([waiting], PATIENCE).done

        def as_completed():
            started.wait(PATIENCE)
            return set(concurrent.futures.as_completed([waiting], PATIENCE))

        results = [pool.submit(wait), pool.submit(as_completed)]
        started.wait(PATIENCE)
        waiting.cancel()
        assert [result.result(PATIENCE) for result in results] == [{waiting}, {waiting}]


def test_result_wakes_all_who_block_on_it(server, make_client, clock):
    """Several threads may wait for one future."""
    server.job("job-1", duration=10)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        with clock.paused():
            future = make_client().submit("job-1")
            results = [pool.submit(future.result, PATIENCE) for _ in range(4)]
        assert [result.result(PATIENCE) for result in results] == ["completed"] * 4


def test_as_completed_gives_futures_in_the_order_in_which_they_end(server, make_client, clock):
    """Not in the order in which they were submitted."""
    for number, duration in enumerate([40, 0, 10]):
        server.job(f"job-{number}", duration=duration)
    client = make_client()
    with clock.paused():
        futures = [client.submit(f"job-{number}") for number in range(3)]
    ended = [future.job_id for future in concurrent.futures.as_completed(futures, PATIENCE)]
    assert ended == ["job-1", "job-2", "job-0"]


def test_done_callbacks_run_once_each_in_order_with_the_future(waiting, clock):
    """Whether added before the end or after it, when they run at once."""
    calls = []
    waiting.add_done_callback(lambda future: calls.append((1, future)))
    waiting.add_done_callback(lambda future: calls.append((2, future)))
    clock.advance(100)
    waiting.add_done_callback(lambda future: calls.append((3, future)))
    assert calls == [(1, waiting), (2, waiting), (3, waiting)]
    assert waiting.result() == "completed"


def test_done_callbacks_of_a_cancelled_future_run_in_the_thread_that_cancels(waiting):
    """As in every Future; waiters are woken before them."""
    calls = []
    waiting.add_done_callback(
        lambda future: calls.append(
            (threading.current_thread(), concurrent.futures.wait([future], 0).done)
        )
    )
    waiting.cancel()
    assert calls == [(threading.current_thread(), {waiting})]


def test_two_who_cancel_at_once_both_hear_that_it_is_cancelled(server, make_client, clock):
    """And its callbacks run once."""
    client = make_client()
    with clock.paused(), concurrent.futures.ThreadPoolExecutor(4) as pool:
        for _ in range(50):
            future = client.submit("job")
            calls = []
            future.add_done_callback(calls.append)
            assert all(pool.map(lambda _, future=future: future.cancel(), range(4)))
            assert calls == [future]


def test_only_its_client_gives_it_a_result(waiting, ended):
    """What would be set by hand is refused, with what to do instead, and changes nothing."""
    for future in (waiting, ended):
        with pytest.raises(TypeError, match="call cancel"):
            future.set_exception(RuntimeError("by hand"))
        with pytest.raises(TypeError, match="call cancel"):
            future.set_result("completed")
        with pytest.raises(TypeError, match="call cancel"):
            future.set_running_or_notify_cancel()
    assert ended.result() == "completed"
    assert not waiting.done()


def test_its_repr_tells_the_job_and_how_it_goes(waiting, ended):
    """In one line for a log or a debugger."""
    assert repr(waiting) == "<StatusFuture job 'job-1': pending, attempts 1>"
    assert repr(ended) == "<StatusFuture job 'job-1': completed, attempts 1>"
    waiting.cancel()
    assert repr(waiting) == "<StatusFuture job 'job-1': cancelled, attempts 1>"


def test_elapsed_counts_until_the_end_and_then_stands(waiting, clock):
    """In seconds from the submit."""
    clock.advance(0.5)
    assert waiting.elapsed == 0.5
    clock.advance(100)
    assert waiting.elapsed == 15
    assert not waiting.running()


def test_next_poll_counts_down_to_it(waiting, clock):
    """In seconds; None while a poll is due or under way, and once the future is done."""
    assert waiting.next_poll == 1
    clock.advance(0.75)
    assert waiting.next_poll == 0.25
    clock.advance(1)
    assert waiting.next_poll == 1.25
    waiting.cancel()
    assert waiting.next_poll is None


def test_a_future_that_is_kept_keeps_no_client_alive(ended):
    """It lets go of the scheduler when it ends."""
    import gc

    assert not [
        referent
        for referent in gc.get_referents(ended.__dict__)
        if type(referent).__name__ == "Scheduler"
    ]
    assert isinstance(ended.job_id, str)


def test_a_client_of_a_server_that_is_gone_still_gives_futures():
    """To submit is never to wait for the network."""
    with VideoTranslationClient("http://127.0.0.1:1", max_attempts=1) as client:
        future = client.submit("job")
        assert future.result(PATIENCE) == "timeout"


def test_ctrl_c_in_a_callback_of_a_cancel_leaves_the_other_callbacks_to_a_worker(
    waiting, server, clock
):
    """It is heard where it was pressed, and every callback runs once all the same."""

    def interrupt(future):
        raise KeyboardInterrupt

    called = threading.Event()
    waiting.add_done_callback(interrupt)
    waiting.add_done_callback(lambda future: called.set())
    with pytest.raises(KeyboardInterrupt):
        waiting.cancel()
    assert called.wait(PATIENCE)
    assert waiting.cancelled()


def test_the_copy_of_a_cancelled_future_in_a_forked_child_is_cancelled():
    """Whatever its parent's threads have not come to yet."""
    future = StatusFuture("job-1", Owner(), Clock())
    assert future.cancel()
    future._disown(future._abandonment("default", "the process is a fork"))
    assert future.cancelled()
    assert concurrent.futures.wait([future], 0).done == {future}


def test_ctrl_c_while_a_shutdown_cancels_leaves_the_rest_to_the_library(server, make_client):
    """All futures are cancelled, and the callbacks of each run once."""

    def interrupt(future):
        raise KeyboardInterrupt

    client, called = make_client(), threading.Semaphore(0)
    futures = [client.submit(f"job-{number}") for number in range(20)]
    futures[0].add_done_callback(interrupt)
    for future in futures[1:]:
        future.add_done_callback(lambda future: called.release())
    with pytest.raises(KeyboardInterrupt):
        client.shutdown(cancel_futures=True)
    for future in futures[1:]:
        assert called.acquire(timeout=PATIENCE)
        with pytest.raises(concurrent.futures.CancelledError):
            future.result(PATIENCE)
    client.shutdown()


def test_a_cancel_that_interrupts_a_method_of_the_same_future_is_finished_elsewhere(waiting):
    """A signal handler that finds a thread inside of it does not wait for what it interrupts."""
    with waiting._condition:
        assert waiting.cancel()
        assert waiting.status == "cancelled"
    assert concurrent.futures.wait([waiting], PATIENCE).done == {waiting}
