"""A client whose jobs are polled for on a cluster: its futures are those of any other client.

The cluster is a real one of Dask's, its workers in this process, each with a client of its own.
"""

import collections
import concurrent.futures
import contextlib
import pickle
import threading

import pytest
from conftest import PATIENCE, QUICK

pytest.importorskip("distributed")

import distributed

from video_translation_client import (
    Ended,
    FixedInterval,
    JobNotFoundError,
    Paced,
    Polled,
    PollError,
    Service,
    Status,
    StatusFuture,
    Submitted,
)
from video_translation_client.distributed import DistributedClient, _messages, _station
from video_translation_client.distributed._dask import ClusterError
from video_translation_client.testing import Fault, MockServer

SLOW = {"initial_wait_time": 1000, "max_interval": 1000, "max_wait_time": None}


@pytest.fixture
def server():
    """A mock server in real time; a job "slow" lasts, and "quick" does not."""
    with MockServer(duration=0.05) as server:
        server.job("slow", duration=1000, progress=True)
        server.job("quick", duration=0)
        yield server


@pytest.fixture
def make(dask, server):
    """Makes clients on the cluster."""
    clients = []

    def make(**arguments):
        clients.append(DistributedClient(dask, base_url=server.url, **{**QUICK, **arguments}))
        return clients[-1]

    yield make
    for client in clients:
        client.shutdown(cancel_futures=True)


def always(code):
    """Faults of all polls that a test may make."""
    return {number: Fault.http(code) for number in range(1, 100)}


def polls_of(server, job_id):
    """How often a server was asked for a job."""
    return sum(job_id in request.job_ids for request in server.requests)


def until_answered(*futures):
    """Waits until each has been answered once."""
    for future in futures:
        answered = threading.Event()
        future.add_update_callback(lambda future, answered=answered: answered.set())
        assert future.report is not None or answered.wait(PATIENCE)


@contextlib.contextmanager
def another_answer(future):
    """Waits until a future has been answered once more since the beginning of the block."""
    answered = threading.Event()
    future.add_update_callback(lambda future: answered.set())
    yield
    assert answered.wait(PATIENCE)


def test_two_lines_need_no_cluster(server):
    """Without an address there is one worker, in this process, and it ends with the client."""
    with DistributedClient(base_url=server.url, **QUICK) as client:
        assert client.get_status("job-1") == "completed"
    assert not _station._stations


def test_every_status_is_told(make):
    """``on_update`` hears every status in order, on threads of this process."""
    heard = []
    result = make().get_status("job-1", on_update=heard.append)
    assert result == "completed"
    assert heard == ["pending"] * (len(heard) - 1) + ["completed"]
    assert len(heard) > 1


def test_a_future_is_that_of_any_client(make):
    """It tells its report, progress, attempts, time and end, and calls back."""
    client = make(**SLOW)
    future = client.submit("slow", expected=2000)
    assert type(future) is StatusFuture
    until_answered(future)
    assert future.status == "pending"
    assert future.report.progress is not None
    assert future.attempts == 1
    assert 900 < future.next_poll <= 1000.5
    assert 0 < future.eta <= 2000
    assert future.last_error is None
    called = []
    future.add_done_callback(called.append)
    assert future.cancel()
    assert called == [future]


def test_many_jobs_on_several_workers(make, server):
    """Jobs are spread over all workers, and each comes back once."""
    client = make()
    futures = client.submit_all([f"job-{number}" for number in range(200)])
    ended = [future.job_id for future in client.as_completed(futures, timeout=PATIENCE)]
    assert sorted(ended) == sorted(future.job_id for future in futures)
    assert {future.result() for future in futures} == {"completed"}
    assert len(_station._stations) == 2


def test_a_job_that_fails_and_one_that_is_unknown(make, server):
    """What the service says is told as by any client, errors with their types."""
    server.job("failing", duration=0, outcome="error")
    server.job("unknown", faults=always(404))
    server.job("troubled", duration=0, faults={1: Fault.http(500)})
    client = make(max_attempts=3)
    assert client.get_status("failing") == "error"
    troubled = client.submit("troubled")
    assert troubled.result(PATIENCE) == "completed"
    assert troubled.attempts == 2
    with pytest.raises(JobNotFoundError, match="'unknown'"):
        make(service=Service("acme", status="result", missing_delay=0)).get_status("unknown")


def test_a_poll_that_fails_is_the_last_error(make, server):
    """A failed poll costs an attempt, and the wait goes on."""
    server.job("troubled", duration=1000, faults=always(500))
    future = make(max_attempts=3).submit("troubled")
    assert future.result(PATIENCE) == "timeout"
    assert isinstance(future.last_error, PollError)
    assert future.last_error.status_code == 500
    assert future.attempts == 3
    assert future.end.limit == "max_attempts"


def test_each_wait_has_its_limits(make):
    """Limits of a client and of a job hold here, to the moment."""
    client = make(max_wait_time=1000, max_attempts=None)
    short = client.submit("slow", max_wait_time=0.5)
    few = client.submit("slow", max_attempts=2)
    assert short.result(PATIENCE) == "timeout"
    assert (short.end.limit, short.end.limit_value) == ("max_wait_time", 0.5)
    assert few.result(PATIENCE) == "timeout"
    assert (few.end.limit, few.end.limit_value) == ("max_attempts", 2)


def test_a_job_that_is_submitted_twice_meets_itself(make, server):
    """Futures for one job share its polls, and each ends by itself, the last one with the job."""
    client = make(**SLOW)
    first = client.submit("slow", max_attempts=5)
    until_answered(first)
    second, third = client.submit_all(["slow", "slow"], max_attempts=7)
    with another_answer(second):
        client.poll_now("slow")
    assert first.cancel()
    assert second.cancel()
    assert polls_of(server, "slow") == 2
    with another_answer(third):
        third.poll_now()
    assert polls_of(server, "slow") == 3
    assert (first.attempts, second.attempts, third.attempts) == (1, 0, 1)
    assert third.cancel()


def test_cancel_stops_the_polls(make, server):
    """No poll of a job starts once the station has heard that its last future is cancelled."""
    client = make(strategy=FixedInterval(0.02), max_attempts=None, max_wait_time=None)
    future = client.submit("slow")
    until_answered(future)
    assert future.cancel()
    stations = list(_station._stations.values())
    assert client.get_status("job-1") == "completed"  # said after it, so heard after it
    client.shutdown()
    assert all(not station._waits for station in stations)


def test_listeners_hear_here(make):
    """``on_event`` hears the start, every poll and the end of a wait."""
    events = []
    client = make(on_event=events.append)
    assert client.get_status("job-1") == "completed"
    client.shutdown()
    kinds = collections.Counter(type(event) for event in events)
    assert kinds[Submitted] == kinds[Ended] == 1
    assert kinds[Polled] == events[-1].attempts >= 2
    assert [type(event) for event in (events[0], events[-1])] == [Submitted, Ended]
    last = [event for event in events if isinstance(event, Polled)][-1]
    assert (last.status, last.next_poll) == ("completed", None)


def test_one_look(make, server):
    """``check`` asks for each job once, by way of the workers."""
    answers = make().check(["quick", "slow"])
    assert [report.status for report in answers.values()] == ["completed", "pending"]


def test_asking_ahead_of_time(make):
    """``poll_now`` of a future costs an attempt, that of a client none."""
    client = make(**SLOW)
    future = client.submit("slow")
    until_answered(future)
    with another_answer(future):
        future.poll_now()
    assert future.attempts == 2
    with another_answer(future):
        client.poll_now("slow")
    assert future.attempts == 2
    client.poll_now("never submitted")


def test_what_is_said_too_late_changes_nothing(make):
    """A future that has ended takes no more answers, hurry or nudge."""
    client = make(**SLOW)
    future = client.submit("slow")
    until_answered(future)
    future.cancel()
    future.poll_now()
    client.poll_now("slow")
    assert future.status == "cancelled"


def test_one_shard_sits_on_one_worker(make):
    """All jobs go to the same worker where there is one shard alone."""
    client = make(shards=1)
    assert {f.result(PATIENCE) for f in client.submit_all(["a", "b", "c"])} == {Status.COMPLETED}
    assert len(_station._stations) == 1


def test_shutdown_leaves_the_workers(make):
    """Once a client is shut down, nothing of it is left on the workers, and it takes no jobs."""
    client = make(**SLOW)
    future = client.submit("slow")
    until_answered(future)
    client.shutdown(cancel_futures=True)
    assert future.cancelled()
    with pytest.raises(RuntimeError, match="after shutdown"):
        client.submit("slow")


def shards_of(client):
    """What speaks with the workers."""
    return client._make_scheduler.args[0]


def test_a_deadline_is_that_of_the_caller(make):
    """A worker ends its part a little earlier; the future ends when its time is over."""
    future = make(**SLOW).submit("slow", max_wait_time=1)
    assert future.result(PATIENCE) == "timeout"
    assert future.end.limit == "max_wait_time"
    assert future.elapsed > 0.9


def test_a_wait_that_ended_before_it_began(make, server):
    """A job is not asked for whose future was cancelled before anybody else heard of it."""
    client = make(**SLOW)
    held_up = threading.Event()
    shards_of(client)._inbox.put(held_up.wait)
    future = client.submit("slow")
    future.cancel()
    shards_of(client).hurry(future)
    held_up.set()
    assert client.get_status("job-1", max_wait_time=0.2) in ("completed", "timeout")
    assert polls_of(server, "slow") == 0


def test_a_service_that_slows_down(make, server):
    """A bare 429 slows down the worker that met it, and listeners at the caller hear of that."""
    paced = threading.Event()
    events = []

    def listen(event):
        if isinstance(event, Paced):
            events.append(event)
            paced.set()

    server.job("refused", duration=0, faults={1: Fault.http(429)})
    assert make(on_event=listen).get_status("refused") == "completed"
    assert paced.wait(PATIENCE)
    assert events[0].pause is None


def test_a_store_is_that_of_the_caller(make, path):
    """Of two clients with one store, one has a job polled for; the other goes on with it."""
    first, second = make(store=path, **SLOW), make(store=path, **SLOW)
    future = first.submit("slow")
    until_answered(future)
    follower = second.submit("slow")
    first.shutdown(cancel_futures=True)
    while shards_of(second)._entries.of_job("slow") is None:
        assert not follower.done()
    with another_answer(follower):
        second.poll_now("slow")
    second._intake.scheduler.rest(follower)  # as where somebody else polls after all
    while shards_of(second)._entries.of_job("slow") is not None:
        assert not follower.done()


def test_nobody_hears_of_what_is_over(make, dask):
    """What is said of a wait that is over, or by a station that is no more, changes nothing."""
    client = make()
    assert client.get_status("job-1") == "completed"
    ended = Ended("job-1", "default", Status.COMPLETED, 1, 1.0)
    polled = Polled("job-1", "default", 1, 0.0, 200, None, None, 1.0, silent=True)
    said = [_messages.Heard(10**9, polled), _messages.Over(10**9, ended)]
    send(dask, shards_of(client)._line.order.caller, [*said, _messages.Alive("nobody", 1.0)])
    assert client.get_status("job-2") == "completed"


def test_a_connection_that_is_lost_and_there_again(make, caplog):
    """The shards get places anew, and the waits go on; there is one warning."""
    client = make(strategy=FixedInterval(0.05), max_wait_time=None)
    future = client.submit("slow")
    until_answered(future)
    stations = list(_station._stations.values())

    def lose():
        for _ in range(2):
            shards_of(client)._lose(ClusterError("the scheduler is gone"))

    shards_of(client)._inbox.put(lose)
    while shards_of(client)._places.seated() or not shards_of(client)._line.order:
        assert not future.done()
    attempts = future.attempts
    while future.attempts <= attempts + 2:
        assert not future.done()
    assert caplog.text.count("waits go on if it is back in time") == 1
    assert stations


def test_a_caller_that_is_held_up(make):
    """Its station ends after some seconds without a word of it; when it is back, waits go on."""
    client = make(**SLOW)
    future = client.submit("slow")
    until_answered(future)
    (station,) = _station._stations.values()
    held_up = threading.Event()
    shards_of(client)._inbox.put(held_up.wait)
    while not station._is_over:
        held_up.wait(0.1)
    held_up.set()
    assert station.trouble == "nothing was heard of the caller"
    with another_answer(future):
        future.poll_now()
    assert future.attempts == 2


def test_a_station_that_is_told_to_go(make, dask):
    """It takes nothing more, and its shards find other places."""
    client = make(shards=2, **SLOW)
    futures = client.submit_all([f"slow-{number}" for number in range(20)])
    until_answered(*futures)
    first, second = _station._stations.values()
    seats = [_messages.Leave(number) for number in (99, *first._seats)]
    send(dask, first._name, [*seats, _messages.Keep(None, 0.0)])
    send(dask, second._name, [])
    for station in (first, second):
        while not station._is_over:
            assert not futures[0].done()
    assert (first.trouble, second.trouble) == (None, "the caller has others go on")
    while len(shards_of(client)._places.seated()) < 2:
        assert not futures[0].done()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_what_nobody_understands(make, dask, caplog):
    """A mistake in what is said ends waits with an error, and a station; nobody waits for ever."""
    client = make(**SLOW)
    future = client.submit("slow")
    until_answered(future)
    (station,) = _station._stations.values()
    send(dask, station._name, ["nonsense"])
    while not station._is_over:
        assert not future.done()
    assert station.trouble == "KeyError"
    send(dask, shards_of(client)._line.order.caller, ["nonsense"])
    assert "the library failed (KeyError)" in str(future.exception(PATIENCE))
    with pytest.raises(RuntimeError, match="the library failed"):
        client.submit("job-1")
    assert "all waits on the cluster end" in caplog.text


def test_a_cluster_that_is_closed(server, dask):
    """All waits end with an error, and the stations with them."""
    client = DistributedClient(dask, base_url=server.url, **SLOW)
    future = client.submit("slow")
    until_answered(future)
    dask.cluster.close()
    assert "the Dask scheduler is gone" in str(future.exception(PATIENCE))
    client.shutdown()
    while _station._stations:
        assert future.done()


def test_errors_of_any_kind_travel():
    """An exception that is not the library's is told by its name; it may not be picklable."""
    polled = Polled("job-1", "default", 1, 0.0, None, None, OSError("hush"), 1.0, silent=True)
    error = _station._portable(polled).error
    assert str(error) == "job 'job-1': OSError was raised"


def test_a_shard_that_comes_twice(make):
    """Of two tasks for one shard at a station, the earlier ends, and no wait is polled twice."""
    client = make(shards=1, **SLOW)
    until_answered(client.submit("slow"))
    (station,) = _station._stations.values()
    left = station._seats[0]
    shards_of(client)._places.of(0).key = "that of the other task"
    with _station._lock:
        station.take(0, threading.Event())
    assert left.wait(PATIENCE)
    assert client.get_status("quick") == "completed"  # said after it
    while len(station._scheduler._waits) != 1:
        assert not station._is_over


def test_one_with_more_patience(make, server):
    """Where futures share the polls of a job, these go on as long as the most patient one does."""
    client = make(**{**SLOW, "max_interval": 0.3, "initial_wait_time": 0.3})
    futures = [client.submit("slow", max_attempts=2)]
    until_answered(*futures)
    futures += [client.submit("slow", max_attempts=attempts) for attempts in (4, None)]
    futures.append(client.submit("slow", max_wait_time=4))
    assert [future.result(PATIENCE) for future in futures[:2]] == ["timeout"] * 2
    assert [future.attempts for future in futures[:2]] == [2, 4]
    assert futures[3].result(PATIENCE) == "timeout"
    assert not futures[2].done()
    assert futures[2].attempts > 4


def test_a_job_that_is_submitted_again_and_again(make, server):
    """That puts off no answer, although each submit brings a later deadline."""
    server.job("job-1", duration=0, faults={1: Fault.slow(0.5)})
    client = make(max_wait_time=1000, max_attempts=None)
    first = client.submit("job-1")
    for _ in range(20):
        client.submit("job-1")
        with contextlib.suppress(concurrent.futures.TimeoutError):
            first.result(0.05)
    assert first.result(PATIENCE) == "completed"
    assert polls_of(server, "job-1") == 1


def test_a_client_of_dask_that_was_closed_before(dask, server):
    """A wait does not begin, and ends with an error."""
    client = DistributedClient(dask, base_url=server.url)
    dask.close()
    assert "the Dask scheduler is gone" in str(client.submit("slow").exception(PATIENCE))
    client.shutdown()


def test_no_thread_is_to_be_had(make, monkeypatch):
    """A submit is refused, and a later one taken."""
    client = make()
    start = threading.Thread.start

    def start_none(thread):
        if thread.name == "video-translation-shards":
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_none)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        client.submit("job-1")
    monkeypatch.undo()
    assert client.get_status("job-1") == "completed"


def test_a_signal_handler_that_submits_in_the_first_submit(make):
    """It comes in the midst of the start of the thread, and both waits begin."""
    client = make()
    shards_of(client)._starting_in = threading.get_ident()  # as where it interrupts that
    by_handler = client.submit("job-1")
    shards_of(client)._starting_in = 0
    assert client.get_status("job-2") == "completed"
    assert by_handler.result(PATIENCE) == "completed"


def test_a_thread_that_comes_second(make):
    """Of two that were started at once, one does the work."""
    client = make()
    assert client.get_status("job-1") == "completed"
    shards_of(client)._run()
    assert client.get_status("job-2") == "completed"


def test_what_cannot_be_read(make, dask, caplog):
    """The connection is made anew, and waits go on."""
    client = make(**SLOW)
    future = client.submit("slow")
    until_answered(future)
    line = shards_of(client)._line
    order = line.order
    distributed.Queue(order.caller, client=dask).put(b"nonsense")
    while line.order is order:
        assert not future.done()
    assert "what was sent can't be read" in caplog.text
    assert client.get_status("quick") == "completed"


def send(dask, name, messages):
    """Puts messages into a mailbox."""
    distributed.Queue(name, client=dask).put(pickle.dumps(messages))


@pytest.mark.parametrize("fault", [None, Fault.http(500)])
def test_the_last_answer_before_the_deadline(make, server, fault):
    """It is told as any other, although the worker asks no more after it."""
    server.job("job-1", duration=1000, faults={} if fault is None else {1: fault})
    future = make(**{**SLOW, "max_attempts": 1}).submit("job-1")
    assert future.result(PATIENCE) == "timeout"
    assert future.attempts == 1
    assert (future.report is None) == (fault is not None)
    assert (future.last_error is None) == (fault is None)
    assert future.end.limit == "max_attempts"
