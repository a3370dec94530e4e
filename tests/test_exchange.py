"""An exchange can be aborted at any moment, from anywhere, and no abort is lost."""

import contextlib
import socket
import sys
import threading

import pytest
import requests
from conftest import PATIENCE
from raw_server import CLOSE, answering, told
from requests.adapters import HTTPAdapter

from video_translation_client._http import exchange as module
from video_translation_client._http.exchange import Exchange, current_exchange, handle_of
from video_translation_client._http.transport import Transport


@pytest.fixture
def ends():
    """Two ends of a connection."""
    ends = socket.socketpair()
    with ends[0], ends[1]:
        ends[1].settimeout(PATIENCE)
        yield ends


# Python 3.12 tells of the instructions of a function only when it runs for the first time.
STEP = "line" if sys.version_info[:2] == (3, 12) else "opcode"


@contextlib.contextmanager
def interrupted(number, function):
    """Calls ``function`` at the step of this number in the code of exchanges, as a finalizer may.

    Yields:
        A list that holds the steps that were left when it was called, and so 0 in the end.
    """
    left = [number]

    def trace(frame, event, argument):
        if frame.f_code.co_filename != module.__file__:
            return None
        frame.f_trace_opcodes = STEP == "opcode"
        if event == STEP:
            left[0] -= 1
            if left[0] == 0:
                function()
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield left
    finally:
        sys.settrace(before)


def every_step(run):
    """Calls ``run`` with the number of each step, until it says that there is none of it."""
    number = 1
    while run(number):
        number += 1
    assert number > 5


def test_an_abort_shuts_the_connection_down(ends):
    """The other side sees its end, and whoever reads here, too."""
    with Exchange() as exchange:
        exchange.use(handle_of(ends[0].fileno()))
        exchange.abort()
    assert ends[1].recv(1) == ends[0].recv(1) == b""


def test_an_exchange_that_was_aborted_shuts_down_what_it_would_use(ends):
    """As it had no connection at the time."""
    exchange = Exchange()
    exchange.abort()
    with exchange:
        exchange.use(handle_of(ends[0].fileno()))
    assert ends[1].recv(1) == b""


def test_a_connection_that_was_left_is_not_touched(ends):
    """It may be that of another exchange by then; whether there was an abort before is told."""
    with Exchange() as exchange:
        exchange.use(handle_of(ends[0].fileno()))
        assert not exchange.leave()
        exchange.abort()
        assert exchange.leave()
        ends[0].sendall(b"x")
        assert ends[1].recv(1) == b"x"


def test_a_finalizer_may_abort_an_exchange_wherever_it_interrupts_it():
    """It neither blocks nor is it lost, though it runs inside of what it aborts."""

    def run(number):
        here, there = socket.socketpair()
        with here, there:
            there.settimeout(PATIENCE)
            exchange = Exchange()
            with interrupted(number, exchange.abort) as left, exchange:
                exchange.use(handle_of(here.fileno()))
                if left[0] <= 0:
                    assert there.recv(1) == b""
            return left[0] <= 0

    every_step(run)


def test_an_abort_may_interrupt_another_one():
    """As that of a signal handler may."""

    def run(number):
        here, there = socket.socketpair()
        with here, there:
            there.settimeout(PATIENCE)
            with Exchange() as exchange:
                exchange.use(handle_of(here.fileno()))
                with interrupted(number, exchange.abort) as left:
                    exchange.abort()
                assert there.recv(1) == b""
            return left[0] <= 0

    every_step(run)


def test_threads_that_abort_at_once_do_not_wait_for_each_other(ends):
    """Nor for the thread of the exchange."""
    with Exchange() as exchange:
        exchange.use(handle_of(ends[0].fileno()))
        threads = [threading.Thread(target=exchange.abort) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert not any(thread.is_alive() for thread in threads)
    assert ends[1].recv(1) == b""


def test_the_exchange_of_a_thread_is_known_while_it_lasts():
    """And no longer."""
    with Exchange() as exchange:
        assert current_exchange() is exchange
    assert current_exchange() is None


@pytest.fixture
def transport():
    """Makes transports, and closes them."""
    with contextlib.ExitStack() as cleanup:

        def make(url, session=None):
            made = Transport(session, url, "GET", {}, PATIENCE, 1)
            cleanup.callback(made.close)
            return made

        yield make


def test_a_request_ends_at_once_wherever_in_its_exchange_it_is_aborted(transport):
    """By the thread that makes it, until it reads from a server that does not answer."""
    many, steps, closed = 10**6, [], []

    def answer(asked):
        if not steps:
            steps.append(many - left[0])
            return told("pending")
        asked.stream.settimeout(PATIENCE / 2)
        closed.append(asked.stream.recv(1) == b"")
        return CLOSE

    with answering(answer) as server:
        exchange = Exchange()
        with interrupted(many, exchange.abort) as left:
            transport(server.url).get("/status", exchange)
        assert steps[0] > 5
        for number in range(1, steps[0] + 1):
            exchange = Exchange()
            with interrupted(number, exchange.abort), pytest.raises(
                requests.RequestException, match="no whole answer within"
            ):
                transport(server.url).get("/status", exchange)
    assert all(closed)


@pytest.mark.parametrize("kept", [False, True], ids=["new connection", "kept connection"])
@pytest.mark.parametrize("own", [True, False], ids=["own session", "user's session"])
def test_an_exchange_that_was_aborted_sends_no_request(transport, own, kept):
    """As where a job was cancelled before its turn."""
    exchange = Exchange()
    exchange.abort()
    with answering(lambda asked: told("pending")) as server, requests.Session() as session:
        asks = transport(server.url, None if own else session)
        if kept:
            asks.get("/status", Exchange())
        with pytest.raises(requests.RequestException, match="no whole answer within"):
            asks.get("/status", exchange)
        assert len(server.requests) == kept


@pytest.mark.parametrize("change", ["close", "mount"])
def test_an_exchange_over_connections_that_the_session_has_since_can_be_aborted(transport, change):
    """As where it was closed, or got another adapter, between two polls."""
    exchange, closed = Exchange(), []

    def answer(asked):
        if asked.path == "/first":
            return told("pending")
        exchange.abort()
        asked.stream.settimeout(PATIENCE / 2)
        closed.append(asked.stream.recv(1) == b"")
        return CLOSE

    with answering(answer) as server, requests.Session() as session:
        asks = transport(server.url, session)
        assert asks.get("/first", Exchange()).status_code == 200
        if change == "close":
            session.close()
        else:
            session.mount(server.url, HTTPAdapter())
        with pytest.raises(requests.RequestException, match="no whole answer within"):
            asks.get("/second", exchange)
    assert closed == [True]


def test_a_hook_may_abort_the_exchange_in_which_it_runs(transport):
    """The answer is not taken, and the next exchange goes over another connection."""
    exchange = Exchange()
    with answering(lambda asked: told("pending")) as server, requests.Session() as session:
        session.hooks["response"].append(lambda *_, **__: exchange.abort())
        asks = transport(server.url, session)
        with pytest.raises(requests.RequestException, match="no whole answer within"):
            asks.get("/status", exchange)
        assert asks.get("/status", Exchange()).status_code == 200
