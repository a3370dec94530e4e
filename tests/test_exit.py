"""The end of the process, in processes of their own."""

import subprocess

from conftest import PATIENCE, python_command

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
    assert printed.startswith("VideoTranslationError(\"job 'waiting': the polling has ended early")
    assert "submit it again to wait on" in printed
    assert len(printed.splitlines()) == 1
