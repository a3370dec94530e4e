"""When the end of a wait is delivered: until then it is given again, and then it is gone."""

import asyncio
import concurrent.futures
import contextlib
import gc
import os
import signal
import sqlite3
import subprocess
import sys
import threading

import pytest
from conftest import PATIENCE, QUICK

from video_translation_client import VideoTranslationClient
from video_translation_client.store import Store
from video_translation_client.testing import MockServer


@pytest.fixture
def server():
    """A mock server in real time, with a job that has ended."""
    with MockServer() as server:
        server.job("job-1", duration=0)
        yield server


@pytest.fixture
def is_given_again(make, path):
    """Says whether the end of the wait is given again, once its client is no more."""

    def is_given_again(client):
        client.shutdown()
        stored = {wait.job_id: wait.end.status for wait in Store(path).waits()}
        given = {job_id: future.status for job_id, future in make().resume().items()}
        assert stored == given
        assert given in ({}, {"job-1": "completed"})
        return bool(given)

    return is_given_again


def finished(future):
    """Waits for the end of a wait without fetching it."""
    assert concurrent.futures.wait([future], PATIENCE).done
    return future


FETCHES = {
    "result": lambda future: future.result(PATIENCE),
    "exception": lambda future: future.exception(PATIENCE),
    "a done-callback": lambda future: future.add_done_callback(lambda _: None),
    "asyncio": lambda future: asyncio.run(_awaited(future)),
}
OTHERS = {
    "nothing": lambda future: None,
    "wait": lambda future: concurrent.futures.wait([future]),
    "as_completed": lambda future: [*VideoTranslationClient.as_completed([future])],
    "done": lambda future: (future.done(), future.status, future.end, future.reason),
    "repr": repr,
    "a late cancel": lambda future: future.cancel(),
    "an update callback": lambda future: future.add_update_callback(lambda _: None),
}


async def _awaited(future):
    return await asyncio.wrap_future(future)


@pytest.mark.parametrize("fetch", FETCHES)
def test_an_end_that_was_fetched_is_not_given_again(make, is_given_again, fetch):
    """Whether that was before or after it came."""
    client = make()
    future = client.submit("job-1")
    FETCHES[fetch](future)
    finished(future)
    assert not is_given_again(client)


@pytest.mark.parametrize("fetch", FETCHES)
def test_an_end_that_is_fetched_late_is_not_given_again(make, is_given_again, fetch):
    """Once the wait has ended."""
    client = make()
    FETCHES[fetch](finished(client.submit("job-1")))
    assert not is_given_again(client)


@pytest.mark.parametrize("look", OTHERS)
def test_an_end_that_was_not_fetched_is_given_again(make, is_given_again, look):
    """Who looks whether it is there has not been told of it."""
    client = make()
    OTHERS[look](finished(client.submit("job-1")))
    assert is_given_again(client)


def test_an_end_that_was_not_fetched_in_time_is_given_again(make, server):
    """A ``result()`` that was interrupted by its timeout has fetched nothing."""
    server.job("job-1", duration=1000)
    client = make()
    future = client.submit("job-1")
    with pytest.raises(concurrent.futures.TimeoutError):
        future.result(0)
    client.shutdown(cancel_futures=True)
    assert list(make().resume()) == ["job-1"]


def test_get_status_fetches(make, is_given_again):
    """It returns the end."""
    client = make()
    assert client.get_status("job-1") == "completed"
    assert not is_given_again(client)


def test_a_callback_that_raises_has_returned(make, is_given_again, caplog):
    """It was told, and is not told for ever."""

    def fail(future):
        raise ValueError("a fault of the user's")

    client = make()
    client.submit("job-1").add_done_callback(fail)
    assert not is_given_again(client)
    assert "a fault of the user's" in caplog.text


def test_an_end_is_not_delivered_while_a_callback_runs(make, server, path):
    """Though the callback fetches it, and another thread does."""
    entered, leave = threading.Event(), threading.Event()

    def callback(future):
        assert future.result() == "completed"
        entered.set()
        assert leave.wait(PATIENCE)

    server.job("job-1", duration=1000)
    client = make()
    future = client.submit("job-1")
    future.add_done_callback(callback)
    server.job("job-1", duration=0)  # not before: the callback is to run on another thread
    assert entered.wait(PATIENCE)
    assert future.result(PATIENCE) == "completed"
    client.submit("job-2").cancel()  # so that all is written by now
    assert [wait.job_id for wait in Store(path).waits() if wait.end] == ["job-1"]
    leave.set()
    client.shutdown()
    assert Store(path).waits() == []


def test_an_end_is_not_delivered_while_a_late_callback_runs(make, path):
    """Though it fetches the end itself."""
    client = make()
    future = finished(client.submit("job-1"))

    def callback(future):
        assert future.result() == "completed"
        client.submit("job-2").cancel()  # so that all is written by now
        assert [wait.job_id for wait in Store(path).waits() if wait.end] == ["job-1"]
        told.append(future)

    told = []
    future.add_done_callback(callback)
    assert told == [future]
    client.shutdown()
    assert Store(path).waits() == []


def test_all_callbacks_have_returned(make, server, path):
    """The first one is not enough."""
    first, leave = threading.Event(), threading.Event()
    server.job("job-1", duration=1000)
    client = make()
    with contextlib.ExitStack() as stack:
        stack.callback(leave.set)
        future = client.submit("job-1")
        future.add_done_callback(lambda _: first.wait(PATIENCE))
        future.add_done_callback(lambda _: leave.wait(PATIENCE))
        server.job("job-1", duration=0)
        first.set()
        finished(future)
        client.submit("job-2").cancel()
        assert [wait.job_id for wait in Store(path).waits() if wait.end] == ["job-1"]
    client.shutdown()
    assert Store(path).waits() == []


def test_an_end_that_one_of_two_has_fetched_is_given_again(make, is_given_again):
    """Each future of a job is for somebody."""
    client = make()
    first, second = client.submit("job-1"), client.submit("job-1")
    assert first.result(PATIENCE) == "completed"
    finished(second)
    assert is_given_again(client)


def test_an_end_that_all_have_fetched_is_gone(make, is_given_again):
    """The last one lets it go."""
    client = make()
    for future in [client.submit("job-1"), client.submit("job-1")]:
        assert future.result(PATIENCE) == "completed"
    assert not is_given_again(client)


def test_a_future_that_was_dropped_is_given_again(make, server):
    """Nobody was told of its end."""
    client = make()
    client.submit("job-1")
    gc.collect()
    client.shutdown()
    assert make().resume()["job-1"].result(0) == "completed"
    assert make().resume() == {}


def test_an_end_is_given_again_until_it_is_fetched(make):
    """By one client after the other."""
    client = make()
    finished(client.submit("job-1"))
    for _ in range(3):
        client.shutdown()
        client = make()
        assert client.resume()["job-1"].done()
        assert client.resume() == {}
    client.shutdown()
    last = make()
    told = []
    last.resume()["job-1"].add_done_callback(lambda future: told.append(future.result()))
    last.shutdown()
    assert told == ["completed"]
    assert make().resume() == {}


def test_on_future_is_given_ends_too(make):
    """When the client that has them leaves."""
    client, given = make(), []
    finished(client.submit("job-1"))
    taken = threading.Event()
    other = make()
    assert other.resume(lambda future: (given.append(future), taken.set())) == {}
    client.shutdown()
    assert taken.wait(PATIENCE)
    (future,) = given
    assert future.result(0) == "completed"
    other.shutdown()
    assert make().resume() == {}


def test_a_wait_that_was_resumed_is_delivered_as_any_other(make, server):
    """Its callbacks are new ones."""
    server.job("job-1", duration=1000)
    client = make()
    client.submit("job-1")
    client.shutdown(cancel_futures=True)
    client, told = make(), threading.Event()
    server.job("job-1", duration=0)
    client.resume()["job-1"].add_done_callback(lambda _: told.set())
    assert told.wait(PATIENCE)
    client.shutdown()
    assert make().resume() == {}


def test_a_cancel_is_not_given_again(make):
    """Who cancels has heard of it."""
    client = make()
    assert client.submit("job-2").cancel()
    client.shutdown()
    assert make().resume() == {}


def test_a_cancel_right_before_a_shutdown_is_not_given_again(make):
    """The shutdown cancels all others, and leaves those."""
    client = make(initial_wait_time=30)
    futures = client.submit_all([f"job-{number}" for number in range(10, 20)])
    futures[3].cancel()
    client.shutdown(cancel_futures=True)
    assert set(make().resume()) == {f"job-{number}" for number in range(10, 20)} - {"job-13"}


KILLED = """
import concurrent.futures
import sys

from video_translation_client import VideoTranslationClient

url, path, how = sys.argv[1:]
client = VideoTranslationClient(
    url, store=path, initial_wait_time=0.05, backoff_factor=1, jitter=0, max_attempts=None
)


def callback(future):
    print(future.result(), flush=True)
    sys.stdin.read()


future = client.submit("job-1")
if how == "late":
    concurrent.futures.wait([future])
elif how == "again":
    future.add_done_callback(lambda _: None)
future.add_done_callback(callback)
sys.stdin.read()
"""


@pytest.mark.parametrize("how", ["usual", "late", "again"])
def test_the_end_is_given_again_where_the_process_is_killed_in_a_callback(make, server, path, how):
    """Callbacks run at least once."""
    server.job("job-1", duration=0.2)
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, server.url, os.fspath(path), how],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "completed\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    told = []
    client = make()
    client.resume()["job-1"].add_done_callback(lambda future: told.append(future.result()))
    client.shutdown()
    assert told == ["completed"]
    assert Store(path).waits() == []


def test_of_jobs_that_have_passed_nothing_is_left_in_the_file(path):
    """Some hundred short ones; the room that they took is free for others."""
    with MockServer(service="heygen") as server:
        settings = {"service": "heygen", "api_key": "key", "min_interval": 0}
        with VideoTranslationClient(server.url, store=path, **QUICK, **settings) as client:
            ids = [f"job-{number}" for number in range(500)]
            for job_id in ids:
                server.job(job_id, duration=0)
            ends = {future.result(PATIENCE) for future in client.submit_all(ids)}
            assert ends == {"completed"}
    assert Store(path).waits() == []
    with contextlib.closing(sqlite3.connect(str(path))) as file:
        for table in ("waits", "callers", "owners"):
            assert file.execute(f"SELECT * FROM {table}").fetchall() == []
