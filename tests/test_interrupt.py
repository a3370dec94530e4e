"""Ctrl-C, in processes of their own, while the server holds a request."""

import re
import signal
import subprocess
import sys
import textwrap

import pytest
from conftest import communicate_after, measured

from video_translation_client.testing import Fault, MockServer

BEGINNING = """
import concurrent.futures
import signal
import sys
import threading

from video_translation_client import VideoTranslationClient

signal.signal(signal.SIGINT, signal.default_int_handler)
url = sys.argv[1]


def ready(*_):
    print("ready", flush=True)


def make_client():
    return VideoTranslationClient(
        url, max_attempts=None, max_wait_time=None, request_timeout=3600, initial_wait_time=0.01
    )
"""


@pytest.fixture
def server():
    """A mock server on the real clock that answers once for each job, then never again."""
    with MockServer(duration=1000) as server:
        server.job("other", duration=0)
        for job_id in ("job-1", "job-2"):
            server.job(job_id, faults={number: Fault.slow(1000) for number in range(2, 10)})
        yield server


def interrupt(server, tmp_path, program):
    """Runs a program, and sends SIGINT once it has said that it is ready and a poll hangs."""
    script = tmp_path / "program.py"
    program, environment = measured(BEGINNING + textwrap.dedent(program))
    script.write_text(program)
    process = subprocess.Popen(
        [sys.executable, str(script), server.url],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
    )
    try:
        assert process.stdout.readline() == "ready\n"
        output, errors = communicate_after(signal.SIGINT, process)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()
    return process.returncode, output, errors


def is_keyboard_interrupt(status, errors):
    """Whether a process ended as Python does after Ctrl-C: with this one traceback."""
    tracebacks = re.findall("^Traceback", errors, re.MULTILINE)
    last_line = errors.splitlines()[-1]
    return status in (-signal.SIGINT, 1, 130) and (len(tracebacks), last_line) == (
        1,
        "KeyboardInterrupt",
    )


@pytest.mark.parametrize(
    "waiting",
    [
        "make_client().get_status('job-1', on_update=ready)",
        """
        future = make_client().submit("job-1", on_update=ready)
        future.result()
        """,
        """
        client = make_client()
        futures = [client.submit("job-1", ready), client.submit("job-2")]
        list(concurrent.futures.as_completed(futures))
        """,
        """
        client = make_client()
        futures = [client.submit("job-1", ready), client.submit("job-2")]
        concurrent.futures.wait(futures)
        """,
        """
        with make_client() as client:
            client.submit("job-1", ready)
            threading.Event().wait()
        """,
        """
        with make_client() as client:
            client.get_status("job-1", ready)
        """,
    ],
    ids=["get_status", "result", "as_completed", "wait", "with", "with get_status"],
)
def test_ctrl_c_ends_the_program_though_a_request_hangs(server, tmp_path, waiting):
    """With KeyboardInterrupt and nothing else, whatever the main thread waits in."""
    status, output, errors = interrupt(server, tmp_path, waiting)
    assert is_keyboard_interrupt(status, errors), (status, errors)
    assert output == ""


def test_a_client_is_usable_after_ctrl_c_in_get_status(server, tmp_path):
    """The wait that was interrupted is cancelled; the others go on, and new ones work."""
    status, output, errors = interrupt(
        server,
        tmp_path,
        """
        client = make_client()
        other = client.submit("job-2")
        try:
            client.get_status("job-1", on_update=ready)
        except KeyboardInterrupt:
            print("interrupted", other.done(), client.get_status("other"))
        client.shutdown(cancel_futures=True)
        print(other.cancelled())
        """,
    )
    assert (status, output, errors) == (0, "interrupted False completed\nTrue\n", "")
    asked = [poll.job_id for request in server.requests for poll in request.polls]
    assert asked.count("job-1") <= 2


def test_ctrl_c_in_a_with_block_cancels_what_waits(server, tmp_path):
    """Nobody who presses it wants to wait for a thousand jobs first."""
    status, output, errors = interrupt(
        server,
        tmp_path,
        """
        try:
            with make_client() as client:
                both = threading.Event()
                futures = [
                    client.submit("job-1", lambda status: both.wait() and ready()),
                    client.submit("job-2"),
                ]
                both.set()
                threading.Event().wait()
        except KeyboardInterrupt:
            print([future.cancelled() for future in futures])
        """,
    )
    assert (status, output, errors) == (0, "[True, True]\n", "")


@pytest.mark.parametrize("waiting", ["threading.Event().wait()", "future.result()"])
def test_ctrl_c_waits_a_moment_for_a_callback_that_runs_and_names_it(server, tmp_path, waiting):
    """Then the process ends without it, however long it takes."""
    status, output, errors = interrupt(
        server,
        tmp_path,
        f"""
        def on_update(status):
            ready()
            threading.Event().wait()

        future = make_client().submit("job-1", on_update)
        {waiting}
        """,
    )
    *traceback, last = errors.splitlines()
    assert is_keyboard_interrupt(status, "\n".join(traceback)), (status, errors)
    assert last == "a callback of job 'job-1' still runs, and is not waited for after Ctrl-C"
    assert output == ""


def test_ctrl_c_lets_a_callback_that_is_quick_end(server, tmp_path):
    """What it does in that moment is done."""
    status, output, errors = interrupt(
        server,
        tmp_path,
        """
        interrupted = threading.Event()

        def on_update(status):
            ready()
            interrupted.wait()
            print("called to its end", flush=True)

        future = make_client().submit("job-1", on_update)
        try:
            future.result()
        finally:
            threading.Timer(0.5, interrupted.set).start()
        """,
    )
    assert is_keyboard_interrupt(status, errors), (status, errors)
    assert output == "called to its end\n"
