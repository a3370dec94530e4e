"""Several futures for one job of a store: in one client, in two clients of a process, in processes.

Of all of them one is polled for; each has its own limits, callbacks and end.
"""

import collections
import concurrent.futures
import random
import threading

import pytest
from conftest import PATIENCE, QUICK

from video_translation_client import JobNotFoundError, VideoTranslationClient
from video_translation_client.store import Store
from video_translation_client.store._file import File
from video_translation_client.testing import Fault, MockServer


@pytest.fixture
def server():
    """A mock server in real time, whose jobs last until they are told otherwise."""
    with MockServer(duration=1000) as server:
        server.job("quick", duration=0)
        yield server


@pytest.fixture(params=["one client", "two clients", "two stores"])
def pair(request, make, path):
    """Two clients of one store, or twice the same one."""
    if request.param == "one client":
        client = make()
        return client, client
    store = Store(path)
    return make(store=store), make(store=store if request.param == "two clients" else path)


def told(future):
    """What is set once a future has been told that its job is pending, from now on."""
    event = threading.Event()
    future.add_update_callback(lambda _: event.set())
    return event


def ids(path):
    """The jobs in a store."""
    return [wait.job_id for wait in Store(path).waits()]


def until_no_thread_but(others):
    """Returns once no thread of a store is there any more but those of other tests."""
    for thread in set(threading.enumerate()).difference(others):
        if thread.name.endswith("-store"):
            thread.join(PATIENCE)
            assert not thread.is_alive()


def test_an_end_by_shutdown_is_delivered_to_nobody(make, path):
    """Though done-callbacks have returned, and others have seen that the future was cancelled."""
    for _ in range(10):
        client = make()
        futures = [client.submit(f"job-{number}") for number in range(10)]
        for future in futures:
            future.add_done_callback(lambda future: future.cancelled())
        client.shutdown(cancel_futures=True)
        for future in futures:
            with pytest.raises(concurrent.futures.CancelledError):
                future.result()
        assert len(ids(path)) == 10


def test_who_cancels_before_a_shutdown_has_cancelled(make, path):
    """However soon it comes."""
    client = make()
    futures = client.submit_all(f"job-{number}" for number in range(50))
    for future in futures[1:]:
        future.cancel()
    client.shutdown(cancel_futures=True)
    assert ids(path) == ["job-0"]


def test_a_cancelled_one_is_delivered_once(make, path):
    """Its callback tells nobody that the other one has ended."""
    client = make()
    first, second = client.submit("job-1"), client.submit("job-1")
    first.add_done_callback(lambda future: None)
    assert first.cancel()
    assert told(second).wait(PATIENCE)
    client.shutdown(cancel_futures=True)
    assert ids(path) == ["job-1"]


def test_ends_may_be_fetched_after_the_shutdown(make, path):
    """They are delivered then; no thread remains."""
    others = threading.enumerate()
    client = make()
    futures = [client.submit("quick") for _ in range(3)] + client.submit_all(["quick"])
    client.shutdown()
    assert ids(path) == ["quick"]
    assert [future.result() for future in futures] == ["completed"] * 4
    until_no_thread_but(others)
    assert ids(path) == []


def test_an_end_that_another_client_has_taken_over_is_its_own(make, path):
    """Who fetches it later where it was left takes nothing away."""
    client, other = make(), make()
    future = client.submit("quick")
    client.shutdown()
    (resumed,) = other.resume().values()
    assert future.result() == "completed"
    assert ids(path) == ["quick"]
    assert resumed.result() == "completed"
    other.shutdown()
    assert ids(path) == []


def test_no_thread_remains_after_a_nudge_that_came_late(make):
    """It reaches nobody, and costs nothing."""
    others = threading.enumerate()
    client = make()
    assert client.submit("quick").result(PATIENCE) == "completed"
    client.shutdown()
    client.poll_now("quick")
    until_no_thread_but(others)


@pytest.mark.parametrize("wait", [True, False], ids=["that waits", "that does not"])
@pytest.mark.parametrize("cancel", [True, False], ids=["and cancels", "and lets go on"])
def test_submits_cancels_and_a_shutdown_at_once(make, server, path, wait, cancel):
    """Every future ends once, whoever was polled for, and then the store is empty.

    What a submit has begun that came too late, or the shutdown has left, others can find.
    """
    for number in range(8):
        server.job(f"job-{number}", duration=0.02)
    store = Store(path)
    clients = [make(store=store) for _ in range(3)]
    ends, futures, refused = collections.Counter(), [], []
    half = threading.Barrier(5)

    def work(seed):
        chance = random.Random(seed)
        for turn in range(30):
            if turn == 10:
                half.wait(PATIENCE)
            job_id = f"job-{chance.randrange(8)}"
            try:
                future = chance.choice(clients).submit(job_id)
            except RuntimeError:
                refused.append(job_id)
                continue
            futures.append(future)
            future.add_done_callback(lambda future: ends.update([future]))
            if chance.random() < 0.3:
                chance.choice(futures).cancel()
            clients[-1].poll_now(job_id)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    half.wait(PATIENCE)
    clients[0].shutdown(wait, cancel_futures=cancel)
    for thread in threads:
        thread.join()
    assert concurrent.futures.wait(futures, PATIENCE).not_done == set()
    clients[0].shutdown()
    assert len(futures) + len(refused) == 120
    assert refused
    assert ends == dict.fromkeys(futures, 1)
    resumed = clients[1].resume()
    assert {future.result(PATIENCE) for future in resumed.values()} <= {"completed"}
    for client in clients:
        client.shutdown()
    assert ids(path) == []


def test_the_job_is_asked_for_once_and_all_hear_of_it(server, pair):
    """Answers and the end; the one that is not polled for costs no request."""
    first, second = (client.submit("job-1") for client in pair)
    heard = [told(first), told(second)]
    assert all(event.wait(PATIENCE) for event in heard)
    assert second.report.status == "pending"
    server.job("job-1", duration=0)
    assert first.result(PATIENCE) == second.result(PATIENCE) == "completed"
    assert second.report == first.report
    assert len(server.requests) == first.attempts
    assert 0 < second.attempts <= first.attempts + 1


def test_each_has_its_own_deadline(pair):
    """That of a follower ends it alone; that of the leader has another one polled for."""
    leader = pair[0].submit("job-1", max_wait_time=0.6)
    short = pair[1].submit("job-1", max_wait_time=0.1)
    long = pair[1].submit("job-1")
    assert short.result(PATIENCE) == "timeout"
    assert not leader.done()
    assert leader.result(PATIENCE) == "timeout"
    assert told(long).wait(PATIENCE)
    assert not long.done()
    assert (short.end.limit, leader.end.limit) == ("max_wait_time", "max_wait_time")


def test_each_has_its_own_max_attempts(pair):
    """A follower's counts the answers that it was told."""
    leader = pair[0].submit("job-1")
    follower = pair[1].submit("job-1", max_attempts=2)
    assert follower.result(PATIENCE) == "timeout"
    assert (follower.end.limit, follower.attempts) == ("max_attempts", 2)
    assert not leader.done()


def test_a_leader_that_has_no_attempts_left_leaves_the_job_to_the_others(server, pair):
    """They go on with attempts of their own."""
    leader = pair[0].submit("job-1", max_attempts=3)
    follower = pair[1].submit("job-1")
    assert leader.result(PATIENCE) == "timeout"
    assert told(follower).wait(PATIENCE)
    server.job("job-1", duration=0)
    assert follower.result(PATIENCE) == "completed"


def test_cancel_of_the_leader_detaches_it(server, pair, path):
    """The others go on; the last one's ends the wait."""
    leader, second, third = (client.submit("job-1") for client in (*pair, pair[1]))
    assert leader.cancel()
    assert told(second).wait(PATIENCE)
    assert second.cancel()
    assert told(third).wait(PATIENCE)
    assert ids(path) == ["job-1"]
    assert third.cancel()
    for client in pair:
        client.shutdown()
    assert ids(path) == []
    assert not any(future.report is None for future in (second, third))


def test_a_rejected_job_ends_all(server, pair):
    """Each with an error of its own."""
    server.job("job-1", faults={number: Fault.http(404) for number in range(1, 100)})
    first, second = (client.submit("job-1") for client in pair)
    errors = [future.exception(PATIENCE) for future in (first, second)]
    assert [type(error) for error in errors] == [JobNotFoundError] * 2
    assert errors[0] is not errors[1]
    assert str(errors[0]) == str(errors[1])
    assert {error.job_id for error in errors} == {"job-1"}


def test_followers_hear_in_order_and_one_at_a_time(server, pair):
    """Of each answer at most once, and of none after the end."""
    server.job("job-1", duration=0.6, progress=True)
    heard, at_once, most = [], [], []

    def note(future):
        at_once.append(None)
        most.append(len(at_once))
        heard.append(future.report.progress)
        at_once.pop()

    leader, follower = (client.submit("job-1") for client in pair)
    follower.add_update_callback(note)
    ends = []
    follower.add_done_callback(lambda _: ends.append(len(heard)))
    assert follower.result(PATIENCE) == "completed"
    assert leader.result(PATIENCE) == "completed"
    readings = [progress for progress in heard if progress is not None]
    assert readings == sorted(readings)
    assert set(most) == {1}
    pair[1].shutdown(wait=True, cancel_futures=True)
    assert ends == [len(heard)]


def test_a_follower_that_blocks_holds_up_nobody(server, pair):
    """Neither the leader nor another follower."""
    go_on, blocks = threading.Event(), threading.Event()

    def block(_):
        blocks.set()
        assert go_on.wait(PATIENCE)

    leader = pair[0].submit("job-1")
    blocked = pair[1].submit("job-1")
    other = pair[1].submit("job-1")
    blocked.add_update_callback(block)
    assert blocks.wait(PATIENCE)
    server.job("job-1", duration=0)
    try:
        assert leader.result(PATIENCE) == "completed"
        assert other.result(PATIENCE) == "completed"
    finally:
        go_on.set()
    assert blocked.result(PATIENCE) == "completed"


def test_a_job_may_be_submitted_again_after_its_end(server, pair, path):
    """Though that was not fetched: the new wait is another one, and the old end stays as it was."""
    first = pair[0].submit("quick")
    assert concurrent.futures.wait([first], PATIENCE).done
    second = pair[1].submit("quick")
    assert second.result(PATIENCE) == first.result(0) == "completed"
    assert second.submitted_at >= first.submitted_at
    for client in pair:
        client.shutdown()
    assert ids(path) == []


def test_who_joins_at_the_end_has_an_end(server, pair, path):
    """Whichever of the two comes first, again and again."""
    for number in range(3):
        server.job(f"job-{number}", duration=0.1)
        leader = pair[0].submit(f"job-{number}")
        ended = threading.Event()
        leader.add_done_callback(lambda _, ended=ended: ended.set())
        leader.poll_now()
        assert pair[1].submit(f"job-{number}").result(PATIENCE) == "completed"
        assert ended.wait(PATIENCE)
    for client in pair:
        client.shutdown()
    assert ids(path) == []


def test_a_client_that_is_dropped_leaves_the_job_to_the_others(server, path, make):
    """As a process that has died does."""
    dropped = VideoTranslationClient(server.url, **QUICK, store=path)
    future = dropped.submit("job-1")
    follower = make().submit("job-1")
    future.cancel()
    del dropped, future
    assert told(follower).wait(PATIENCE)
    server.job("job-1", duration=0)
    assert follower.result(PATIENCE) == "completed"


def take_all_for_dead(path):
    """As another process does that has seen no life of theirs for as long as the lease."""
    file = File(str(path))
    file.connect(PATIENCE)
    with file.transaction():
        change = file.next_change()
        for owner in file.owners():
            file.bury(owner.id, change)
    file.disconnect()


def test_clients_that_were_taken_for_dead_take_part_again(server, make, path):
    """The one that polled and the one that followed; each future ends, once."""
    leader = make().submit("job-1")
    follower = make().submit("job-1")
    assert told(follower).wait(PATIENCE)
    take_all_for_dead(path)
    for _ in range(2):  # the first may have been on its way
        assert told(follower).wait(PATIENCE)
    server.job("job-1", duration=0)
    assert leader.result(PATIENCE) == follower.result(PATIENCE) == "completed"
    assert make().resume() == {}


@pytest.mark.parametrize("is_lasting", [False, True])
def test_who_follows_polls_for_itself_where_the_file_is_lost(server, make, path, is_lasting):
    """Nothing can be heard of the other client any more."""
    leader = make().submit("job-1")
    follower = make().submit("job-1")
    assert told(follower).wait(PATIENCE)
    for file in path.parent.iterdir():
        file.unlink()
    if is_lasting:
        path.write_text("no database")
    assert leader.cancel()
    server.job("job-1", duration=0)
    assert follower.result(PATIENCE) == "completed"
