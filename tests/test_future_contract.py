"""In every state a StatusFuture does what a plain Future does there, alone and among others."""

import asyncio
import concurrent.futures
import logging
import threading
from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION

import pytest
from conftest import PATIENCE

from video_translation_client import RejectedError
from video_translation_client.testing import Fault

GOING_ON = ["waiting", "polling"]
ENDS = ["completed", "error", "timeout", "rejected", "cancelled"]
RAISED = (
    RejectedError,
    asyncio.CancelledError,
    concurrent.futures.CancelledError,
    concurrent.futures.TimeoutError,
)
RETURN_WHEN = [FIRST_COMPLETED, FIRST_EXCEPTION, ALL_COMPLETED]


@pytest.fixture
def begin(server, make_client, clock):
    """Submits a job that will be in a state; gives its future, and what brings it there.

    Until then the future waits for its second poll, and the clock stands still.
    """
    scripts = {
        "polling": {"faults": {2: Fault.slow(5)}},
        "completed": {"duration": 1},
        "error": {"duration": 1, "outcome": "error"},
        "rejected": {"faults": {2: Fault.http(403)}},
    }
    client, hasty = make_client(), make_client(max_attempts=2)

    def begin(state):
        server.job(state, **{"duration": 1000, **scripts.get(state, {})})
        future = (hasty if state == "timeout" else client).submit(state)
        clock.advance(0)
        moves = {"waiting": int, "cancelled": future.cancel}
        return future, moves.get(state, lambda: clock.advance(1))

    with clock.paused():
        yield begin


def plain(state):
    """A plain Future in the same state: one that is polled can be cancelled, so it is pending."""
    future = concurrent.futures.Future()
    if state == "rejected":
        future.set_exception(RejectedError("as ours", None))
    elif state == "cancelled":
        future.cancel()
        future.set_running_or_notify_cancel()
    elif state not in GOING_ON:
        future.set_result(state)
    return future


def seen(look, future):
    """What ``look(future)`` shows: its value or the type of what it raises."""
    try:
        value = look(future)
    except RAISED as error:
        return type(error)
    return type(value) if isinstance(value, Exception) else value


def callbacks_called_at_once(future):
    """How many of two callbacks that are added are called before that returns."""
    calls = []
    for _ in range(2):
        future.add_done_callback(calls.append)
    assert all(called is future for called in calls)
    return len(calls)


LOOKS = {
    "done": lambda future: future.done(),
    "cancelled": lambda future: future.cancelled(),
    "running": lambda future: future.running(),
    "result": lambda future: future.result(0),
    "exception": lambda future: future.exception(timeout=0),
    **{
        f"wait, {when}": lambda future, when=when: tuple(
            map(len, concurrent.futures.wait([future], 0, when))
        )
        for when in RETURN_WHEN
    },
    "as_completed": lambda future: len(list(concurrent.futures.as_completed([future], 0))),
    "add_done_callback": callbacks_called_at_once,
    "cancel": lambda future: future.cancel(),
    "cancelled after cancel": lambda future: (future.cancel(), future.cancelled()),
    "result after cancel": lambda future: (future.cancel(), future.result(0)),
}


@pytest.mark.parametrize("state", [*GOING_ON, *ENDS])
def test_it_shows_what_a_plain_future_shows(begin, state):
    """To each look a number, a result, or the same type of exception."""
    shown = {}
    for name, look in LOOKS.items():
        future, bring = begin(state)
        bring()
        shown[name] = seen(look, future)
    assert shown == {name: seen(look, plain(state)) for name, look in LOOKS.items()}


@pytest.mark.parametrize("state", ENDS)
@pytest.mark.parametrize("ask", ["result", "exception"])
@pytest.mark.parametrize("patience", [None, PATIENCE])
def test_who_blocks_on_it_is_told_how_it_ends(begin, state, ask, patience):
    """Also that it was cancelled, or that it will never be answered."""
    future, bring = begin(state)

    def block(future):
        return getattr(future, ask)(patience)

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        blocked = pool.submit(seen, block, future)
        bring()
        assert blocked.result(PATIENCE) == seen(block, plain(state))


@pytest.mark.parametrize("state", ENDS)
@pytest.mark.parametrize("return_when", RETURN_WHEN)
def test_wait_returns_when_it_should_and_not_before(begin, state, return_when):
    """With one future that ends and one that goes on, until that ends as well."""
    future, bring = begin(state)
    other, _ = begin("waiting")
    returns = return_when == FIRST_COMPLETED or (
        return_when == FIRST_EXCEPTION and state == "rejected"
    )
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(concurrent.futures.wait, [future, other], PATIENCE, return_when)
        bring()
        if not returns:
            assert not waiting.done()
            other.cancel()
        done, not_done = waiting.result(PATIENCE)
    assert (done, not_done) == (({future}, {other}) if returns else ({future, other}, set()))


@pytest.mark.parametrize("state", ENDS)
@pytest.mark.parametrize("return_when", RETURN_WHEN)
def test_wait_takes_futures_of_an_executor_among_ours(begin, state, return_when):
    """Whichever of them is done last ends the wait."""
    future, bring = begin(state)
    release = threading.Event()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        theirs = pool.submit(release.wait, PATIENCE)
        waiting = pool.submit(concurrent.futures.wait, [theirs, future], PATIENCE, return_when)
        bring()
        if return_when == FIRST_COMPLETED:
            assert waiting.result(PATIENCE) == ({future}, {theirs})
        release.set()
        waiting.result(PATIENCE)
        assert concurrent.futures.wait([theirs, future], PATIENCE).done == {theirs, future}


@pytest.mark.parametrize("state", ENDS)
def test_as_completed_takes_futures_of_an_executor_among_ours(begin, state):
    """Each comes once, when it is done, also one that is given twice."""
    future, bring = begin(state)
    release = threading.Event()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        theirs = pool.submit(release.wait, PATIENCE)
        ready = concurrent.futures.Future()
        ready.set_result("ready")
        order = concurrent.futures.as_completed([theirs, future, ready, future], PATIENCE)
        assert next(order) is ready
        bring()
        assert next(order) is future
        release.set()
        assert list(order) == [theirs]


def test_as_completed_gives_what_is_done_before_its_patience_ends(begin):
    """Then it raises, and says how many are left; the waits go on."""
    ended, bring = begin("completed")
    others = [begin(state)[0] for state in ["waiting", "polling"]]
    bring()
    order = concurrent.futures.as_completed([*others, ended], 0)
    assert next(order) is ended
    with pytest.raises(concurrent.futures.TimeoutError, match=r"2 \(of 3\) futures unfinished"):
        next(order)
    assert not any(future.done() for future in others)


@pytest.mark.parametrize("state", ENDS)
def test_done_callbacks_are_called_once_in_order_whatever_one_of_them_raises(
    begin, clock, state, caplog
):
    """And find the end, which they can ask for without blocking."""
    future, bring = begin(state)
    calls = []

    def look(name):
        def on_done(future):
            calls.append((name, future, seen(lambda future: future.result(0), future)))
            if name == "second":
                raise SystemExit("the second fails")

        return on_done

    for name in ["first", "second", "third"]:
        future.add_done_callback(look(name))
    assert calls == []
    bring()
    clock.advance(100)
    future.add_done_callback(look("fourth"))
    end = seen(lambda future: future.result(0), plain(state))
    assert calls == [(name, future, end) for name in ["first", "second", "third", "fourth"]]
    failures = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [str(record.exc_info[1]) for record in failures] == ["the second fails"]


@pytest.mark.parametrize("state", ENDS)
def test_a_done_callback_that_comes_late_is_called_where_it_is_added(begin, state):
    """At once, in the same thread."""
    future, bring = begin(state)
    bring()
    threads = []
    future.add_done_callback(lambda _: threads.append(threading.current_thread()))
    assert threads == [threading.current_thread()]


@pytest.mark.parametrize("state", ENDS)
def test_a_done_callback_may_add_another(begin, clock, state):
    """The future is done, so that is called at once; the same one twice is called twice."""
    future, bring = begin(state)
    calls = []

    def add(future):
        future.add_done_callback(lambda _: calls.append("inner"))
        calls.append("outer")

    future.add_done_callback(add)
    future.add_done_callback(add)
    bring()
    clock.advance(0)
    assert calls == ["inner", "outer"] * 2


@pytest.mark.parametrize("state", ENDS)
def test_callbacks_added_while_it_ends_are_called_once_each(begin, clock, state):
    """None falls between the callbacks that wait for the end and those that come after it."""
    future, bring = begin(state)
    calls = []
    start, enough = threading.Barrier(2), threading.Event()

    def add():
        start.wait(PATIENCE)
        number = 0
        while not enough.is_set() or number < 10:
            future.add_done_callback(lambda _, number=number: calls.append(number))
            number += 1
        return number

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        added = pool.submit(add)
        start.wait(PATIENCE)
        bring()
        enough.set()
        number = added.result(PATIENCE)
    clock.advance(0)
    assert sorted(calls) == list(range(number))


@pytest.mark.parametrize("state", ENDS)
def test_asyncio_can_await_it(begin, state):
    """As ``asyncio.wrap_future`` takes it for what it is."""
    future, bring = begin(state)

    async def wait():
        wrapped = asyncio.wrap_future(future)
        bring()
        return await asyncio.wait_for(wrapped, PATIENCE)

    ends = {"rejected": RejectedError, "cancelled": asyncio.CancelledError}
    assert seen(asyncio.run, wait()) == ends.get(state, state)


@pytest.mark.parametrize("state", GOING_ON)
def test_a_task_of_asyncio_that_is_cancelled_cancels_it(begin, server, clock, state):
    """So no poll follows for somebody who has gone."""
    future, bring = begin(state)
    bring()
    asked = len(server.requests)

    async def give_up():
        wrapped = asyncio.wrap_future(future)
        wrapped.cancel()
        await asyncio.wait([wrapped])

    asyncio.run(give_up())
    assert future.cancelled()
    clock.advance(100)
    assert len(server.requests) == asked
