"""Whoever listens hears of every start, answer, change of pace and end, in order for each job."""

import collections
import logging
import threading

import pytest
from conftest import PATIENCE

from video_translation_client import (
    Clock,
    Ended,
    Paced,
    RejectedError,
    Status,
    Submitted,
    VideoTranslationClient,
)
from video_translation_client.testing import Fault


class Listener:
    """Keeps what it hears, with the thread, and notices two calls at a time for one job."""

    def __init__(self):
        self.events = []
        self.threads = set()
        self.overlaps = 0
        self._here = collections.Counter()
        self._changed = threading.Condition()

    def __call__(self, event):
        job_id = getattr(event, "job_id", None)
        with self._changed:
            self._here[job_id] += 1
            self.overlaps += self._here[job_id] > 1
        self.threads.add(threading.current_thread().name)
        with self._changed:
            self.events.append(event)
            self._here[job_id] -= 1
            self._changed.notify_all()

    def of(self, job_id):
        """All that was heard of a job, once its end was."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.ended(job_id), PATIENCE), self.events
            return [event for event in self.events if getattr(event, "job_id", None) == job_id]

    def ended(self, job_id):
        """Whether the end of a job was heard of."""
        return any(isinstance(event, Ended) and event.job_id == job_id for event in self.events)


def kinds(events):
    """The names of the types."""
    return [type(event).__name__ for event in events]


def test_a_listener_hears_of_the_submit_each_poll_and_the_end(server, make_client):
    """With what was received and what comes next, and the end is that of the future."""
    listener = Listener()
    server.job("job-1", duration=2, faults={1: Fault.http(500)})
    future = make_client(on_event=listener).submit("job-1")
    assert future.result(PATIENCE) == "completed"
    events = listener.of("job-1")
    assert kinds(events) == ["Submitted"] + ["Polled"] * future.attempts + ["Ended"]
    assert events[0] == Submitted("job-1", "default")
    failed, *_, last = events[1:-1]
    assert (failed.attempt, failed.status_code, failed.status) == (1, 500, None)
    assert failed.error is not None
    assert failed.next_poll > 0
    assert (last.attempt, last.status_code, last.status) == (future.attempts, 200, "completed")
    assert (last.error, last.next_poll) == (None, None)
    assert events[-1].status is Status.COMPLETED


def test_each_kind_of_end_is_heard_of_by_listeners_and_by_the_strategy(server, make_client, clock):
    """A strategy that has a method ``ended`` needs no listener for that."""

    class Learner:
        def __init__(self):
            self.heard = Listener()

        def __call__(self, moment):
            return 1.0

        def ended(self, end):
            self.heard(end)

    server.job("good", duration=0)
    server.job("bad", duration=0, outcome="error")
    server.job("refused", faults={1: Fault.http(403)})
    server.job("endless", duration=1000)
    learner, listener = Learner(), Listener()
    client = make_client(strategy=learner, on_event=[listener], max_wait_time=20)
    with clock.paused():
        names = ["good", "bad", "refused", "endless", "unloved"]
        futures = {name: client.submit(name) for name in names}
        futures["unloved"].cancel()
    for name, status in {
        "good": "completed",
        "bad": "error",
        "refused": "rejected",
        "endless": "timeout",
        "unloved": "cancelled",
    }.items():
        (end,) = learner.heard.of(name)
        assert end.status == status == futures[name].status
        assert kinds(listener.of(name))[-1] == "Ended"
        assert listener.of(name)[-1] == end
    assert isinstance(futures["refused"].exception(), RejectedError)


@pytest.mark.parametrize("ends", ["cancelled", "timeout"])
def test_nothing_is_heard_of_a_job_after_its_end(server, make_client, clock, ends):
    """A poll whose update callback outlasts the wait is not told of any more."""
    listener, listens = Listener(), threading.Event()
    client = make_client(on_event=listener, max_wait_time=0.5, clock=Clock())
    box = []

    def on_update(status):
        assert listens.wait(PATIENCE)
        if ends == "cancelled":
            box[0].cancel()
        listener.of("job-1")

    server.job("job-1", duration=1000)
    box.append(client.submit("job-1", on_update))
    listens.set()
    client.shutdown()
    assert kinds(listener.of("job-1")) == ["Submitted", "Ended"]
    assert box[0].status == ends


def test_a_change_of_pace_is_heard_of(server, make_client):
    """With the pause that the service asks for."""
    listener = Listener()
    server.job("job-1", duration=0, faults={1: Fault.http(429, {"Retry-After": "5"})})
    client = make_client(on_event=listener)
    assert client.get_status("job-1") == "completed"
    listener.of("job-1")
    paces = [event for event in listener.events if isinstance(event, Paced)]
    assert {pace.service for pace in paces} == {"default"}
    assert any(pace.pause == pytest.approx(5, abs=1) for pace in paces)
    assert all(pace.why for pace in paces)


def test_many_jobs_are_told_of_in_order_on_workers_and_never_two_at_a_time(server, make_client):
    """To each of several listeners."""
    listeners = [Listener(), Listener()]
    client = make_client(on_event=listeners)
    names = [f"job-{number}" for number in range(50)]
    for name in names:
        server.job(name, duration=3)
    futures = [client.submit(name) for name in names]
    for future in futures:
        assert future.result(PATIENCE) == "completed"
    for listener in listeners:
        for name, future in zip(names, futures):
            events = listener.of(name)
            assert kinds(events) == ["Submitted"] + ["Polled"] * future.attempts + ["Ended"]
            attempts = [event.attempt for event in events[1:-1]]
            assert attempts == list(range(1, future.attempts + 1))
        assert listener.overlaps == 0
        assert threading.current_thread().name not in listener.threads


def test_what_a_listener_raises_is_logged_and_changes_nothing(server, make_client, caplog):
    """The other listeners hear all the same."""
    server.job("job-1", duration=0)
    listener = Listener()

    def broken(event):
        raise ValueError("no metric today")

    with caplog.at_level(logging.ERROR):
        assert make_client(on_event=[broken, listener]).get_status("job-1") == "completed"
        assert kinds(listener.of("job-1")) == ["Submitted", "Polled", "Ended"]
    assert "no metric today" in caplog.text


@pytest.mark.parametrize("listener", [1, [1], [print, 1]])
def test_a_listener_that_can_not_be_called_is_refused_at_once(listener):
    """When the client is made."""
    with pytest.raises(TypeError, match="on_event"):
        VideoTranslationClient("http://127.0.0.1:1", on_event=listener)
