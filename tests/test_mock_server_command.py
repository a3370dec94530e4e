"""The mock server's command line, as a real process."""

from __future__ import annotations

import contextlib
import json
import os
import re
import runpy
import signal
import subprocess
from pathlib import Path
from typing import Any, Iterator
from urllib.request import ProxyHandler, Request, build_opener

import pytest
from conftest import PATIENCE, python_command

from video_translation_client.testing import MockServer
from video_translation_client.testing.command import main

SCRIPT = Path(__file__).resolve().parent.parent / "mock_server.py"


@contextlib.contextmanager
def running(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Gives a process of the command on a free port, and its URL."""
    process = subprocess.Popen(
        python_command(str(SCRIPT), "--port", "0", *options),
        env={**os.environ, "PYTHONWARNINGS": "always::ResourceWarning"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.fullmatch(r"Mock server listening on (http://.+:\d+) \(Ctrl-C ends it\)\n", line)
        assert found, line
        line = process.stdout.readline()
        assert line == "Open it in a browser to watch its jobs and their polls\n"
        yield process, found[1]
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)


def ask(url: str | Request) -> Any:
    """Returns the decoded body of an answer."""
    with build_opener(ProxyHandler({})).open(url, timeout=PATIENCE) as response:
        return json.load(response)


def usage_error(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    """Returns what is printed when the options are refused."""
    with pytest.raises(SystemExit) as caught:
        main(options)
    assert caught.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    return printed.err.splitlines()[-1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_it(number: signal.Signals) -> None:
    """It serves until Ctrl-C or SIGTERM, and then ends without a trace."""
    with running() as (process, url):
        assert ask(f"{url}/status") == {"result": "pending"}
        process.send_signal(number)
        assert process.communicate(timeout=PATIENCE) == ("", "")
        assert process.returncode == 0


def test_a_browser_is_shown_a_page() -> None:
    """At the URL that is printed."""
    with running() as (_, url), build_opener(ProxyHandler({})).open(
        Request(url, headers={"Accept": "text/html"}), timeout=PATIENCE
    ) as response:
        assert response.read().startswith(b"<!doctype html>")


def test_import_starts_nothing() -> None:
    """The script serves when it is run, not when it is imported."""
    assert runpy.run_path(str(SCRIPT), run_name="mock_server")["main"] is not None


def test_options() -> None:
    """The options reach the service."""
    options = ["--duration", "0-0", "--outcome", "error", "--progress", "--strict", "--seed", "1"]
    jobs = ["--job", "a", "b", "--job", "c/d", "--latency", "0.01", "--fault-rate", "0"]
    with running(*options, *jobs) as (_, url):
        assert ask(f"{url}/status/a") == {"result": "error", "progress": 1.0}
        assert ask(f"{url}/status?ids=a,b,c/d,e")["results"].keys() == {"a", "b", "c/d"}


def test_service() -> None:
    """It speaks the language of a real service where it is told to."""
    with running("--service", "camb", "--duration", "0") as (_, url):
        request = Request(f"{url}/dub/job-1", headers={"x-api-key": "key-1"})
        assert ask(request)["status"] == "SUCCESS"


@pytest.mark.parametrize(
    ("host", "warned"),
    [("0.0.0.0", True), ("127.0.0.1", False), ("localhost", False)],
)
def test_it_warns_where_other_machines_can_reach_it(host: str, warned: bool) -> None:
    """It takes anybody's requests, and any key."""
    with running("--host", host) as (process, _):
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=PATIENCE)
    assert (f"warning: other machines can reach it, as it listens on {host};" in errors) == warned


def test_address_in_use(capsys: pytest.CaptureFixture[str]) -> None:
    """An address that can't be listened on is one line, and the exit code 1."""
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with MockServer() as server:
        assert main(["--port", str(server.port)]) == 1
    message = f"Can't listen on port {server.port} of 127.0.0.1: Address already in use\n"
    assert capsys.readouterr() == ("", message)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--port", "65536"], "argument --port: port must be a whole number from 0 to 65535"),
        (["--port", "http"], "argument --port: 'http' is no PORT"),
        (["--duration", "6-3"], "argument --duration: duration must be a pair"),
        (
            ["--duration", "1-2-3"],
            "argument --duration: must be seconds, or have a unit as in 500ms,",
        ),
        (["--duration", "3x"], " 30m, 1.5h, 1h30m or 2d, not '3x'"),
        (["--latency", "fast"], "argument --latency: must be seconds, or have a unit as in"),
        (["--duration=-1"], "argument --duration: duration must be a number, 0 or more"),
        (["--outcome", "done"], "argument --outcome: outcome must be one of"),
        (["--error-rate", "2"], "argument --error-rate: error_rate must be a number from 0 to 1"),
        (["--fault-rate", "x"], "argument --fault-rate: 'x' is no RATE"),
        (["--latency", "inf"], "argument --latency: latency must be a number, 0 or more"),
        (["--service", "acme"], "argument --service: service must be None or one of heygen, "),
        (["--job", ""], "argument --job: job_id must not be ''"),
        (["--error-rate", "1", "--outcome", "error"], "error: error_rate must not be given with"),
        (["--unknown"], "unrecognized arguments: --unknown"),
    ],
)
def test_bad_options(options: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A bad option is a usage error that names it."""
    assert message in usage_error(capsys, *options)


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    """The help tells the defaults, and the services."""
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    for default in ("(default: 127.0.0.1)", "(default: 5000)", "(default: 5.0)"):
        assert default in text
    assert "as this service does: heygen, elevenlabs, azure, " in text


@pytest.mark.parametrize(
    ("start", "advice"),
    [
        (f"run_path({str(SCRIPT)!r}, run_name='mock_server')", b"pip install -e '.[testing]'"),
        ("run_module('video_translation_client.testing')", b"pip install werkzeug"),
    ],
)
def test_without_its_extra_it_says_what_to_install(
    start: str, advice: bytes, tmp_path: Path
) -> None:
    """One line, and no traceback; in a clone, the extra."""
    program = tmp_path / "program.py"
    program.write_text(
        "import runpy, sys; sys.modules['werkzeug'] = None;"
        "sys.modules.pop('werkzeug.serving', None);"
        f"runpy.{start}"
    )
    done = subprocess.run(
        python_command(str(program)),
        env={**os.environ, "PYTHONPATH": str(SCRIPT.parent)},  # for coverage to know it by name
        stderr=subprocess.PIPE,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == b"error: the mock server needs werkzeug: " + advice + b"\n"


def test_it_is_a_module_too() -> None:
    """Where the package is installed and this repository is not at hand."""
    words = python_command("-m", "video_translation_client.testing", "--help")
    shown = subprocess.check_output(words, timeout=PATIENCE)
    assert b"--error-rate" in shown
