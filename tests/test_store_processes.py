"""Processes that share a store: they are killed, fork, hang, exit, or are interrupted.

Each is a process of its own that says in lines what it does, and is told in lines to go on.
"""

import concurrent.futures
import os
import signal
import subprocess
import sys
import textwrap
import threading

import pytest
from conftest import PATIENCE, QUICK, communicate_after, measured

from video_translation_client.store import Store
from video_translation_client.testing import MockServer

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")

SLOW = {"initial_wait_time": 1000, "max_interval": 1000, "max_wait_time": None}

# The alarm ends a process that hangs, so that its parent sees it and nothing is left behind.
BEGINNING = f"""
import concurrent.futures
import ctypes
import gc
import itertools
import multiprocessing
import os
import queue
import signal
import sys
import threading
import warnings

from video_translation_client import VideoTranslationClient, VideoTranslationError
from video_translation_client.store import Store

warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
url, path = sys.argv[1:3]
SLOW = {SLOW!r}
PATIENCE = {PATIENCE}
signal.alarm(2 * PATIENCE)
signal.signal(signal.SIGINT, signal.default_int_handler)


def make_client(**arguments):
    return VideoTranslationClient(url, **{{"store": path, **{QUICK!r}, **arguments}})


def ids():
    return sorted(wait.job_id for wait in Store(path).waits())


def said(*words):
    print(*words, flush=True)


def in_fork(function, fork=os.fork):
    sys.stdout.flush()
    pid = fork()
    if pid:
        return pid
    status = 1
    signal.alarm(PATIENCE)
    try:
        function()
        status = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        os._exit(status)


def ends_well(*pids):
    for pid in pids:
        status = os.waitpid(pid, 0)[1]
        assert status == 0, status


def until_polled(*futures):
    for future in futures:
        polled = threading.Event()
        future.add_update_callback(lambda future: polled.set())
        if future.report is None:
            assert polled.wait(PATIENCE)


def assert_disowned(future):
    error = future.exception(PATIENCE)
    assert type(error) is VideoTranslationError, error
    assert "the process is a fork" in str(error)
"""


@pytest.fixture
def server():
    """A mock server in real time; a job "quick" is done, the others last."""
    with MockServer(duration=1000) as server:
        server.job("quick", duration=0)
        yield server


@pytest.fixture
def begin(server, path, tmp_path):
    """Starts a program as a process with the store."""
    processes = []

    def begin(program, is_measured=True):
        program, environment = BEGINNING + textwrap.dedent(program), dict(os.environ)
        if is_measured:
            program, environment = measured(program)
        script = tmp_path / f"program_{len(processes)}.py"
        script.write_text(program)
        processes.append(
            subprocess.Popen(
                [sys.executable, str(script), server.url, str(path)],
                env={**environment, "PYTHONWARNINGS": "error"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                universal_newlines=True,
            )
        )
        return processes[-1]

    yield begin
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def run(begin):
    """Runs a program that must end well and print nothing but what it returns."""

    def run(program, is_measured=True):
        process = begin(program, is_measured)
        output, errors = process.communicate(timeout=3 * PATIENCE)
        assert (process.returncode, errors) == (0, "")
        return output

    return run


class Taker:
    """Takes over what others have left, as ``on_future``."""

    def __init__(self):
        self.futures = {}
        self._taken = threading.Semaphore(0)

    def __call__(self, future):
        assert future.job_id not in self.futures
        self.futures[future.job_id] = future
        self._taken.release()

    def until(self, count):
        """Returns the futures once there are so many."""
        while len(self.futures) < count:
            assert self._taken.acquire(timeout=PATIENCE)
        return self.futures


def hear(process, words):
    """Waits until a process says something."""
    line = process.stdout.readline()
    assert line == f"{words}\n", line or process.communicate()[1]


def kill(process):
    """Ends a process at once; nothing of its own runs any more."""
    process.kill()
    process.wait()


def ids(path):
    """The jobs in a store."""
    return sorted(wait.job_id for wait in Store(path).waits())


def test_a_process_that_hangs_is_taken_over_and_comes_back(begin, make, server, path):
    """All futures end once, in both: what ended meanwhile, what goes on, and what nobody took."""
    taker, client = Taker(), make(store=Store(path, lease=3), **SLOW)
    own = client.submit("job-4")
    process = begin(
        """
        store, ends = Store(path, lease=3), []
        client, other = make_client(store=store, **SLOW), make_client(store=store, account="other")
        futures = client.submit_all(["job-1", "job-2", "job-3", "job-4"])
        futures.append(other.submit("job-5"))
        for future in futures:
            future.add_done_callback(ends.append)
        until_polled(*futures)
        said("polled")
        sys.stdin.readline()
        concurrent.futures.wait(futures, PATIENCE)
        assert [future.status for future in futures] == ["completed"] * 5, futures
        client.shutdown()
        other.shutdown()
        assert sorted(ends, key=id) == sorted(futures, key=id)
        """
    )
    hear(process, "polled")
    process.send_signal(signal.SIGSTOP)
    client.resume(taker)
    first, second, third, fourth = (taker.until(4)[f"job-{number}"] for number in (1, 2, 3, 4))
    for future in (first, second, own):
        server.job(future.job_id, duration=0)
        future.poll_now()
    assert concurrent.futures.wait([first, second, fourth], PATIENCE).not_done == set()
    for future in (second, own, fourth):  # so that the store forgets it
        assert future.result() == "completed"
    while ids(path) != ["job-1", "job-3", "job-5"]:
        pass
    for job_id in ("job-3", "job-5"):
        server.job(job_id, duration=0)
    process.send_signal(signal.SIGCONT)
    process.stdin.write("go on\n")
    process.stdin.flush()
    third.poll_now()
    assert first.result(PATIENCE) == third.result(PATIENCE) == "completed"
    output, errors = process.communicate(timeout=2 * PATIENCE)
    assert (process.returncode, output, errors) == (0, "", "")
    client.shutdown()
    assert ids(path) == []


def test_a_child_that_ends_as_any_process_leaves_its_waits(run):
    """To be found by its parent."""
    run(
        """
        client = make_client()
        until_polled(client.submit("job-1"))
        pid = os.fork()
        if pid:
            ends_well(pid)
            resumed = client.resume()
            assert list(resumed) == ["job-2"]
            client.shutdown(cancel_futures=True)
            assert ids() == ["job-1", "job-2"]
        else:
            until_polled(client.submit("job-2"))
        """
    )


def test_what_killed_processes_waited_for_is_taken_over(begin, make, server, path):
    """Each wait once, with its attempts and time, by who has resumed."""
    program = """
    client = make_client()
    mine = client.submit_all(f"{sys.argv[0]}/{number}" for number in range(10))
    until_polled(client.submit("shared"), *mine)
    said("polled")
    sys.stdin.read()
    """
    processes = [begin(program, is_measured=False) for _ in range(3)]
    for process in processes:
        hear(process, "polled")
    waits = {wait.job_id: wait for wait in Store(path).waits()}
    assert len(waits) == 31
    client, taker = make(), Taker()
    assert client.resume(taker) == {}
    for process in processes:
        kill(process)
    futures = taker.until(31)
    assert futures.keys() == waits.keys()
    for job_id, future in futures.items():
        assert future.submitted_at == waits[job_id].submitted_at
        assert future.attempts >= waits[job_id].attempts
        assert future.elapsed >= waits[job_id].elapsed
        server.job(job_id, duration=0)
    assert {future.result(PATIENCE) for future in futures.values()} == {"completed"}
    client.shutdown()
    assert ids(path) == []


def test_who_follows_goes_on_alone_when_the_leader_is_killed(begin, make, server, path):
    """Without a call, and with its own future."""
    process = begin(
        """
        until_polled(make_client().submit("job-1"))
        said("polled")
        sys.stdin.read()
        """,
        is_measured=False,
    )
    hear(process, "polled")
    client = make()
    future = client.submit("job-1")
    kill(process)
    server.job("job-1", duration=0)
    assert future.result(PATIENCE) == "completed"
    # The one that was killed has heard of no end.
    assert client.resume()["job-1"].result(PATIENCE) == "completed"


def test_poll_now_reaches_the_process_that_polls(begin, make, server):
    """From one that waits for the job, and from one that does not."""
    process = begin(
        """
        client = make_client(**SLOW)
        future = client.submit("job-1")
        until_polled(future)
        said("polled")
        assert future.result(PATIENCE) == "completed"
        assert future.attempts == 1
        client.shutdown()
        """
    )
    hear(process, "polled")
    polls = len(server.requests)
    follower = make().submit("job-1")
    polled = threading.Event()
    follower.add_update_callback(lambda _: polled.set())
    follower.poll_now()
    assert polled.wait(PATIENCE)
    assert len(server.requests) == polls + 1
    server.job("job-1", duration=0)
    make().poll_now("job-1")
    assert process.communicate(timeout=PATIENCE) == ("", "")
    assert follower.result(PATIENCE) == "completed"
    assert len(server.requests) == polls + 2


def test_remote_cancel_leaves_the_wait_to_those_that_go_on(begin, make, server, path):
    """The process that polled has cancelled; another one that follows polls from then on."""
    process = begin(
        """
        client = make_client()
        future = client.submit("job-1")
        until_polled(future)
        said("polled")
        sys.stdin.readline()
        assert future.cancel()
        client.shutdown()
        """
    )
    hear(process, "polled")
    client = make()
    follower = client.submit("job-1")
    assert process.communicate("cancel\n", timeout=PATIENCE) == ("", "")
    server.job("job-1", duration=0)
    assert follower.result(PATIENCE) == "completed"
    client.shutdown()
    assert ids(path) == []


def test_an_exit_leaves_waits_to_be_resumed(begin, make, server, path):
    """Their done-callbacks hear of it, which does not count."""
    process = begin(
        """
        client = make_client()
        for job_id in ("job-1", "job-2"):
            client.submit(job_id).add_done_callback(lambda future: said(future.status.value))
        until_polled(client.submit("job-1"))
        """
    )
    assert process.communicate(timeout=PATIENCE) == ("abandoned\nabandoned\n", "")
    assert [wait.is_waited_for for wait in Store(path).waits()] == [False, False]
    for job_id in ("job-1", "job-2"):
        server.job(job_id, duration=0)
    resumed = make().resume()
    assert {future.result(PATIENCE) for future in resumed.values()} == {"completed"}
    assert resumed.keys() == {"job-1", "job-2"}


@pytest.mark.parametrize(
    "waiting",
    [
        "make_client().get_status('job-1', on_update=lambda _: said('polled'))",
        """
        with make_client() as client:
            client.submit('job-1', on_update=lambda _: said('polled'))
            threading.Event().wait()
        """,
        """
        future = make_client().submit('job-1', on_update=lambda _: said('polled'))
        future.add_done_callback(lambda future: None)
        future.result()
        """,
    ],
    ids=["get_status", "with", "result"],
)
def test_ctrl_c_leaves_waits_to_be_resumed(begin, make, server, path, waiting):
    """Whatever the main thread waits in."""
    process = begin(
        f"signal.signal(signal.SIGINT, signal.default_int_handler)\n{textwrap.dedent(waiting)}"
    )
    hear(process, "polled")
    errors = communicate_after(signal.SIGINT, process)[1]
    assert errors.splitlines()[-1] == "KeyboardInterrupt"
    assert errors.count("Traceback") == 1, errors
    assert ids(path) == ["job-1"]
    server.job("job-1", duration=0)
    assert make().resume()["job-1"].result(PATIENCE) == "completed"


def test_who_goes_on_after_ctrl_c_in_get_status_may_resume_it(begin, server):
    """In the same process; other waits of it notice nothing."""
    process = begin(
        """
        client = make_client()
        other = client.submit("job-1")
        try:
            client.get_status("job-2", on_update=lambda _: said("polled"))
        except KeyboardInterrupt:
            resumed = client.resume()
            said(*resumed, other.done())
            assert resumed["job-2"].cancel() and other.cancel()
            client.shutdown()
            said(ids())
        """
    )
    hear(process, "polled")
    output, errors = communicate_after(signal.SIGINT, process)
    assert (output.splitlines()[-2:], errors) == (["job-2 False", "[]"], "")


def test_a_child_waits_for_the_jobs_of_its_parent(run, server):
    """Its copies of futures end; it may attach to the waits, which the parent goes on with."""
    assert (
        run(
            """
        client = make_client()
        futures = client.submit_all(["job-1", "job-2"])
        futures[0].add_done_callback(lambda future: said("done in", os.getpid() == parent))
        until_polled(*futures)
        parent = os.getpid()

        def child():
            for future in futures:
                assert_disowned(future)
            assert client.resume() == {}
            again = client.submit("job-1")
            until_polled(again)
            assert client.get_status("quick") == "completed"
            assert again.cancel()
            client.shutdown()

        ends_well(in_fork(child))
        assert not futures[0].done()
        assert ids() == ["job-1", "job-2"]
        assert futures[0].cancel()
        client.shutdown(cancel_futures=True)
        said(*ids())
        """
        )
        == "done in True\njob-2\n"
    )


def test_a_child_that_is_killed_is_taken_over_by_its_parent(run):
    """And the other way round it would be, as all processes are equal."""
    run(
        """
        client = make_client()
        taken, found = threading.Event(), []
        client.resume(lambda future: (found.append(future), taken.set()))

        def child():
            future = client.submit("job-1")
            until_polled(future)
            os.kill(os.getpid(), signal.SIGKILL)

        assert os.waitpid(in_fork(child), 0)[1] == signal.SIGKILL
        assert taken.wait(PATIENCE)
        (future,) = found
        assert future.job_id == "job-1" and not future.done()
        assert future.cancel()
        client.shutdown()
        assert ids() == []
        """
    )


def test_preforked_workers_share_the_work(run):
    """Of a server that makes its client before it forks; what a worker leaves, its sibling does."""
    run(
        """
        client = make_client()

        def first():
            futures = client.submit_all(["job-1", "job-2", "quick"])
            until_polled(*futures[:2])
            os.write(ready, b"x")
            signal.pause()

        def second():
            taken = threading.Semaphore(0)
            client.resume(lambda future: taken.release())
            follower = client.submit("job-1")
            until_polled(follower)
            os.write(ready, b"x")
            for _ in range(3):
                assert taken.acquire(timeout=PATIENCE)
            assert not follower.done()
            client.shutdown(cancel_futures=True)

        read, ready = os.pipe()
        workers = [in_fork(first)]
        os.read(read, 1)
        workers.append(in_fork(second))
        os.read(read, 1)
        os.kill(workers[0], signal.SIGKILL)
        ends_well(workers[1])
        assert os.waitpid(workers[0], 0)[1] == signal.SIGKILL
        assert ids() == ["job-1", "job-2", "quick"]
        resumed = client.resume()
        assert resumed["quick"].result(0) == "completed"
        client.shutdown(cancel_futures=True)
        """
    )


def test_forks_while_submits_are_under_way(run):
    """No child inherits what they were amid, and none of the waits is lost."""
    run(
        """
        client = make_client()
        is_over = threading.Event()

        def submit(name):
            number = 0
            while not is_over.is_set():
                futures.append(client.submit(f"{name}/{number}"))
                number += 1

        def child():
            assert client.get_status("quick") == "completed"
            own = VideoTranslationClient(url, store=path)
            assert own.submit("quick").result(PATIENCE) == "completed"
            own.shutdown()

        futures = []
        threads = [threading.Thread(target=submit, args=(name,)) for name in "ab"]
        for thread in threads:
            thread.start()
        for _ in range(5):
            ends_well(in_fork(child))
        is_over.set()
        for thread in threads:
            thread.join()
        assert not any(future.done() for future in futures)
        assert ids() == sorted(future.job_id for future in futures)
        for future in futures:
            assert future.cancel()
        client.shutdown()
        assert ids() == []
        """,
        is_measured=False,
    )


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_processes_of_multiprocessing(run, method):
    """Each makes its own client; they follow what their parent waits for."""
    run(
        f"""
        def work(number):
            client = make_client()
            future = client.submit("job-1")
            until_polled(future)
            future.cancel()
            result = client.get_status("quick")
            client.shutdown()
            return result

        if __name__ == "__main__":
            client = make_client()
            future = client.submit("job-1")
            until_polled(future)
            with multiprocessing.get_context({method!r}).Pool(2) as pool:
                assert pool.map(work, range(2)) == ["completed"] * 2
            assert not future.done()
            client.shutdown(cancel_futures=True)
            assert ids() == ["job-1"]
        """,
        is_measured=False,
    )


def test_a_native_fork_that_python_does_not_hear_of(run):
    """The child may look into the file; what the parent has open of it stays as it was."""
    run(
        """
        client = make_client(**SLOW)
        until_polled(client.submit("job-1"))
        sys.setswitchinterval(PATIENCE)

        def child():
            assert ids() == ["job-1"]
            gc.collect()

        # A lock of SQLite or the interpreter that another thread holds or wants in the midst of
        # such a fork is held or wanted for ever in the child: here the others are at rest.
        for _ in range(5):
            future = client.submit("job-1")  # returns once all that was to be written is
            ends_well(in_fork(child, ctypes.PyDLL(None).fork))
        sys.setswitchinterval(0.005)
        client.submit_all(["job-1", "job-2"])
        assert not future.done()
        client.shutdown(cancel_futures=True)
        assert ids() == ["job-1", "job-2"]
        """,
        is_measured=False,
    )


def test_submits_by_a_signal_handler_and_by_finalizers(run):
    """In the midst of other submits, wherever they come."""
    run(
        """
        class Finalizer:
            def __init__(self):
                self.me = self

            def __del__(self):
                if client is not None and len(by_finalizer) < 50:
                    by_finalizer.append(client.submit(f"finalizer/{next(numbers)}"))

        def handle(*_):
            by_handler.append(client.submit(f"handler/{next(numbers)}"))
            if len(by_handler) < 20:  # not before: it may take longer than the timer
                signal.setitimer(signal.ITIMER_REAL, 0.005)

        client, by_finalizer, by_handler = make_client(), [], []
        numbers = itertools.count()
        gc.set_threshold(20)
        signal.signal(signal.SIGALRM, handle)
        signal.setitimer(signal.ITIMER_REAL, 0.005)
        futures = []
        while len(by_handler) < 20 or len(by_finalizer) < 20:
            Finalizer()
            futures.append(client.submit(f"plain/{next(numbers)}"))
        gc.disable()
        begun = next(numbers)
        while len(futures) + len(by_finalizer) + len(by_handler) < begun:
            until_polled(futures[-1])  # finalizers run on any thread, and some still do
        futures += by_finalizer + by_handler
        until_polled(*futures)
        assert ids() == sorted(future.job_id for future in futures)
        for future in futures:
            assert future.cancel()
        client.shutdown()
        client = None
        assert ids() == []
        """,
        is_measured=False,
    )


def test_ctrl_c_in_submit_all_takes_nothing_from_the_store(begin):
    """What others have left, and it has begun to wait for, is still to be resumed."""
    process = begin(
        """
        came = queue.SimpleQueue()

        def interrupt(*_):
            signal.signal(signal.SIGUSR1, signal.SIG_IGN)
            came.put(None)
            raise KeyboardInterrupt

        def first(polled):  # those after it are still to be taken in
            polled.append(None)
            os.kill(os.getpid(), signal.SIGUSR1)

        jobs = [f"job-{number:04}" for number in range(2500)]
        client = make_client(**SLOW)
        client.submit_all(jobs)
        client.shutdown(cancel_futures=True)
        assert ids() == jobs
        for _ in range(2):
            polled = []
            signal.signal(signal.SIGUSR1, interrupt)
            client = make_client(**SLOW, on_event=lambda _: polled or first(polled))
            try:
                client.submit_all(jobs)
                came.get()
            except KeyboardInterrupt:
                pass
            client.shutdown(cancel_futures=True)
            assert ids() == jobs
        """,
        is_measured=False,
    )
    # Python itself ignores an interruption of a finalizer, and says so.
    _, errors = process.communicate(timeout=3 * PATIENCE)
    assert process.returncode == 0, errors
