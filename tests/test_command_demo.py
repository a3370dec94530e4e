"""``video-translation-client demo``: with a server of its own, or one that answers already."""

from __future__ import annotations

import contextlib
import re
import signal
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
from pathlib import Path
from typing import Iterator

import pytest
from conftest import PATIENCE, python_command, serving, untimed, written
from werkzeug.wrappers import Response

from video_translation_client.cli import main
from video_translation_client.testing import Fault, MockServer

_ERROR = "error (the service reported 'error' and gave no reason)"


def start(*words: str) -> subprocess.Popen[str]:
    """Starts a demonstration."""
    return subprocess.Popen(
        python_command("-m", "video_translation_client", "demo", *words),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
    )


def end(process: subprocess.Popen[str]) -> tuple[int, list[str], list[str]]:
    """Returns the exit status and the lines on standard output and standard error."""
    output, errors = process.communicate(timeout=PATIENCE)
    return process.returncode, output.splitlines(), errors.splitlines()


@pytest.fixture(scope="module")
def ports() -> list[int]:
    """Ports of this machine on which nothing answers."""
    with socket.socket() as first, socket.socket() as second:
        for each in (first, second):
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in (first, second)]


@pytest.fixture(scope="module", autouse=True)
def demos(ports: list[int]) -> Iterator[list[subprocess.Popen[str]]]:
    """One job and twenty jobs, each with a server of its own, while the other tests run."""
    processes = [
        start("--url", f"http://127.0.0.1:{ports[0]}"),
        start("--url", f"http://localhost:{ports[1]}", "--jobs", "20"),
    ]
    yield processes
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def server() -> Iterator[MockServer]:
    """Somebody else's service, which answers already."""
    with MockServer(duration=0) as server:
        yield server


def test_a_service_that_answers_is_polled(
    server: MockServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where a service answers, no server is started, and each of its answers is told."""
    server.job(duration=0.3)
    assert main(["demo", "--url", server.url]) == 0
    told = written(capsys)
    assert told.out.splitlines() == [
        "Status Updated: pending",
        "Status Updated: completed",
        "Final Status: completed",
    ]
    assert told.err == ""


def test_the_exit_status_is_that_of_a_watch(
    server: MockServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """A job of somebody else's service that fails is status 1, and 3 if it is rejected."""
    server.job(outcome="error")
    assert main(["demo", "--url", server.url]) == 1
    assert written(capsys).out.splitlines()[-1] == "Final Status: error"
    server.job(faults={2: Fault.http(403)}, duration=9)
    assert main(["demo", "--url", server.url]) == 3
    told = written(capsys).err
    assert told == f"error: {server.url} rejects the request with HTTP status 403\n"
    server.job(faults={1: Fault.http(503)})  # as a service does that is busy
    assert main(["demo", "--url", server.url]) == 0
    assert written(capsys).err == ""
    server.job("job-2", outcome="error")
    assert main(["demo", "--url", server.url, "--jobs", "2"]) == 1
    assert written(capsys).out.splitlines().count(f"job-2: {_ERROR}") == 1


@pytest.mark.parametrize("jobs", ["0", "-1", "many", "none"])
def test_a_bad_number_of_jobs_is_a_usage_error(
    jobs: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The number of jobs is 1 or more, and anything else names the option."""
    with pytest.raises(SystemExit) as caught:
        main(["demo", "--jobs", jobs])
    assert caught.value.code == 2
    assert "error: --jobs must be a whole number, 1 or more, not" in written(capsys).err


def test_a_url_that_can_t_be_served_here_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Where nothing answers on another machine, or with https, nothing is started."""
    assert main(["demo", "--url", "http://me:hush@0.0.0.0:9"]) == 1
    told = written(capsys).err
    assert told.startswith(
        "video-translation-client demo: error: nothing answers on port 9 of 0.0.0.0"
    )
    assert "only be started on this machine, as with --url http://127.0.0.1:5000" in told
    assert "hush" not in told
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        assert main(["demo", "--url", f"https://127.0.0.1:{port}"]) == 1
        assert "the mock server speaks no https" in written(capsys).err
        assert main(["demo", "--url", f"http://127.0.0.1:{port}"]) == 1
        assert f"the mock server can't listen on port {port} of" in written(capsys).err


@contextlib.contextmanager
def something_else(answer: bytes) -> Iterator[str]:
    """Gives the URL of what says this to everybody, and closes."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.rfile.readline()
            self.wfile.write(answer)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as other:
        thread = threading.Thread(target=other.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{other.server_address[1]}"
        finally:
            other.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (b"HTTP/1.1 403 Forbidden\r\nServer: AirTunes\r\n\r\n", "with HTTP status 403"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>",
            "and what it says is no status of a job (the answer is not JSON; it is '<html>')",
        ),
        (b"220 ESMTP\r\n", "and what it says is no status of a job (no answer from {}: Bad"),
    ],
)
def test_what_is_no_service_is_left_alone_and_the_server_takes_another_port(
    answer: bytes, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """As on macOS, where something of the system's has port 5000; or what speaks no HTTP."""
    with something_else(answer) as url:
        assert main(["demo", "--url", url, "--jobs", "2"]) == 0
        told = written(capsys)
        assert told.err.startswith(f"Something else answers at {url}, {problem.format(url)}")
    own = re.search(r", so the mock server was started at (http://127\.0\.0\.1:\d+)\.\n$", told.err)
    assert own is not None
    assert own.group(1) != url
    assert sorted(told.out.splitlines())[-1] == "job-2: pending"


def test_with_https_it_is_not_looked_for_another_place(capsys: pytest.CaptureFixture[str]) -> None:
    """The mock server could not speak as what answers there; it is polled, and refused here."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(str(Path(__file__).with_name("self_signed.pem")))
    with serving(Response("{}"), ssl_context=context) as url:
        assert main(["demo", "--url", url]) == 3
    assert written(capsys).err.startswith(f"error: no answer from {url}: SSLCert")


def test_a_url_that_nobody_could_poll_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    """It is refused before anything is started."""
    with pytest.raises(SystemExit) as caught:
        main(["demo", "--url", "http://127.0.0.1:5000/status"])
    assert caught.value.code == 2
    assert written(capsys).err.endswith(
        "error: URL must be 'http://127.0.0.1:5000': /status is appended to it\n"
    )


def test_without_werkzeug_the_command_that_installs_it_is_told(tmp_path: Path) -> None:
    """Without the testing extra, one line says what to install."""
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        "sys.modules['werkzeug'] = None\n"
        "from video_translation_client.cli import main\n"
        "sys.exit(main(['demo', '--url', 'http://127.0.0.1:9']))\n"
    )
    done = subprocess.run(
        python_command(str(script)), stderr=subprocess.PIPE, timeout=PATIENCE, check=False
    )
    assert done.returncode == 1
    assert done.stderr.endswith(b" needs the package werkzeug: pip install werkzeug\n")
    assert done.stderr.count(b"\n") == 1


def test_ctrl_c_ends_it_quietly(server: MockServer) -> None:
    """Ctrl-C ends the demonstration with status 130 and without a traceback."""
    server.job(duration=3600)
    process = start("--url", server.url)
    assert process.stdout is not None
    assert process.stdout.readline() == "Status Updated: pending\n"
    process.send_signal(signal.SIGINT)
    status, _, errors = end(process)
    assert (status, errors) == (130, [])


@pytest.mark.skipif(sys.platform == "win32", reason="pipes differ")
def test_a_closed_pipe_ends_it_quietly(server: MockServer) -> None:
    """When the reader of a pipe has gone, the demonstration ends silently and early."""
    server.job(duration=3600)
    process = start("--url", server.url)
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == "Status Updated: pending\n"
    process.stdout.close()
    with process.stderr:
        assert process.stderr.read() == ""
    assert process.wait(PATIENCE) == 141


def test_one_job_is_polled_until_its_end(
    demos: list[subprocess.Popen[str]], ports: list[int]
) -> None:
    """Where nothing answers, a server is started, and each answer and the result are told."""
    status, output, errors = end(demos[0])
    updates = output[:-2]
    assert set(updates) == {"Status Updated: pending"}
    assert output[-2:] == ["Status Updated: completed", "Final Status: completed"]
    url = f"http://127.0.0.1:{ports[0]}"
    assert errors == [f"Nothing answers at {url}, so the mock server was started there."]
    assert status == 0


def test_many_jobs_are_watched_until_their_ends(demos: list[subprocess.Popen[str]]) -> None:
    """With --jobs, each job's changes are told, and scripted errors do not count as failure."""
    status, output, _ = end(demos[1])
    ends = {f"job-{number:02}": "completed" for number in range(1, 21)}
    ends.update({"job-03": _ERROR, "job-13": _ERROR})
    wanted = [f"{name}: {word}" for name, end in ends.items() for word in ("pending", end)]
    assert sorted(map(untimed, output)) == sorted(wanted)
    assert status == 0
