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
        clock.advance(0)  # a callback may miss the first answer, so they are added after it
        for name in "ab":
            future.add_update_callback(
                lambda future, name=name: calls.append((name, future.report.progress))
            )
    future.result(PATIENCE)
    assert calls == [
        "pending",
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


def test_a_callback_that_cancels_another_wait_is_called_to_its_end_before_its_callbacks(
    server, make_client
):
    """These run on a worker after it, also if they raise."""
    server.job("job-1", duration=0)
    client = make_client()
    other, calls = client.submit("job-2"), []
    other.add_done_callback(lambda _: 1 / 0)
    other.add_done_callback(calls.append)

    def on_done(future):
        other.cancel()
        calls.append(future)

    future = client.submit("job-1")
    future.add_done_callback(on_done)
    client.shutdown()
    assert calls == [future, other]


def test_ctrl_c_in_a_log_handler_on_the_main_thread_is_heard(server, make_client):
    """It is not taken for a failure of the handler."""

    class Interrupted(logging.Filter):
        def filter(self, record):
            raise KeyboardInterrupt

    future = make_client().submit()
    future.cancel()
    logger, interrupted = logging.getLogger("video_translation_client"), Interrupted()
    logger.addFilter(interrupted)
    try:
        with pytest.raises(KeyboardInterrupt):
            future.add_done_callback(lambda _: 1 / 0)
    finally:
        logger.removeFilter(interrupted)


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt])
def test_a_callback_that_can_not_even_say_its_name_ends_nothing_else(
    server, make_client, caplog, error
):
    """The log then names its type; the callbacks after it are called, the other jobs polled."""

    class Nameless:
        def __call__(self, argument):
            raise ZeroDivisionError

        def __repr__(self):
            raise error

    server.job("job-1", duration=2)
    calls = []
    future = make_client().submit("job-1", on_update=Nameless())
    future.add_done_callback(Nameless())
    future.add_done_callback(calls.append)
    assert future.result(PATIENCE) == "completed"
    assert make_client().get_status("job-2") == "completed"
    assert calls == [future]
    logged = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(logged) == 4
    assert all("Nameless object at 0x" in line for line in logged)


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


class Leaving(BaseException):
    """What no ``except Exception`` catches."""


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt, Leaving])
@pytest.mark.parametrize("end", ["completed", "timeout", "rejected"])
def test_whatever_callbacks_raise_on_workers_the_others_are_called_and_the_client_goes_on(
    server, make_client, clock, caplog, error, end
):
    """Also those of a future that its deadline ends, which no poll's worker calls."""
    server.job("job-1", duration=4, faults={4: Fault.http(410)} if end == "rejected" else {})
    client = make_client(max_concurrency=1, max_wait_time=6 if end == "timeout" else 60)
    calls = []

    def fail(_):
        calls.append("fail")
        raise error("no")

    with clock.paused():
        future = client.submit("job-1")
        clock.advance(0)
        future.add_update_callback(fail)
        future.add_update_callback(lambda _: calls.append("update"))
        future.add_done_callback(fail)
        future.add_done_callback(lambda _: calls.append("done"))
        clock.advance(100)
    polls = {"completed": 3, "timeout": 3, "rejected": 2}[end]
    assert calls == ["fail", "update"] * polls + ["fail", "done"]
    assert isinstance(future.exception(0), RejectedError if end == "rejected" else type(None))
    logged = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.exc_info[0] for record in logged] == [error] * (polls + 1)
    server.job("job-2", duration=0)
    assert client.get_status("job-2") == "completed"


@pytest.mark.parametrize("kind", ["on_update", "update", "done"])
def test_while_a_callback_takes_an_hour_the_other_jobs_are_asked_at_their_moments(
    server, make_client, clock, kind
):
    """As long as a worker is left for them."""
    server.job("blocking", duration=1)
    names = [f"job-{number}" for number in range(5)]
    for name in names:
        server.job(name, duration=20)
    hours = []

    def take_an_hour(_):
        clock.sleep(3600, lambda: False)
        hours.append(clock.monotonic())

    with clock.paused():
        client = make_client(max_concurrency=2, max_wait_time=None)
        futures = [client.submit(name) for name in names]
        blocking = client.submit(
            "blocking", on_update=take_an_hour if kind == "on_update" else None
        )
        clock.advance(0)
        if kind == "update":
            blocking.add_update_callback(take_an_hour)
        elif kind == "done":
            blocking.add_done_callback(take_an_hour)
        clock.advance(100)
        assert hours == []
        assert [future.result(0) for future in futures] == ["completed"] * 5
        assert [future.elapsed for future in futures] == [31] * 5
        clock.advance(3600)
    assert hours[0] == (3600 if kind == "on_update" else 3601)
    for name in names:
        times = [request.time for request in server.requests if request.path.endswith(name)]
        assert times == [0, 1, 3, 7, 15, 31]


def test_while_callbacks_take_all_workers_the_other_jobs_still_end_on_time(
    server, make_client, clock
):
    """Unasked, and with their done-callbacks; afterwards there is a worker again."""
    moments = []
    with clock.paused():
        client = make_client(max_concurrency=2)
        for number in range(2):
            client.submit(
                f"blocking-{number}", on_update=lambda _: clock.sleep(3600, lambda: False)
            )
        clock.advance(0)
        others = [client.submit(f"job-{number}") for number in range(3)]
        for other in others:
            other.add_done_callback(lambda _: moments.append(clock.monotonic()))
        clock.advance(100)
        assert [other.result(0) for other in others] == ["timeout"] * 3
        assert [other.attempts for other in others] == [0] * 3
        assert moments == [60] * 3
        server.job("late", duration=0)
        clock.advance(3490)
        late = client.submit("late")
        clock.advance(10)
        assert late.result(0) == "completed"
    assert server.requests[-1].time == 3600


def test_a_done_callback_that_takes_an_hour_at_a_deadline_holds_up_no_poll(
    server, make_client, clock
):
    """It runs on a worker, while the dispatcher goes on."""
    server.job("hanging", faults={1: Fault.slow(1000)})
    server.job("job-1", duration=20)
    with clock.paused():
        client = make_client(max_concurrency=2, max_wait_time=50, request_timeout=1000)
        hanging = client.submit("hanging")
        hanging.add_done_callback(lambda _: clock.sleep(3600, lambda: False))
        clock.advance(45)
        future = client.submit("job-1")
        clock.advance(40)
        assert (hanging.result(0), future.result(0)) == ("timeout", "completed")
    times = [request.time for request in server.requests if request.path == "/status/job-1"]
    assert times == [45, 46, 48, 52, 60, 76]


@pytest.mark.parametrize("kind", ["on_update", "update", "done"])
def test_a_callback_of_any_kind_may_submit_though_there_is_one_worker(
    server, make_client, clock, kind
):
    """The new job is asked when the callback has returned."""
    server.job("second", duration=0)
    client = make_client(max_concurrency=1)
    followers = []

    def follow(_):
        if not followers:
            followers.append(client.submit("second"))

    with clock.paused():
        future = client.submit("first", on_update=follow if kind == "on_update" else None)
        clock.advance(0)
        if kind == "update":
            future.add_update_callback(follow)
        elif kind == "done":
            future.add_done_callback(follow)
        server.job("first", duration=0)
        clock.advance(100)
    assert [follower.result(0) for follower in followers] == ["completed"]


def test_a_thousand_jobs_may_each_submit_the_next(server, make_client, clock):
    """A chain of done-callbacks is no recursion."""
    client = make_client()
    ended = threading.Event()

    def follow(future):
        number = int(future.job_id) + 1
        if number == 1000:
            ended.set()
            return
        server.job(str(number), duration=0)
        client.submit(str(number)).add_done_callback(follow)

    server.job("0", duration=0)
    client.submit("0").add_done_callback(follow)
    assert ended.wait(PATIENCE)
    assert len(server.requests) == 1000


def test_an_update_callback_may_add_another(server, make_client, clock):
    """It is called from the next status on."""
    server.job("job-1", duration=3)
    calls = []

    def add(future):
        calls.append("first")
        if len(calls) == 1:
            future.add_update_callback(lambda _: calls.append("second"))

    with clock.paused():
        future = make_client().submit("job-1")
        clock.advance(0)
        future.add_update_callback(add)
        clock.advance(100)
    assert future.result(0) == "completed"
    assert calls == ["first", "first", "second"]


def test_a_callback_may_wait_for_a_job_of_another_client(server, make_client):
    """That has workers of its own."""
    for name in ["first", "second"]:
        server.job(name, duration=0)
    # On the real clock: a virtual one stands still while a callback runs.
    client, other = make_client(clock=None, max_concurrency=1), make_client(clock=None)
    results = []
    status = client.get_status("first", lambda _: results.append(other.get_status("second")))
    assert (status, results) == ("completed", ["completed"])


@pytest.mark.parametrize("cancel_futures", [False, True])
@pytest.mark.parametrize("end", ["completed", "timeout", "rejected", "cancelled"])
def test_a_done_callback_may_shut_the_client_down(server, make_client, clock, end, cancel_futures):
    """However its future ends: it waits neither for itself nor for the others, which end."""
    server.job("job-1", duration=2, faults={2: Fault.http(404)} if end == "rejected" else {})
    server.job("job-2", duration=100)
    client = make_client(max_attempts=2 if end == "timeout" else None)
    calls = []

    def shut_down(_):
        client.shutdown(wait=True, cancel_futures=cancel_futures)
        calls.append("returned")

    with clock.paused():
        future = client.submit("job-1")
        future.add_done_callback(shut_down)
        clock.advance(0.5)
        other = client.submit("job-2")
        if end == "cancelled":
            future.cancel()
        clock.advance(100)
        assert calls == ["returned"]
        with pytest.raises(RuntimeError, match="after shutdown"):
            client.submit("job-3")
    assert future.done()
    assert other.done()
    assert other.cancelled() == cancel_futures
