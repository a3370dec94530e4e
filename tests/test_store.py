"""A store: waits are written before their first poll, and another process goes on with them."""

from __future__ import annotations

import contextlib
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
    """A mock server in real time."""
    with MockServer() as server:
        yield server


def test_a_wait_is_in_the_file_until_its_end_was_fetched(server, make, path):
    """It is there before ``submit`` returns, and goes with the last who has heard of its end."""
    server.job("job-1", duration=0.2)
    client = make()
    future = client.submit("job-1")
    (wait,) = Store(path).waits()
    assert (wait.job_id, wait.service, wait.base_url) == ("job-1", "default", server.url)
    assert wait.is_waited_for
    assert future.result(PATIENCE) == "completed"
    client.shutdown()
    assert Store(path).waits() == []


def test_a_shutdown_that_cancels_leaves_waits_to_be_resumed(server, make, path):
    """The futures end, the waits do not; their time goes on."""
    server.job("job-1", duration=1)
    client = make()
    future = client.submit("job-1")
    client.shutdown(cancel_futures=True)
    assert future.cancelled()
    (wait,) = Store(path).waits()
    assert not wait.is_waited_for
    resumed = make().resume()["job-1"]
    assert resumed.result(PATIENCE) == "completed"
    assert resumed.submitted_at == pytest.approx(future.submitted_at, abs=0.001)
    assert resumed.elapsed >= future.elapsed


def test_cancel_ends_a_wait_in_the_store(server, make, path):
    """Who cancels a future does not want it back."""
    server.job("job-1", duration=100)
    client = make()
    assert client.submit("job-1").cancel()
    client.shutdown()
    assert Store(path).waits() == []


def test_two_submits_share_one_wait(server, make):
    """Each has a future of its own, and the job is asked for once."""
    server.job("job-1", duration=0.3)
    client = make()
    first, second = client.submit("job-1"), client.submit("job-1")
    assert first.result(PATIENCE) == second.result(PATIENCE) == "completed"
    polls = len(server.requests)
    assert polls == first.attempts


def test_the_wait_goes_on_for_the_last_that_has_it(server, make):
    """Though the future that was polled for is cancelled."""
    server.job("job-1", duration=0.3)
    client = make()
    first, second = client.submit("job-1"), client.submit("job-1")
    assert first.cancel()
    assert second.result(PATIENCE) == "completed"


def test_another_client_follows(server, make):
    """It hears of the answers through the file, and sends nothing."""
    server.job("job-1", duration=0.3)
    first, second = make().submit("job-1"), make().submit("job-1")
    assert first.result(PATIENCE) == "completed"
    assert second.result(PATIENCE) == "completed"
    assert len(server.requests) == first.attempts


def test_what_a_killed_process_waited_for_is_taken_over(server, make, path):
    """By who resumes, without a call, within seconds."""
    server.job("job-1", duration=1)
    program = f"""
import sys
from video_translation_client import VideoTranslationClient
client = VideoTranslationClient({server.url!r}, store={os.fspath(path)!r}, **{QUICK!r})
client.submit("job-1").add_update_callback(lambda future: print("polled", flush=True))
sys.stdin.read()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "polled\n"
    client = make()
    taken = threading.Event()
    futures = []
    assert client.resume(lambda future: (futures.append(future), taken.set())) == {}
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert taken.wait(PATIENCE)
    assert futures[0].result(PATIENCE) == "completed"


def test_a_pause_between_polls_goes_on_after_a_restart(server, make, path):
    """Nothing is asked for earlier because a client was shut down."""
    server.job("job-1", duration=100)
    client = make(initial_wait_time=50, max_interval=50, max_wait_time=None)
    polled = threading.Event()
    client.submit("job-1").add_update_callback(lambda _: polled.set())
    assert polled.wait(PATIENCE)
    client.shutdown(cancel_futures=True)
    (wait,) = Store(path).waits()
    assert 30 < wait.next_poll <= 50
    resumed = make(initial_wait_time=50, max_interval=50, max_wait_time=None).resume()["job-1"]
    assert resumed.attempts == 1
    while resumed.next_poll is None:  # until it is taken in
        pass
    assert resumed.next_poll <= wait.next_poll
    assert len(server.requests) == 1


def test_without_a_store_nothing_is_resumed(server):
    """The message says what to do."""
    message = "store must be given to resume waits, and is not"
    with VideoTranslationClient(server.url) as client, pytest.raises(ValueError, match=message):
        client.resume()


def test_an_account_without_a_store_is_refused(server):
    """It would be nowhere."""
    with pytest.raises(ValueError, match="account must not be given without a store"):
        VideoTranslationClient(server.url, account="ours")


def test_what_can_not_be_called_with_a_future_is_refused(make):
    """At the call, before anything is taken over."""
    with pytest.raises(TypeError, match="on_future must be callable"):
        make().resume(5)


def test_a_flood_of_calls_for_unknown_jobs_keeps_few_in_mind(server, make, path):
    """While the file is held by others; the job that is waited for is asked for all the same."""
    server.job("job-1", duration=0.5)
    client = make()
    future = client.submit("job-1")
    with contextlib.closing(sqlite3.connect(str(path), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for number in range(12_000):
            client.poll_now(f"unknown-{number}")
        other.execute("COMMIT")
    client.poll_now("job-1")
    assert future.result(PATIENCE) == "completed"
