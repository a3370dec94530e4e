"""Forked children: their copies of futures end, their own waits work, the parent notices nothing.

Each fork is in a process of its own, because the tests' process has threads of others. Python
3.12 and later warn of any fork beside threads, which is what is tested here.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest
import requests
from conftest import PATIENCE, python_command
from gunicorn.config import Config

from video_translation_client.testing import Fault, MockServer

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")

# The alarm ends a child that hangs, so that its parent sees it and nothing is left behind.
BEGINNING = f"""
import gc
import multiprocessing
import os
import signal
import sys
import threading
import warnings

import requests

from video_translation_client import VideoTranslationClient, VideoTranslationError

warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
url = sys.argv[1]
PATIENCE = {PATIENCE}


def in_fork(function):
    sys.stdout.flush()
    pid = os.fork()
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


def ends_well(pid):
    status = os.waitpid(pid, 0)[1]
    assert status == 0, status


def assert_disowned(future):
    assert future.done() and not future.cancelled()
    error = future.exception(0)
    assert type(error) is VideoTranslationError, error
    assert "the process is a fork" in str(error)
    assert "to keep waiting, submit the same job id again" in str(error)
    assert error.job_id == future.job_id


def until_polled(*futures):
    for future in futures:
        polled = threading.Event()
        future.add_update_callback(lambda future: polled.set())
        if future.report is None:
            assert polled.wait(PATIENCE)


def make_client(**arguments):
    arguments = dict(max_attempts=None, max_wait_time=None, initial_wait_time=0.02,
                     backoff_factor=1, jitter=0, request_timeout=3600, **arguments)
    return VideoTranslationClient(url, **arguments)
"""


@pytest.fixture
def server():
    """A mock server on the real clock; a job "quick" is done, a job "stuck" never answers."""
    with MockServer(duration=1000) as server:
        server.job("quick", duration=0)
        for name in ("refused-1", "refused-2"):
            server.job(name, duration=0, faults={1: Fault.http(429)})
        server.job("stuck", faults={number: Fault.slow(1000) for number in range(1, 100)})
        yield server


def plain(*arguments):
    """A process whose lines are not counted: a child would inherit locks of those who count."""
    return [sys.executable, *arguments]


@pytest.fixture
def run(server, tmp_path):
    """Runs a program that forks; it must end well and print nothing but what it returns."""

    def run(program, measured=True):
        script = tmp_path / "program.py"
        script.write_text(BEGINNING + textwrap.dedent(program))
        done = subprocess.run(
            (python_command if measured else plain)(str(script), server.url),
            env={**os.environ, "PYTHONWARNINGS": "error"},
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    return run


def test_a_childs_copy_of_a_future_ends_and_says_why(run):
    """Whatever waits on it goes on: result, cancel, callbacks added now; its old ones never run."""
    printed = run(
        """
        from concurrent.futures import as_completed, wait

        client = make_client()
        future = client.submit("job-1", on_update=lambda status: None)
        future.add_done_callback(lambda future: print("done in", os.getpid(), flush=True))
        until_polled(future)

        def child():
            assert_disowned(future)
            assert not future.cancel()
            future.poll_now()
            assert future.next_poll is None
            assert "done" in repr(future)
            assert list(as_completed([future], PATIENCE)) == [future]
            assert wait([future], PATIENCE).done == {future}
            added = []
            future.add_done_callback(added.append)
            assert added == [future]
            client.shutdown(cancel_futures=True)

        ends_well(in_fork(child))
        assert not future.done()
        print(os.getpid())
        client.shutdown(cancel_futures=True)
        """
    )
    pid, line = printed.splitlines()
    assert line == f"done in {pid}"


@pytest.mark.parametrize("session", ["None", "requests.Session()"], ids=["own", "the user's"])
def test_new_waits_work_in_a_child_and_the_parents_go_on(run, session):
    """With requests in flight and connections in the pool at the fork."""
    run(
        f"""
        session = {session}
        client = make_client(session=session)
        stuck = client.submit("stuck")
        waiting = client.submit("waiting")
        until_polled(waiting)

        def child():
            assert_disowned(stuck)
            assert_disowned(waiting)
            assert client.get_status("quick") == "completed"
            again = client.submit("waiting")
            until_polled(again)
            client.shutdown(cancel_futures=True)
            assert again.cancelled()

        ends_well(in_fork(child))
        before = waiting.attempts
        assert client.get_status("quick") == "completed"
        polled = threading.Semaphore(0)
        waiting.add_update_callback(lambda future: polled.release())
        for _ in range(3):
            assert polled.acquire(timeout=PATIENCE)
        assert waiting.attempts > before
        assert waiting.last_error is None
        assert not stuck.done()
        client.shutdown(cancel_futures=True)
        if session is not None:
            session.close()
        """
    )


def test_forks_again_and_again_beside_200_jobs_that_are_polled(run):
    """Whatever a thread of the parent did at that moment, no child inherits its lock."""
    run(
        """
        client = make_client()
        futures = [client.submit(f"job-{number}") for number in range(200)]
        until_polled(*futures)

        def child():
            for future in futures:
                assert_disowned(future)
            assert client.get_status("quick") == "completed"

        for _ in range(20):
            ends_well(in_fork(child))
        assert not any(future.done() for future in futures)
        assert all(future.last_error is None for future in futures)
        assert client.get_status("quick") == "completed"
        client.shutdown(cancel_futures=True)
        """,
        measured=False,
    )


def test_threads_may_fork_at_once(run):
    """Each child starts over, and the parent's locks are free afterwards."""
    run(
        """
        client = make_client()
        future = client.submit("job-1")
        ended = []

        def fork():
            for _ in range(20):
                ended.append(os.waitpid(in_fork(lambda: assert_disowned(future)), 0)[1])

        threads = [threading.Thread(target=fork) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert ended == [0] * 80, ended
        client.shutdown(cancel_futures=True)
        """,
        measured=False,
    )


def test_a_fork_during_the_first_submit_leaves_a_client_that_works(run):
    """Another thread may hold the client's lock then."""
    run(
        """
        def child():
            signal.alarm(PATIENCE)
            assert client.get_status("quick") == "completed"

        for _ in range(10):
            client = make_client()
            thread = threading.Thread(target=client.submit, args=("job-1",))
            thread.start()
            ends_well(in_fork(child))
            thread.join()
            client.shutdown(cancel_futures=True)
        """
    )


def test_a_child_of_a_child(run):
    """Each has its own waits, and copies of those of all before it."""
    run(
        """
        client = make_client()
        first = client.submit("job-1")
        until_polled(first)

        def grandchild():
            assert_disowned(first)
            assert_disowned(second)
            assert client.get_status("quick") == "completed"

        def child():
            global second
            second = client.submit("job-2")
            until_polled(second)
            ends_well(in_fork(grandchild))
            assert not second.done()
            assert client.get_status("quick") == "completed"

        ends_well(in_fork(child))
        assert not first.done()
        client.shutdown(cancel_futures=True)
        """
    )


def test_a_child_hears_of_changes_of_its_own_pace(run):
    """Also if a thread of the parent was just telling of one when it forked."""
    run(
        """
        heard, told, parent = [], threading.Event(), os.getpid()

        def listen(event):
            if type(event).__name__ != "Paced":
                return
            heard.append(event)
            if os.getpid() == parent:
                told.set()
                assert forked.wait(PATIENCE)

        forked = threading.Event()
        client = VideoTranslationClient(url, jitter=0, on_event=listen)
        future = client.submit("refused-1")
        assert told.wait(PATIENCE)

        def child():
            heard.clear()
            assert client.get_status("refused-2") == "completed"
            client.shutdown()
            assert heard

        pid = in_fork(child)
        forked.set()
        ends_well(pid)
        assert future.result(PATIENCE) == "completed"
        """
    )


def test_a_client_that_was_shut_down_stays_so_in_a_child(run):
    """Whether it still waits in the parent or not."""
    run(
        """
        idle, busy = make_client(), make_client()
        assert idle.get_status("quick") == "completed"
        idle.shutdown()
        future = busy.submit("job-1")
        busy.shutdown(wait=False)

        def child():
            assert_disowned(future)
            for client in (idle, busy):
                try:
                    client.submit("quick")
                except RuntimeError as error:
                    assert "after shutdown" in str(error)
                else:
                    raise AssertionError("it took a job")
                client.shutdown()

        ends_well(in_fork(child))
        assert future.cancel()
        busy.shutdown()
        """
    )


def test_the_future_of_a_dropped_client_ends_in_a_child(run):
    """In the parent it goes on."""
    run(
        """
        future = make_client().submit("job-1")
        gc.collect()
        until_polled(future)
        ends_well(in_fork(lambda: assert_disowned(future)))
        assert not future.done()
        assert future.cancel()
        """
    )


def test_a_fork_in_a_with_block_may_leave_it(run):
    """The child waits for its own futures only."""
    run(
        """
        def child():
            with client:
                mine = client.submit("quick")
            assert mine.result() == "completed"

        with make_client() as client:
            future = client.submit("stuck")
            ends_well(in_fork(child))
            future.cancel()
        """
    )


def test_a_fork_in_a_callback(run):
    """Where a pool of processes is started, say."""
    run(
        """
        client = make_client()
        pids = []

        def child():
            assert_disowned(waiting)
            assert client.get_status("quick") == "completed"
            client.shutdown()

        waiting = client.submit("job-1")
        future = client.submit("quick", lambda status: pids.append(in_fork(child)))
        assert future.result() == "completed"
        ends_well(*pids)
        client.shutdown(cancel_futures=True)
        """
    )


def test_a_child_that_ends_with_unfinished_waits_ends_at_once(run):
    """As any process; its own callbacks run, the parent's do not."""
    printed = run(
        """
        client = make_client()
        future = client.submit("stuck")
        future.add_done_callback(lambda future: print("parent's"))
        sys.stdout.flush()
        pid = os.fork()
        if pid:
            ends_well(pid)
            assert not future.done()
            assert client.get_status("quick") == "completed"
        else:
            signal.alarm(PATIENCE)
            mine = client.submit("waiting")
            until_polled(mine)
            mine.add_done_callback(lambda future: print("child's", type(future.exception())))
            client.submit("stuck")
        """
    )
    own, parents = printed.splitlines()
    assert own.startswith("child's <class")
    assert "VideoTranslationError" in own
    assert parents == "parent's"


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_multiprocessing(run, method):
    """A child makes its own client, or with fork uses the one that it has."""
    run(
        f"""
        def work(job_id):
            if {method!r} == "fork":
                assert_disowned(future)
                return str(client.get_status(job_id))
            return str(make_client().get_status(job_id))

        if __name__ == "__main__":
            client = make_client()
            future = client.submit("job-1")
            until_polled(future)
            context = multiprocessing.get_context({method!r})
            pool = context.Pool(2)
            assert pool.map(work, ["quick"] * 8) == ["completed"] * 8
            pool.close()
            pool.join()
            assert not future.done()
            client.shutdown(cancel_futures=True)
        """
    )


def test_a_process_of_multiprocessing_may_leave_waits_behind(run):
    """Its end is not that of an interpreter, but comes as soon."""
    run(
        """
        def work():
            assert_disowned(future)
            until_polled(client.submit("waiting"))
            client.submit("stuck")

        client = make_client()
        future = client.submit("stuck")
        process = multiprocessing.get_context("fork").Process(target=work)
        process.start()
        process.join(PATIENCE)
        assert process.exitcode == 0, process.exitcode
        client.shutdown(cancel_futures=True)
        """
    )


def test_a_client_cannot_be_sent_to_a_spawned_process(run):
    """The refusal says what to do."""
    run(
        """
        if __name__ == "__main__":
            process = multiprocessing.get_context("spawn").Process(target=id, args=(make_client(),))
            try:
                process.start()
            except TypeError as error:
                assert "make one in each process" in str(error)
            else:
                raise AssertionError("it was sent")
        """
    )


def test_gunicorn_with_preloaded_app(server):
    """Each worker has the client that the master made, and may use it."""
    environment = {**os.environ, "STATUS_URL": server.url}
    words = ["-m", "gunicorn", "--preload", "--workers", "2", "--worker-class", "sync"]
    words += ["--pythonpath", str(Path(__file__).parent)]
    if "control_socket" in Config().settings:  # since gunicorn 25
        words.append("--no-control-socket")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.set_inheritable(True)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        process = subprocess.Popen(
            python_command(*words, "--bind", f"fd://{listener.fileno()}", "gunicorn_app:app"),
            env=environment,
            pass_fds=[listener.fileno()],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            universal_newlines=True,
        )
        killer = threading.Timer(PATIENCE, process.kill)
        killer.start()
        try:
            log = wait_for(process, "Booting worker", 2)
            answers = [requests.get(f"{url}/quick", timeout=PATIENCE).text for _ in range(10)]
        finally:
            process.send_signal(signal.SIGTERM)
            output, _ = process.communicate(timeout=PATIENCE)
            killer.cancel()
            killer.join()
    log += output
    assert {answer.split(" ", 1)[1] for answer in answers} == {"fork completed"}
    workers = set(re.findall(r"Booting worker with pid: (\d+)", log))
    assert {answer.split()[0] for answer in answers} <= workers
    assert len(workers) == 2
    assert process.returncode == 0, log
    assert "Traceback" not in log


def wait_for(process, text, times):
    """Reads what a process prints until a text has come so many times; returns all of it."""
    read = ""
    for line in process.stdout:
        read += line
        if read.count(text) == times:
            return read
    raise AssertionError(read)
