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
from conftest import PATIENCE, python_command

from video_translation_client import VideoTranslationClient
from video_translation_client.store import Store
from video_translation_client.testing import MockServer

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")

QUICK = {"initial_wait_time": 0.05, "backoff_factor": 1, "jitter": 0, "max_attempts": None}

# The alarm ends a process that hangs, so that its parent sees it and nothing is left behind.
BEGINNING = f"""
import concurrent.futures
import ctypes
import gc
import multiprocessing
import os
import signal
import sys
import threading
import warnings

from video_translation_client import VideoTranslationClient, VideoTranslationError
from video_translation_client.store import Store

warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
url, path = sys.argv[1:3]
PATIENCE = {PATIENCE}
signal.alarm(2 * PATIENCE)
SLOW = {{"initial_wait_time": 1000, "max_interval": 1000, "max_wait_time": None}}


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
def path(tmp_path):
    """Where the store is."""
    return tmp_path / "waits.sqlite3"


@pytest.fixture
def make(server, path):
    """Makes clients in this process with the store."""
    clients = []

    def make(**arguments):
        arguments = {**QUICK, "store": path, **arguments}
        clients.append(VideoTranslationClient(server.url, **arguments))
        return clients[-1]

    yield make
    for client in clients:
        client.shutdown(cancel_futures=True)


@pytest.fixture
def begin(server, path, tmp_path):
    """Starts a program as a process with the store."""
    processes = []

    def begin(program, measured=True):
        script = tmp_path / f"program_{len(processes)}.py"
        script.write_text(BEGINNING + textwrap.dedent(program))
        command = python_command(str(script)) if measured else [sys.executable, str(script)]
        processes.append(
            subprocess.Popen(
                [*command, server.url, str(path)],
                env={**os.environ, "PYTHONWARNINGS": "error"},
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

    def run(program, measured=True):
        process = begin(program, measured)
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
    """All futures end once, in both: what ended meanwhile, and what goes on."""
    process = begin(
        """
        client = make_client(store=Store(path, lease=3), **SLOW)
        ends = []
        futures = client.submit_all(["job-1", "job-2", "job-3"])
        for future in futures:
            future.add_done_callback(ends.append)
        until_polled(*futures)
        said("polled")
        sys.stdin.readline()
        concurrent.futures.wait(futures, PATIENCE)
        assert [future.status for future in futures] == ["completed"] * 3, futures
        client.shutdown()
        assert sorted(ends, key=id) == sorted(futures, key=id)
        """,
        measured=False,
    )
    hear(process, "polled")
    process.send_signal(signal.SIGSTOP)
    taker, client = Taker(), make(store=Store(path, lease=3))
    client.resume(taker)
    first, second, third = (taker.until(3)[f"job-{number}"] for number in (1, 2, 3))
    for future in (first, second):
        server.job(future.job_id, duration=0)
        future.poll_now()
    assert concurrent.futures.wait([first, second], PATIENCE).not_done == set()
    assert second.result() == "completed"  # so that the store forgets it
    process.send_signal(signal.SIGCONT)
    process.stdin.write("go on\n")
    process.stdin.flush()
    server.job("job-3", duration=0)
    third.poll_now()
    assert first.result(PATIENCE) == third.result(PATIENCE) == "completed"
    output, errors = process.communicate(timeout=2 * PATIENCE)
    assert (process.returncode, output, errors) == (0, "", "")
    client.shutdown()
    assert ids(path) == []
