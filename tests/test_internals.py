"""The private parts of other libraries that are used stand as they were when they were read."""

import concurrent.futures
import http.client
import io
import queue
import socket
import sys
import threading

import pytest
import requests
import urllib3
from conftest import PATIENCE
from requests.adapters import HTTPAdapter

from video_translation_client._base import internals

REAL_URLLIB3 = not hasattr(urllib3, "AsyncPoolManager")
CHANGED = "; see _base/internals.py for what was relied on, and why"


def test_the_threads_of_a_pool_are_listed_for_the_exit_and_can_be_taken_off():
    """concurrent.futures joins at exit exactly those that it lists."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        worker = pool.submit(threading.current_thread).result(PATIENCE)
        listed = concurrent.futures.thread._threads_queues
        assert worker in listed, f"concurrent.futures lists its threads in another way{CHANGED}"
        internals.do_not_join([worker, threading.main_thread()])
        assert worker not in listed


def test_the_threads_of_a_pool_are_known():
    """A pool keeps all threads that it has started, where they can be joined with a limit."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        assert internals.threads_of(pool) == []
        worker = pool.submit(threading.current_thread).result(PATIENCE)
        assert internals.threads_of(pool) == [worker], f"a pool lists its threads not so{CHANGED}"


@pytest.mark.skipif(sys.platform != "linux", reason="limits the address space as Linux does")
def test_a_thread_that_can_not_be_started_is_told_by_its_text_from_a_pool_that_was_shut_down():
    """Both are a RuntimeError."""
    pool = concurrent.futures.ThreadPoolExecutor(1)
    before = threading.stack_size(1 << 47)
    try:
        with pytest.raises(RuntimeError) as caught:
            pool.submit(int)
    finally:
        threading.stack_size(before)
    assert internals.is_thread_shortage(caught.value), f"CPython says {caught.value}{CHANGED}"
    pool.shutdown(wait=False)
    with pytest.raises(RuntimeError) as caught:
        pool.submit(int)
    assert not internals.is_thread_shortage(caught.value), f"CPython says {caught.value}{CHANGED}"


def test_whether_a_thread_is_inside_the_condition_of_a_future_is_known():
    """True for the thread that holds it alone."""
    future = concurrent.futures.Future()
    elsewhere = []
    assert not internals.holds_condition(future)
    with future._condition:
        assert internals.holds_condition(future), f"a Future locks in another way{CHANGED}"
        thread = threading.Thread(
            target=lambda: elsewhere.append(internals.holds_condition(future))
        )
        thread.start()
        thread.join(PATIENCE)
    assert elsewhere == [False]


def test_a_small_condition_has_all_that_a_condition_has():
    """What it keeps no methods of its lock for, it finds there."""
    usual, small = vars(threading.Condition()), vars(internals.UninterruptibleCondition())
    lock = usual.pop("_lock")
    assert usual.pop("_waiters") is not None, f"a condition keeps who waits elsewhere{CHANGED}"
    assert usual == {
        name: getattr(lock, name)
        for name in ("acquire", "release", "_release_save", "_acquire_restore", "_is_owned")
    }, f"a condition keeps more{CHANGED}"
    assert small.keys() == {"_lock", "_waiters"}


def test_a_small_condition_wakes_those_who_wait_in_their_order():
    """Its lock may be taken twice by one thread, which lets go of all of it to wait."""
    condition, woken = internals.UninterruptibleCondition(), []

    def wait(name):
        with condition, condition:
            assert condition._is_owned()
            waiting.release()
            woken.append((name, condition.wait(PATIENCE)))

    waiting = threading.Semaphore(0)
    threads = [threading.Thread(target=wait, args=[name]) for name in "abc"]
    for thread in threads:
        thread.start()
        waiting.acquire()
    with condition:
        assert len(condition._waiters) == 3, f"a condition keeps who waits elsewhere{CHANGED}"
        assert not condition.wait(0)
        condition.notify()
    threads[0].join(PATIENCE)
    assert woken == [("a", True)]
    with condition:
        condition.notify_all()
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(woken) == [("a", True), ("b", True), ("c", True)]
    assert condition.acquire(blocking=False)
    condition.release()


def test_a_cancelled_future_tells_each_waiter_once():
    """A thread that may be interrupted leaves those to another one."""
    future, other = concurrent.futures.Future(), concurrent.futures.Future()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waited = pool.submit(concurrent.futures.wait, [future, other], PATIENCE)
        while not future._waiters:  # until the other thread waits
            pass
        future.cancel()
        internals.notify_cancel(future, can_be_interrupted=True)
        assert future._state == "CANCELLED", f"a Future has other states{CHANGED}"
        internals.notify_cancel(future, can_be_interrupted=False)
        internals.notify_cancel(future, can_be_interrupted=False)
        assert future._state == "CANCELLED_AND_NOTIFIED"
        assert not waited.done(), f"a Future counts its waiters in another way{CHANGED}"
        other.cancel()
        internals.notify_cancel(other, can_be_interrupted=False)
        assert waited.result(PATIENCE).done == {future, other}


def test_a_cancelled_future_for_which_nobody_waits_is_done_at_once():
    """No other thread is needed for it."""
    future = concurrent.futures.Future()
    future.cancel()
    internals.notify_cancel(future, can_be_interrupted=True)
    assert concurrent.futures.wait([future], 0).done == {future}


def test_a_queue_whose_lock_another_thread_holds_can_be_emptied():
    """A fork may leave it so for ever."""
    connections = queue.LifoQueue(3)
    connections.put("one")
    connections.mutex.acquire()
    internals.empty_without_lock(connections)
    assert connections.empty(), f"a queue keeps its lock when it begins again{CHANGED}"
    assert connections.maxsize == 3


@pytest.fixture
def ends():
    """Two ends of a connection."""
    ends = socket.socketpair()
    with ends[0], ends[1]:
        yield ends


def test_a_response_can_be_read_through_another_stream(ends):
    """In place of what http.client makes of its socket."""
    ends[1].sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
    taken = []

    class Stream(io.BufferedReader):
        def readline(self, *arguments):
            taken.append(super().readline(*arguments))
            return taken[-1]

    stream = Stream(ends[0].makefile("rb", buffering=0))
    response = http.client.HTTPResponse(internals.source_of(stream))
    response.begin()
    assert taken[:1] == [b"HTTP/1.1 200 OK\r\n"], f"http.client reads from elsewhere{CHANGED}"
    with response:
        assert response.read() == b"hi"


def test_a_response_that_has_begun_can_begin_again(ends):
    """http.client takes what follows an interim answer for its body."""
    ends[1].sendall(b"HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 204 None\r\nX-Last: 1\r\n\r\n")
    with http.client.HTTPResponse(ends[0]) as response:
        response.begin()
        assert response.status == 103
        response.begin()
        assert response.status == 103, f"http.client reads past interim answers itself{CHANGED}"
        internals.begin_again(response)
        response.begin()
        assert response.status == 204, f"http.client can't begin again so{CHANGED}"
        assert response.headers["X-Last"] == "1"


def test_an_adapter_gets_new_pools():
    """With the settings that it had."""
    adapter = HTTPAdapter(pool_maxsize=7, max_retries=2)
    before = adapter.poolmanager
    internals.renew_pools(adapter)
    assert adapter.poolmanager is not before, f"requests pickles adapters in another way{CHANGED}"
    assert (adapter._pool_maxsize, adapter.max_retries.total) == (7, 2)


def test_the_body_of_a_response_is_what_was_read_for_it_once():
    """All who ask for it later find that."""
    response, calls = requests.Response(), []

    def read(response):
        calls.append(response)
        for _ in response.iter_content(1):
            pass
        return b"body"

    response.raw = io.BytesIO(b"other")
    internals.set_body(response, read)
    assert response.content == b"body", f"requests keeps the body of a response elsewhere{CHANGED}"
    internals.set_body(response, read)
    assert len(calls) == 1, f"requests says in another way whether a body was read{CHANGED}"


def test_what_follows_a_response_is_what_it_is_given():
    """As ``Session.send`` does for redirects that it does not follow."""
    response, request = requests.Response(), requests.PreparedRequest()
    internals.set_next(response, request)
    assert response.next is request, f"requests keeps what follows elsewhere{CHANGED}"


def test_a_pool_makes_connections_of_the_class_that_it_is_given():
    """And has that of a pool itself."""
    pool = urllib3.HTTPConnectionPool("127.0.0.1", 1)
    made = internals.connection_class(pool)
    assert made is type(pool).ConnectionCls
    other, other_pool = type("Other", (made,), {}), type("OtherPool", (type(pool),), {})
    internals.change_classes(pool, other_pool, other)
    assert type(pool) is other_pool
    connection = pool._get_conn()
    assert type(connection) is other, f"urllib3 makes connections of another class{CHANGED}"
    pool.close()


@pytest.mark.skipif(not REAL_URLLIB3, reason="urllib3-future keeps connections in another way")
def test_the_idle_connections_of_a_pool_are_in_a_queue():
    """An empty one if the pool was closed."""
    pool = urllib3.HTTPConnectionPool("127.0.0.1", 1, maxsize=1)
    connection = pool._get_conn()
    pool._put_conn(connection)
    idle = internals.idle_connections(pool)
    assert list(idle.queue) == [connection], f"urllib3 keeps idle connections elsewhere{CHANGED}"
    pool.close()
    assert internals.idle_connections(pool).empty()


@pytest.mark.skipif(not REAL_URLLIB3, reason="urllib3-future closes its pools itself")
def test_the_pools_of_an_adapter_can_be_closed():
    """Those for proxies, too."""
    adapter = HTTPAdapter()
    managers = [adapter.poolmanager, adapter.proxy_manager_for("http://127.0.0.1:2")]
    pools = [manager.connection_from_url("http://127.0.0.1:1") for manager in managers]
    internals.close_pools(adapter)
    for pool in pools:
        with pytest.raises(urllib3.exceptions.ClosedPoolError):
            pool.urlopen("GET", "/")
    adapter.close()


@pytest.mark.skipif(not REAL_URLLIB3, reason="urllib3-future keeps pools in another way")
def test_a_pool_of_an_adapter_is_found_by_what_it_is_kept_under():
    """Until the adapter drops it."""
    adapter = HTTPAdapter()
    pool = adapter.poolmanager.connection_from_url("http://127.0.0.1:1")
    key = internals.key_of(adapter, pool)
    assert internals.pool_at(adapter, key) is pool, f"urllib3 keeps its pools elsewhere{CHANGED}"
    other = urllib3.HTTPConnectionPool("127.0.0.1", 1)
    assert internals.key_of(adapter, other) is None
    adapter.close()
    assert internals.pool_at(adapter, key) is None
    other.close()


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (urllib3.connection.HTTPConnection, "_new_conn"),
        (urllib3.connection.HTTPConnection, "_tunnel"),
        (urllib3.connection.HTTPConnection, "close"),
        (http.client.HTTPConnection, "response_class"),
        (http.client.HTTPConnection, "endheaders"),
        (http.client.HTTPConnection, "getresponse"),
        (http.client.HTTPConnection, "putrequest"),
        (http.client.HTTPResponse, "begin"),
        (urllib3.HTTPConnectionPool, "urlopen"),
        (socket.SocketIO, "readinto"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_what_connections_extend_is_there(owner, name):
    """A method that is there no more would be called by nobody."""
    assert callable(getattr(owner, name, None)), f"{owner.__name__} has no {name}{CHANGED}"
