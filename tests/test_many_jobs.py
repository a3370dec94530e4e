"""Many jobs are submitted in one call, and come back as they end."""

import concurrent.futures
import threading

import pytest
from conftest import PATIENCE

from video_translation_client import StatusFuture, VideoTranslationClient
from video_translation_client.testing import MockServer, VirtualClock


@pytest.fixture
def heygen(clock):
    """HeyGen's language on the virtual clock."""
    with MockServer(service="heygen", clock=clock, duration=100) as server:
        yield server


def names(count):
    """The names of so many jobs."""
    return [f"job-{number}" for number in range(count)]


@pytest.mark.parametrize("kind", [list, tuple, iter, dict.fromkeys])
def test_submit_all_gives_a_future_for_each_job_in_their_order(make_client, kind):
    """Of anything that can be gone through, an iterator too; the same job may come twice."""
    futures = make_client().submit_all(kind(["b", "a", "c"]), on_update=print)
    assert [future.job_id for future in futures] == ["b", "a", "c"]
    assert {future.result(PATIENCE) for future in futures} == {"completed"}


def test_submit_all_of_nothing_gives_nothing(make_client):
    """A list of jobs may be empty on some days."""
    assert make_client().submit_all([]) == []


def test_a_job_may_come_twice(make_client):
    """As two submits of it would."""
    first, second = make_client().submit_all(["a", "a"])
    assert first is not second
    assert first.result(PATIENCE) == second.result(PATIENCE) == "completed"


def test_update_callbacks_and_hints_are_those_of_each_job(server, make_client, clock):
    """All arguments but the ids hold for every one."""
    told = []
    server.job("a", duration=3)
    with clock.paused():
        futures = make_client().submit_all(["a", "b"], told.append, age=1, expected=9, group="x")
    concurrent.futures.wait(futures, PATIENCE)
    assert told.count("completed") == 2
    assert [future.end.expected for future in futures] == [9, 9]
    assert [(future.end.age, future.end.group) for future in futures] == [(1, "x")] * 2


@pytest.mark.parametrize(
    ("job_ids", "message"),
    [
        (["a", ""], r"^job_ids\[1\] must not be ''"),
        (["a", ".."], r"^job_ids\[1\] must not be '..'"),
        (["a", "b", 7], r"^job_ids\[2\] must be a str or None, not 7"),
        ([None], r"^job_ids\[0\] must be a str, not None"),
        (["a", "x" * 70_000], r"^job_ids\[1\] must fit into a URL"),
        ("job-1", r"^job_ids must be an iterable of job ids, not 'job-1'; pass \[job_id\] for one"),
        (b"job-1", r"^job_ids must be an iterable of job ids, not b'job-1'"),
        (None, r"^job_ids must be an iterable of job ids, not NoneType"),
    ],
)
@pytest.mark.parametrize("call", ["submit_all", "check"])
def test_all_ids_are_checked_before_the_first_is_asked_for(
    server, make_client, call, job_ids, message
):
    """A plain str would be taken for jobs of one letter each."""
    with pytest.raises((TypeError, ValueError), match=message):
        getattr(make_client(), call)(job_ids)
    assert server.requests == []


def test_an_error_in_the_users_own_iterator_is_theirs(make_client):
    """It is not taken for a wrong argument."""

    def broken():
        yield "a"
        raise TypeError("mine")

    with pytest.raises(TypeError, match=r"^mine$"):
        make_client().submit_all(broken())


def test_what_is_wrong_beside_the_ids_is_refused_as_well(server, make_client):
    """Also where there is no job."""
    client = make_client()
    with pytest.raises(TypeError, match="^on_update must be callable"):
        client.submit_all([], on_update=5)
    with pytest.raises(ValueError, match="^expected must be a number above 0"):
        client.submit_all([], expected=0)
    assert server.requests == []


def test_jobs_that_are_submitted_together_fill_requests_from_the_first_on(heygen, clock):
    """A thousand take ten requests, though nothing holds the clock."""
    with VideoTranslationClient(
        heygen.url, service="heygen", api_key="key", clock=clock, max_concurrency=1
    ) as client:
        futures = client.submit_all(names(1000))
        assert {future.result(PATIENCE) for future in futures} == {"completed"}
    assert [len(request.polls) for request in heygen.requests[:10]] == [100] * 10


def test_a_hundred_thousand_jobs_are_submitted_and_come_back(server, make_client):
    """Each once, whatever ends it."""
    client = make_client(max_rate=1)
    futures = client.submit_all(names(100_000))
    client.shutdown(wait=False, cancel_futures=True)
    ended = list(client.as_completed(futures, PATIENCE))
    assert len(ended) == 100_000
    assert set(ended) == set(futures)


def test_a_closed_client_takes_none_of_many(make_client):
    """As for a single job; none is left behind."""
    client = make_client()
    client.shutdown()
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        client.submit_all(["a", "b"])


def test_an_interrupted_submit_all_leaves_no_wait_behind(server, make_client, clock):
    """Whoever has no futures could not cancel them."""
    client = make_client(clock=Interrupting(clock))
    with clock.paused(), pytest.raises(KeyboardInterrupt):
        client.submit_all(names(3000))
    client.shutdown()  # would wait for those that were submitted
    assert len(server.requests) < 3000


class Interrupting(VirtualClock):
    """A clock on which Ctrl-C is pressed when a future is made, once there are many."""

    def __init__(self, clock):
        super().__init__()
        self.left = 2500

    def time(self):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return super().time()


# as_completed


def test_futures_come_in_the_order_in_which_they_end(server, make_client, clock):
    """Not in the order in which they were submitted, nor in that of a set."""
    for number, duration in enumerate([40, 0, 10, 70, 100]):
        server.job(f"job-{number}", duration=duration)
    client = make_client()
    with clock.paused():
        futures = client.submit_all(names(5), max_attempts=None, max_wait_time=None)
    ended = [future.job_id for future in client.as_completed(futures, PATIENCE)]
    assert ended == ["job-1", "job-2", "job-0", "job-3", "job-4"]
    again = [future.job_id for future in client.as_completed(iter(futures), 0)]
    assert again == ended


def test_each_future_comes_once(make_client):
    """Also where it is given twice; what it is given for is nothing but futures of the library."""
    client = make_client()
    futures = client.submit_all(["a", "b"])
    given = [*client.as_completed(futures * 3)]
    assert sorted(map(str, given)) == sorted(map(str, futures))
    assert all(isinstance(future, StatusFuture) for future in given)
    assert [*client.as_completed([])] == []


def test_futures_of_several_clients_may_be_mixed(server, make_client, clock):
    """A program may speak to several services."""
    server.job("slow", duration=50)
    server.job("fast", duration=2)
    one, other = make_client(), make_client()
    with clock.paused():
        futures = [one.submit("slow"), other.submit("fast")]
    assert [future.job_id for future in one.as_completed(futures)] == ["fast", "slow"]


def test_one_that_ends_while_others_are_looked_at_keeps_its_place(server, make_client, clock):
    """They are heard of from the call on, not from the first look at the iterator."""
    for number, duration in enumerate([0, 50, 5, 20]):
        server.job(f"job-{number}", duration=duration)
    client = make_client()
    with clock.paused():
        futures = client.submit_all(names(4))
        clock.advance(1)
        ends = client.as_completed(futures, PATIENCE)
        assert next(ends).job_id == "job-0"
        clock.advance(100)
    assert [future.job_id for future in ends] == ["job-2", "job-3", "job-1"]


def test_a_timeout_says_how_many_have_not_ended(server, make_client, clock):
    """What has ended comes first; the others go on."""
    server.job("slow", duration=50)
    server.job("fast", duration=0)
    client = make_client()
    with clock.paused():
        futures = client.submit_all(["slow", "fast"])
        assert futures[1].result(PATIENCE) == "completed"
        ends = client.as_completed(futures, timeout=0)
        assert next(ends) is futures[1]
        with pytest.raises(concurrent.futures.TimeoutError, match="^1 of 2 waits have not ended$"):
            next(ends)
    assert futures[0].result(PATIENCE) == "completed"


@pytest.mark.parametrize(
    ("futures", "timeout", "message"),
    [
        ([concurrent.futures.Future()], None, "^futures must be a .*StatusFuture, not Future"),
        ("futures", None, "^futures must be an iterable of futures"),
        (5, None, "^futures must be an iterable of futures, not int"),
        ([], -1, "^timeout must be a number, 0 or more, not -1"),
        ([], "5", "^timeout must be a number"),
    ],
)
def test_what_is_not_futures_is_refused_at_the_call(make_client, futures, timeout, message):
    """Not when the iterator is looked at."""
    with pytest.raises((TypeError, ValueError), match=message):
        make_client().as_completed(futures, timeout)


def test_as_completed_may_be_used_in_callbacks_and_by_many_threads(server, make_client, clock):
    """It takes no lock that an ending future holds."""
    client = make_client()
    seen = []
    over = threading.Event()

    def note(future):
        seen.extend(client.as_completed([future]))
        over.set()

    with clock.paused():
        futures = client.submit_all(names(50))
        futures[0].add_done_callback(note)
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            loops = [pool.submit(lambda: len([*client.as_completed(futures)])) for _ in range(4)]
            clock.advance(100)
            assert [loop.result(PATIENCE) for loop in loops] == [50] * 4
    assert over.wait(PATIENCE)
    assert seen == futures[:1]
