"""How a wait ended can be read from its future, whatever ended it: in status, reason and repr.

What ended for another reason than its job is ``rejected``, ``cancelled`` or ``abandoned`` there;
what blocks, or is called with statuses, never hears these words.
"""

import os

import pytest
from conftest import PATIENCE
from watched import run

from video_translation_client import RejectedError, Status
from video_translation_client.testing import Fault, MockServer

OURS = {Status.REJECTED, Status.CANCELLED, Status.ABANDONED}
"""What no service says and no budget brings about."""


def test_a_rejected_wait_says_so_and_why(server, make_client):
    """Also after it had an answer; get_status raises."""
    server.job("job-1", duration=1000, faults={2: Fault.http(403)})
    server.job("job-2", faults={1: Fault.http(403)})
    heard = []
    client = make_client()
    future = client.submit("job-1", on_update=heard.append)
    error = future.exception(PATIENCE)
    assert future.status is Status.REJECTED
    assert future.reason == "; ".join(filter(None, [error.reason, error.advice]))
    assert "403" in future.reason
    assert future.report.status == "pending"
    assert repr(future) == "<StatusFuture job 'job-1': rejected, attempts 2>"
    with pytest.raises(RejectedError):
        client.get_status("job-2", on_update=heard.append)
    assert heard == ["pending"]


@pytest.mark.parametrize("answers", [0, 1])
def test_a_cancelled_wait_says_so_and_why(server, make_client, clock, answers):
    """Whether or not its job was heard of before."""
    heard = []
    with clock.paused():
        future = make_client(initial_wait_time=30).submit("job-1", on_update=heard.append)
        if answers:
            clock.advance(0)
        assert future.status is Status.PENDING
        assert future.reason is None
        assert future.cancel()
    assert future.status is Status.CANCELLED
    assert "the wait was cancelled" in future.reason
    assert repr(future).startswith("<StatusFuture job 'job-1': cancelled, attempts ")
    assert set(heard) <= {"pending"}


def test_shutdown_that_cancels_says_so(make_client):
    """As a cancel does."""
    client = make_client()
    futures = [client.submit(f"job-{number}") for number in range(3)]
    client.shutdown(cancel_futures=True)
    assert {future.status for future in futures} <= {Status.CANCELLED, Status.COMPLETED}
    assert all("cancelled" in repr(future) for future in futures if future.cancelled())


@pytest.mark.parametrize(
    ("job", "limits", "status", "words"),
    [
        ({"duration": 0}, {}, "completed", None),
        ({"duration": 0, "outcome": "error"}, {}, "error", "error"),
        ({"duration": 1000}, {"max_attempts": 2}, "timeout", "max_attempts=2"),
    ],
)
def test_every_other_end_is_what_result_returns(server, make_client, job, limits, status, words):
    """And the reason and the repr agree with it; get_status returns the same."""
    server.job("job-1", **job)
    client, heard = make_client(**limits), []
    future = client.submit("job-1", on_update=heard.append)
    assert future.result(PATIENCE) is future.status is Status(status)
    assert (future.reason is None) == (words is None)
    assert words is None or words in future.reason
    assert f": {status}, attempts {future.attempts}>" in repr(future)
    assert client.get_status("job-1", on_update=heard.append) == status
    assert not OURS & set(heard)


ABANDONED = """
def check(future, why):
    assert future.status == "abandoned", future
    assert future.done() and not future.cancelled()
    assert why in future.reason, future.reason
    assert "to keep waiting, submit the same job id again" in future.reason
    assert repr(future) == f"<StatusFuture job {future.job_id!r}: abandoned, attempts 1>", future
    assert set(heard) == {"pending"}


heard = []
client = VideoTranslationClient(sys.argv[1], None, None, initial_wait_time=30)
polled = threading.Event()
future = client.submit("job-1", heard.append)
future.add_update_callback(lambda future: polled.set())
if future.report is None:
    assert polled.wait(PATIENCE)
assert future.status == "pending"
"""

AT_EXIT = """
import pathlib


def at_end(future):
    try:
        check(future, "the interpreter exits")
        pathlib.Path(sys.argv[2]).write_text("seen")
    except BaseException:
        traceback.print_exc()


future.add_done_callback(at_end)
faulthandler.cancel_dump_traceback_later()
"""


def test_a_wait_that_the_end_of_the_program_ends_is_abandoned(tmp_path):
    """Its done-callbacks, which are the last who can look, see that and why."""
    with MockServer(duration=1000) as server:
        run(tmp_path, ABANDONED + AT_EXIT, server.url, tmp_path / "seen")
    assert (tmp_path / "seen").read_text() == "seen"


IN_FORK = """
import warnings

warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
pid = os.fork()
if not pid:
    signal.alarm(PATIENCE)
    status = 1
    try:
        check(future, "the process is a fork")
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)
assert os.waitpid(pid, 0)[1] == 0
assert future.status == "pending" and not future.done()
client.shutdown(cancel_futures=True)
assert future.status == "cancelled"
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_wait_is_abandoned_in_a_forked_child_alone(tmp_path):
    """In its parent it goes on."""
    with MockServer(duration=1000) as server:
        run(tmp_path, ABANDONED + IN_FORK, server.url)
