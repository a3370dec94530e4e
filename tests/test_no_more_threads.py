"""A system that gives no more threads, in processes whose memory is limited to so many stacks."""

import subprocess
import sys
import textwrap

import pytest
from conftest import PATIENCE, python_command

from video_translation_client.testing import MockServer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")

BEGINNING = """
import logging
import resource
import sys
import threading
from pathlib import Path

from video_translation_client import VideoTranslationClient

STACK = 1 << 30
threading.stack_size(STACK)


def give(threads):
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limit = used + threads * STACK + STACK // 2
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))


class Listener(logging.Handler):
    def emit(self, record):
        print(record.levelname, record.getMessage(), flush=True)
        if sys.argv[2:] == ["relents"]:
            give(10)


logging.getLogger("video_translation_client").addHandler(Listener())
called = threading.Event()
client = VideoTranslationClient(sys.argv[1], max_wait_time=1, initial_wait_time=0.01, jitter=0)
"""


@pytest.fixture
def server():
    """A mock server on the real clock whose jobs have ended."""
    with MockServer(duration=0) as server:
        yield server


@pytest.fixture
def run(server, tmp_path):
    """Runs a program; gives the lines that it printed."""

    def run(program, *arguments):
        script = tmp_path / "program.py"
        script.write_text(BEGINNING + textwrap.dedent(program))
        printed = subprocess.check_output(
            python_command(str(script), server.url, *arguments),
            timeout=PATIENCE,
            universal_newlines=True,
        )
        return printed.splitlines()

    return run


def test_a_dispatcher_that_could_not_start_is_started_by_the_next_submit(run):
    """The submit that met the limit raises; the client is as good as new."""
    printed = run(
        """
        give(0)
        try:
            client.submit("job-1")
        except RuntimeError as error:
            print(error)
        give(10)
        print(client.get_status("job-1"))
        """
    )
    assert printed == ["can't start new thread", "completed"]


def test_workers_that_cannot_start_are_done_without(run):
    """What they would have done is left to those that run."""
    printed = run(
        """
        give(2)
        futures = [client.submit(f"job-{number}") for number in range(20)]
        called = []
        for future in futures:
            future.add_done_callback(called.append)
        client.shutdown()
        for future in called:
            print(future.result())
        """
    )
    assert printed == ["completed"] * 20


WARNING = "WARNING no thread can be started (can't start new thread); trying again every 0.25 s"


def test_a_first_worker_that_could_not_start_is_tried_again(run):
    """The wait ends as its job does, and the client is as good as new."""
    printed = run(
        """
        give(1)
        print(client.get_status("job-1"))
        print(client.get_status("job-2"))
        """,
        "relents",
    )
    assert printed == [WARNING, "completed", "completed"]


def test_without_a_single_worker_a_wait_ends_at_its_deadline(run, server):
    """It says that nobody asked; its callback is called once there is a thread."""
    printed = run(
        """
        give(1)
        future = client.submit("job-1")
        future.add_done_callback(lambda future: called.set())
        print(future.result(), future.attempts)
        print(future.last_error)
        give(10)
        called.wait()
        print(client.get_status("job-1"))
        """
    )
    assert printed[:2] == [WARNING, "timeout 0"]
    assert printed[2].startswith("job 'job-1': it was not asked for until the limit was reached")
    assert [line for line in printed[3:] if "INFO" not in line] == ["completed"]
    assert len(server.requests) == 1
