"""The end of the process, in processes of their own."""

import contextlib
import socket
import subprocess
import sys
import threading

import pytest
from conftest import PATIENCE, measured, python_command

from video_translation_client.testing import Fault, MockServer

PROGRAM = """
import sys
import threading

from video_translation_client import VideoTranslationClient

client = VideoTranslationClient(sys.argv[1], initial_wait_time=0.1, jitter=0)
client.submit("slow")
waiting = client.submit("waiting")
polled = threading.Event()
waiting.add_update_callback(lambda future: polled.set())
waiting.add_done_callback(lambda future: print(repr(future.exception()), flush=True))
polled.wait()
"""


def test_a_main_thread_that_ends_ends_the_waits_and_says_so(tmp_path):
    """Their futures get an error, their callbacks run, and no traceback is printed."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    with MockServer(duration=1000) as server:
        server.job("slow", faults={1: Fault.slow(0.7)})
        done = subprocess.run(
            python_command(str(program), server.url),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=PATIENCE,
            check=True,
        )
    printed = done.stdout.decode()
    assert printed.startswith("VideoTranslationError(\"job 'waiting': the wait was abandoned (the")
    assert "to keep waiting, submit the same job id again" in printed
    assert len(printed.splitlines()) == 1


MANY = """
import sys
import threading

from video_translation_client import VideoTranslationClient

url, jobs, drops = sys.argv[1], int(sys.argv[2]), len(sys.argv) > 3
told = []


def tell(future):
    told.append(future.exception())
    if len(told) == jobs:
        kinds = {type(error).__name__ for error in told}
        print(len(told), *sorted(kinds), threading.current_thread().name, flush=True)


client = VideoTranslationClient(url, None, None, request_timeout=3600)
for number in range(jobs):
    client.submit(f"job-{number}").add_done_callback(tell)
if drops:
    del client
print("ready", flush=True)
sys.stdin.readline()
"""

END_OF_MANY = "VideoTranslationError MainThread\n"


def start(tmp_path, program, *arguments):
    """Starts a program whose main thread ends when its standard input says so."""
    program, environment = measured(program)
    script = tmp_path / "program.py"
    script.write_text(program)
    return subprocess.Popen(
        [sys.executable, str(script), *arguments],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
    )


def let_end(process, busy=lambda: None):
    """Lets the main thread end once ``busy()`` returns; gives exit status, output and errors."""
    try:
        assert process.stdout.readline() == "ready\n"
        busy()
        output, errors = process.communicate("\n", timeout=PATIENCE)
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            stream.close()
    return process.returncode, output, errors


@contextlib.contextmanager
def hanging(requests, fault):
    """A mock server that hangs; gives it and a function that waits for so many requests."""
    arrived = threading.Semaphore(0)

    class Counting(MockServer):
        def __call__(self, environ, start_response):
            arrived.release()
            return super().__call__(environ, start_response)

    def wait():
        for _ in range(requests):
            assert arrived.acquire(timeout=PATIENCE)

    with Counting(duration=1000) as server:
        for number in range(requests):
            server.job(f"job-{number}", faults={1: fault})
        yield server, wait


@pytest.mark.parametrize("drops", [(), ("del",)], ids=["client", "dropped client"])
@pytest.mark.parametrize(
    "fault", [Fault.slow(1000), Fault.drip(1000)], ids=lambda fault: fault.kind
)
def test_a_thousand_waits_and_requests_that_hang_hold_up_no_exit(tmp_path, fault, drops):
    """Every future has ended with an error by then, and every done-callback has run."""
    with hanging(16, fault) as (server, wait):
        process = start(tmp_path, MANY, server.url, "1000", *drops)
        assert let_end(process, wait) == (0, f"1000 {END_OF_MANY}", "")


@pytest.mark.parametrize("drops", [(), ("del",)], ids=["client", "dropped client"])
def test_a_handshake_that_nobody_answers_holds_up_no_exit(tmp_path, drops):
    """A server that accepts and then says nothing."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        listener.settimeout(PATIENCE)

        def wait():
            for _ in range(16):
                connection, _ = listener.accept()
                stack.enter_context(connection)
                connection.settimeout(PATIENCE)
                assert connection.recv(1)

        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        process = start(tmp_path, MANY, url, "100", *drops)
        assert let_end(process, wait) == (0, f"100 {END_OF_MANY}", "")


@pytest.mark.parametrize("drops", [(), ("del",)], ids=["client", "dropped client"])
def test_a_connect_that_hangs_holds_up_no_exit(tmp_path, drops):
    """There is no connection yet that could be aborted; its threads are let go of."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):  # Linux drops what comes while the backlog is full
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        assert let_end(start(tmp_path, MANY, url, "100", *drops)) == (0, f"100 {END_OF_MANY}", "")


IN_A_THREAD = """
import sys
import threading

from video_translation_client import VideoTranslationClient


def use():
    client = VideoTranslationClient(sys.argv[1], None, None, request_timeout=3600)
    future = client.submit("job-0")
    future.add_done_callback(lambda future: print(type(future.exception()).__name__, flush=True))


unused = VideoTranslationClient(sys.argv[1])
thread = threading.Thread(target=use)
thread.start()
thread.join()
print("ready", flush=True)
sys.stdin.readline()
"""


def test_a_client_of_another_thread_holds_up_no_exit(tmp_path):
    """Though the main thread never had it, and its own thread has gone; nor does one unused."""
    with hanging(1, Fault.slow(1000)) as (server, wait):
        process = start(tmp_path, IN_A_THREAD, server.url)
        assert let_end(process, wait) == (0, "VideoTranslationError\n", "")


LATE = """
import sys

from video_translation_client import VideoTranslationClient

client = VideoTranslationClient(sys.argv[1], None, None, request_timeout=3600)


def again(future):
    try:
        client.submit("job-0")
    except RuntimeError as error:
        print(error, flush=True)


client.submit("job-0").add_done_callback(again)
print("ready", flush=True)
sys.stdin.readline()
"""


def test_a_submit_at_the_exit_is_refused(tmp_path):
    """A callback that would wait on hears that it is too late."""
    with hanging(1, Fault.slow(1000)) as (server, wait):
        process = start(tmp_path, LATE, server.url)
        refusal = "cannot schedule new futures after shutdown\n"
        assert let_end(process, wait) == (0, refusal, "")


CALLBACK = """
import sys
import threading

from video_translation_client import VideoTranslationClient

ended = threading.Event()


def on_update(status):
    print("ready", flush=True)
    ended.wait()
    print("called to its end", flush=True)


client = VideoTranslationClient(sys.argv[1])
client.submit("job-1", on_update=on_update)
sys.stdin.readline()
threading.Timer(1.5, ended.set).start()
"""


def test_an_exit_waits_for_a_callback_that_runs(tmp_path):
    """As a ThreadPoolExecutor does."""
    with MockServer(duration=1000) as server:
        process = start(tmp_path, CALLBACK, server.url)
        assert let_end(process) == (0, "called to its end\n", "")


TOO_LATE = """
import atexit
import sys

from video_translation_client import VideoTranslationClient


def late():
    try:
        future = VideoTranslationClient(sys.argv[1]).submit("job-1")
        future.add_done_callback(lambda future: sys.stdout.write("called\\n"))
        sys.stdout.write(f"{type(future.exception()).__name__}\\n")
    except RuntimeError as error:
        print(type(error).__name__, flush=True)


atexit.register(late)
print("ready", flush=True)
sys.stdin.readline()
"""


def test_a_client_that_is_made_when_there_are_no_threads_any_more_says_so(tmp_path):
    """Its future ends with an error and its callbacks, where Python lets it begin at all."""
    with MockServer(duration=0) as server:
        status, output, errors = let_end(start(tmp_path, TOO_LATE, server.url))
    assert (status, errors) == (0, "")
    end, *called = sorted(output.splitlines())
    # Python 3.7 and 3.8 end the threads later, and 3.12 starts none at all by then.
    assert end in ("NoneType", "RuntimeError", "VideoTranslationError")
    assert called == ["called"] * (end != "RuntimeError")
