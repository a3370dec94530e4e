"""What the log says: standard logging, levels that say what a person must do."""

import dataclasses
import json
import logging
import socket
import subprocess
import sys

import pytest
from conftest import PATIENCE, serving

from video_translation_client import VideoTranslationClient, Words, services
from video_translation_client.testing import Fault, MockServer

NAME = "video_translation_client"


def run(server, program):
    """What a program prints that has set up no logging."""
    beginning = (
        "import sys; from video_translation_client import VideoTranslationClient;"
        "client = VideoTranslationClient(sys.argv[1], 5, initial_wait_time=0.01, jitter=0);"
    )
    return subprocess.check_output(
        [sys.executable, "-c", beginning + program, server.url],
        stderr=subprocess.STDOUT,
        timeout=PATIENCE,
        universal_newlines=True,
    )


@pytest.fixture
def real_server():
    """A mock server on the real clock."""
    with MockServer(duration=0) as server:
        yield server


def test_what_passes_is_silent_until_the_user_listens(real_server):
    """Without any logging set up, a failed poll and a limit print nothing."""
    real_server.job("job-1", faults={1: Fault.http(503), 2: Fault.drop()})
    real_server.job("job-2", duration=1000)
    assert run(real_server, "client.get_status('job-1'); client.get_status('job-2')") == ""


def test_a_callback_that_raises_is_seen_without_any_logging_set_up(real_server):
    """As with every Future, its traceback is on standard error."""
    printed = run(real_server, "client.get_status('job-1', on_update=lambda status: 1 / 0)")
    first, *_, last = printed.splitlines()
    assert first.startswith("a callback of job 'job-1' raised: <function <lambda> at ")
    assert last == "ZeroDivisionError: division by zero"


def test_a_wait_without_any_answer_is_one_warning_after_three_polls(real_server):
    """It is seen without any logging set up, and says what failed, and when the wait ends."""
    real_server.job("job-1", faults=dict.fromkeys(range(1, 9), Fault.http(500)))
    real_server.job("job-2", faults=dict.fromkeys((1, 2, 4, 5), Fault.http(500)), duration=1000)
    printed = run(real_server, "client.get_status('job-1'); client.get_status('job-2')")
    assert printed == (
        "job 'job-1': HTTP status 500; next poll in 0.04 s; no poll was answered so far, and the"
        " wait ends after 60 s or 5 polls\n"
    )


@pytest.mark.parametrize(
    ("limits", "ends"),
    [
        ({"max_attempts": None}, "ends after 60 s"),
        ({"max_wait_time": None, "max_attempts": 4}, "ends after 4 polls"),
        ({"max_wait_time": 90}, "ends after 90 s or 10 polls"),
    ],
)
def test_the_warning_names_the_limits_of_this_wait(server, make_client, caplog, limits, ends):
    """Those of the job, or else of the client."""
    server.job("job-1", faults=dict.fromkeys(range(1, 5), Fault.http(500)))
    client = make_client()
    client.get_status("job-1", **limits)
    client.shutdown()
    (warned,) = (record.getMessage() for record in caplog.records if record.levelname == "WARNING")
    beginning = "job 'job-1': HTTP status 500; next poll in 4.00 s"
    assert warned == f"{beginning}; no poll was answered so far, and the wait {ends}"


def test_a_wait_without_any_limit_says_so(server, make_client, caplog):
    """Nothing else would end it."""
    server.job("job-1", faults=dict.fromkeys(range(1, 4), Fault.http(500)))
    client = make_client(max_attempts=None, max_wait_time=None)
    assert client.get_status("job-1") == "completed"
    assert (
        caplog.records[-1]
        .getMessage()
        .endswith("; no poll was answered so far, and the wait has no limit")
    )


def test_a_wait_that_ends_without_any_answer_before_three_polls_is_a_warning_as_well(
    server, make_client, caplog
):
    """With the failure and the limit: nothing else would tell of it."""
    server.job("job-1", faults=dict.fromkeys(range(1, 5), Fault.http(500)))
    client = make_client(max_attempts=2)
    client.get_status("job-1")
    client.shutdown()
    (line,) = caplog.records
    assert line.levelname == "WARNING"
    assert line.getMessage() == (
        "job 'job-1': no status was received in 2 polls and 1.0 s; the limit max_attempts=2 is"
        " reached; HTTP status 500"
    )


def test_its_logger_has_no_handler():
    """How and where to log is the user's to say, or that of Python's last resort."""
    assert logging.getLogger(NAME).handlers == []


def test_a_line_names_the_place_that_speaks(server, make_client, caplog):
    """Not the helper through which it goes."""
    caplog.set_level(logging.DEBUG, NAME)
    server.job("job-1", duration=2, faults={1: Fault.http(500), 2: Fault.http(404)})
    client = make_client()
    client.submit("job-1", on_update=int).exception(PATIENCE)
    client.shutdown()
    places = {
        (record.filename, record.funcName) for record in caplog.records if record.name == NAME
    }
    assert places == {("listeners.py", "_log_poll"), ("listeners.py", "_log_end")}


def test_each_poll_is_one_line_at_debug(server, make_client, caplog):
    """It tells the job, the service's word and the wait that follows."""
    caplog.set_level(logging.DEBUG, NAME)
    server.job("job-1", duration=2)
    client = make_client()
    client.get_status("job-1")
    client.shutdown()
    lines = [
        (record.levelname, record.getMessage()) for record in caplog.records if record.name == NAME
    ]
    assert lines == [
        ("DEBUG", "job 'job-1': 'pending'; next poll in 1.00 s"),
        ("DEBUG", "job 'job-1': 'pending'; next poll in 2.00 s"),
        ("DEBUG", "job 'job-1': 'completed'"),
    ]


def test_each_failure_is_one_line_at_info(server, make_client, caplog):
    """It tells why the poll failed and whether the wait goes on."""
    caplog.set_level(logging.DEBUG, NAME)
    server.job("job-1", faults={1: Fault.http(500), 2: Fault.http(404)})
    client = make_client()
    client.submit("job-1").exception(PATIENCE)
    client.shutdown()
    lines = [
        (record.levelname, record.getMessage()) for record in caplog.records if record.name == NAME
    ]
    assert lines[0] == ("INFO", "job 'job-1': HTTP status 500; next poll in 1.00 s")
    assert lines[1][0] == "WARNING"
    assert "knows no such job (HTTP status 404)" in lines[1][1]
    assert lines[1][1].endswith("; the wait ends")
    assert len(lines) == 2


FORGED = "over\nERROR forged\x1b[2J\u202e\x9b"
"""A line end and commands to a terminal."""

HOSTILE = {
    "state": {"data": {"status": FORGED}},
    "code": {"error": {"code": f"rate_limit {FORGED}", "message": "Later."}},
    "final code": {"error": {"code": FORGED, "message": "No."}},
    "message": {"error": {"code": "rate_limit", "message": FORGED}},
    "reason": {"data": {"status": "failed", "failure_message": FORGED}},
    "known state": {"data": {"status": f"running{FORGED}"}},
    "end": {"data": {"status": f"failed{FORGED}", "code": FORGED}},
}


@pytest.mark.parametrize("answer", HOSTILE.values(), ids=list(HOSTILE))
def test_what_a_service_says_forges_no_line_and_commands_no_terminal(
    provider, clock, caplog, answer
):
    """Neither in the log nor in what messages and reasons repeat of it."""
    caplog.set_level(logging.DEBUG, NAME)
    service = dataclasses.replace(
        services.find("heygen"),
        error_code="data.code",
        words=Words(pending=("running*",), completed=("completed",), error=("failed*",)),
    )
    provider.tell(json.dumps(answer))
    with serving(provider) as url, VideoTranslationClient(
        url, 2, service=service, api_key="key-0123456789", clock=clock
    ) as client:
        future = client.submit(f"job-{FORGED}")
        told = [future.exception(PATIENCE), future.reason, future.last_error]
    told += [record.getMessage() for record in caplog.records if record.name == NAME]
    assert any("forged" in str(text) for text in told)
    assert all(str(text).isprintable() for text in told)


def test_a_timeout_is_one_line_at_info(server, make_client, caplog):
    """It is no failure, but worth knowing."""
    caplog.set_level(logging.INFO, NAME)
    server.job("job-1", duration=1000)
    client = make_client(max_attempts=1)
    client.get_status("job-1")
    client.shutdown()
    lines = [record.getMessage() for record in caplog.records if record.name == NAME]
    assert len(lines) == 1
    assert "job 'job-1': still running after 1 poll in" in lines[0]


def test_a_pause_of_all_requests_is_one_line_at_info(server, make_client, caplog):
    """It says for how long, and why nothing is asked meanwhile."""
    caplog.set_level(logging.INFO, NAME)
    server.job("job-1", duration=1, faults={1: Fault.http(429, {"Retry-After": "20"})})
    client = make_client()
    client.get_status("job-1")
    client.shutdown()
    lines = [record.getMessage() for record in caplog.records if record.name == NAME]
    assert len(lines) == 2
    assert "service 'default': the service wants no request for 20 s (Retry-After)" in lines


@pytest.mark.parametrize("error", [OSError("disk full"), SystemExit(3), KeyboardInterrupt()])
def test_a_handler_that_raises_ends_no_wait(server, make_client, error):
    """Neither on a worker nor at a deadline, nor for a callback's failure."""

    class Broken(logging.Filter):
        def filter(self, record):
            raise error

    logger = logging.getLogger(NAME)
    broken = Broken()
    logger.addFilter(broken)
    try:
        server.job("job-1", duration=2, faults={1: Fault.http(503)})
        server.job("hanging", faults={1: Fault.slow(1000)})
        client = make_client(request_timeout=1000)
        futures = [client.submit("job-1", on_update=int), client.submit("hanging")]
        assert [future.result(PATIENCE) for future in futures] == ["completed", "timeout"]
    finally:
        logger.removeFilter(broken)


def test_what_a_server_sends_cannot_forge_a_line(make_client, caplog):
    """Line ends and terminal commands are escaped, and what is long is cut."""
    caplog.set_level(logging.INFO, NAME)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        future = make_client(url, max_attempts=1).submit("job-1")
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"\x1b[31mred\rCRITICAL Authorization: hush" * 1000 + b"\r\n\r\n")
            future.result(PATIENCE)
    message = str(future.last_error)
    assert message.endswith(": BadStatusLine")
    assert message in caplog.text


@pytest.mark.parametrize("secret", [{"api_key": "hush"}, {"user": "hush"}])
def test_secrets_are_in_no_line(server, make_client, caplog, secret):
    """Neither the key nor the URL's credentials, in answers and in failures alike."""
    caplog.set_level(logging.DEBUG)
    server.job("job-1", faults={1: Fault.http(503), 2: Fault.drop(), 3: Fault.http(401)})
    if "user" in secret:
        secret = {"base_url": server.url.replace("//", "//user:hush@")}
    client = make_client(**secret)
    future = client.submit("job-1")
    error = future.exception(PATIENCE)
    shown = [caplog.text, repr(client), repr(future), repr(error), str(future.last_error)]
    assert "job-1" in caplog.text
    assert not [text for text in shown if "hush" in text]
