"""Callbacks: every status, in order, one at a time, and no harm from what they do."""

import logging
import threading

import pytest
from conftest import PATIENCE

from video_translation_client import RejectedError
from video_translation_client.testing import Fault


def test_on_update_gets_every_status_in_order_and_the_last_before_the_future_is_done(
    server, make_client
):
    """Each is a Status, which is a str."""
    server.job(duration=5)
    seen = []
    holder = []

    def on_update(status):
        seen.append((status, bool(holder) and holder[0].done()))

    holder.append(make_client().submit(on_update=on_update))
    assert holder[0].result(PATIENCE) == "completed"
    assert seen == [("pending", False)] * 3 + [("completed", False)]


def test_statuses_that_were_not_received_are_not_reported(server, make_client):
    """A failed poll has no status, and timeout is not a word of the service."""
    server.job(duration=1000, faults={2: Fault.http(503)})
    seen = []
    assert make_client(max_attempts=3).get_status(on_update=seen.append) == "timeout"
    assert seen == ["pending", "pending"]


def test_update_callbacks_get_the_future_with_its_latest_report(server, make_client, clock):
    """Any number of them, in the order in which they were added, after on_update."""
    server.job("job-1", duration=2, progress=True)
    calls = []
    with clock.paused():
        future = make_client().submit("job-1", on_update=calls.append)
        for name in "ab":
            future.add_update_callback(
                lambda future, name=name: calls.append((name, future.report.progress))
            )
    future.result(PATIENCE)
    assert calls == [
        *("pending", ("a", 0), ("b", 0)),
        *("pending", ("a", 0.5), ("b", 0.5)),
        *("completed", ("a", 1), ("b", 1)),
    ]


def test_an_update_callback_that_cannot_be_called_is_refused(server, make_client):
    """When it is added."""
    future = make_client().submit()
    with pytest.raises(TypeError, match="^fn must be callable"):
        future.add_update_callback(None)
    future.cancel()


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit("no"), KeyboardInterrupt("no")])
def test_a_callback_that_raises_is_logged_and_changes_nothing(server, make_client, caplog, error):
    """Whatever it raises; the callbacks after it are called as well."""
    server.job("job-1", duration=2)
    calls = []

    def fail(argument):
        calls.append(argument)
        raise error

    future = make_client().submit("job-1", on_update=fail)
    future.add_done_callback(fail)
    future.add_done_callback(calls.append)
    assert future.result(PATIENCE) == "completed"
    make_client().get_status("job-1")
    assert calls[:3] == ["pending", "pending", "completed"]
    logged = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "a callback of job 'job-1' raised" in logged[0].getMessage()
    assert logged[0].exc_info[1] is error


def test_ctrl_c_in_a_callback_on_the_main_thread_is_heard(server, make_client):
    """A callback that runs at once, where it was added, hides no KeyboardInterrupt."""
    server.job(duration=0)
    future = make_client().submit()
    future.result(PATIENCE)

    def interrupt(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        future.add_done_callback(interrupt)


def test_a_callback_that_blocks_holds_up_its_own_worker_alone(server, make_client):
    """The other jobs are polled and end meanwhile."""
    server.job("blocking", duration=0)
    server.job("other", duration=10)
    release = threading.Event()
    blocked = threading.Event()

    def block(_):
        blocked.set()
        release.wait(PATIENCE)

    # On the real clock: a virtual one stands still while a callback runs.
    client = make_client(clock=None, max_concurrency=2, initial_wait_time=0.01)
    blocking = client.submit("blocking", on_update=block)
    assert blocked.wait(PATIENCE)
    server.job("other", duration=0)
    assert client.get_status("other") == "completed"
    assert not blocking.done()
    release.set()
    assert blocking.result(PATIENCE) == "completed"


def test_a_deadline_holds_while_a_callback_blocks_and_keeps_the_end_that_was_told(
    server, make_client
):
    """The future ends on time, with the status that the blocked callback was given."""
    release = threading.Event()
    server.job("ended", duration=0, outcome="error")
    server.job("running", duration=1000)
    client = make_client(clock=None, max_wait_time=0.2)
    futures = [
        client.submit(job_id, on_update=lambda _: release.wait(PATIENCE))
        for job_id in ["ended", "running"]
    ]
    assert [future.result(PATIENCE) for future in futures] == ["error", "timeout"]
    assert not release.is_set()
    release.set()


def test_done_callbacks_at_a_deadline_run_on_a_worker_and_not_on_the_dispatcher(
    server, make_client
):
    """One that blocks there would hold up every job."""
    server.job("job-1", duration=1000)
    release = threading.Event()
    ran = threading.Event()
    threads = []

    def on_done(future):
        threads.append(threading.current_thread().name)
        ran.set()

    client = make_client(clock=None, max_wait_time=0.2)
    future = client.submit("job-1", on_update=lambda _: release.wait(PATIENCE))
    future.add_done_callback(on_done)
    assert future.result(PATIENCE) == "timeout"
    assert ran.wait(PATIENCE)
    release.set()
    assert "dispatcher" not in threads[0]


def test_a_callback_may_submit_the_next_job(server, make_client):
    """And wait for it elsewhere."""
    server.job("first", duration=0)
    server.job("second", duration=0)
    client = make_client()
    followers = []
    submitted = threading.Event()

    def follow(future):
        followers.append(client.submit("second"))
        submitted.set()

    client.submit("first").add_done_callback(follow)
    assert submitted.wait(PATIENCE)
    assert followers[0].result(PATIENCE) == "completed"


def test_a_callback_may_cancel_its_own_wait(server, make_client, clock, caplog):
    """No poll follows, and no further callback."""
    server.job("job-1", duration=1000)
    client = make_client()
    futures = []
    ready = threading.Event()

    def cancel(_):
        assert ready.wait(PATIENCE)
        assert futures[0].cancel()

    with clock.paused():
        futures.append(client.submit("job-1", on_update=cancel))
        futures[0].add_update_callback(lambda _: pytest.fail("called after the end"))
    ready.set()
    client.shutdown()
    assert futures[0].cancelled()
    assert len(server.requests) == 1
    assert "called after the end" not in caplog.text


def test_a_callback_may_shut_the_client_down(server, make_client):
    """It does not wait for itself; what was submitted before still ends."""
    server.job("job-1", duration=3)
    client = make_client()
    future = client.submit("job-1", on_update=lambda _: client.shutdown(wait=True))
    assert future.result(PATIENCE) == "completed"
    with pytest.raises(RuntimeError, match="after shutdown"):
        client.submit("job-1")


def test_callbacks_of_a_rejected_job_run_as_well(server, make_client):
    """A done-callback sees the exception."""
    server.job("job-1", faults={1: Fault.http(404)})
    called = threading.Event()
    errors = []

    def on_done(future):
        errors.append(future.exception())
        called.set()

    make_client().submit("job-1").add_done_callback(on_done)
    assert called.wait(PATIENCE)
    assert isinstance(errors[0], RejectedError)
