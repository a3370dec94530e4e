"""``watch --webhook-port``: what is received beside a watch, and that it is in nobody's way."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from typing import Any, Iterator
from urllib.parse import urlsplit

import pytest
from conftest import PATIENCE, communicate_after, python_command, untimed, written

from video_translation_client.cli import main
from video_translation_client.testing import MockServer

SECRET = "a-secret-of-webhooks"
WEBHOOKS = ("--webhook-port", "0")
SIGNED = (*WEBHOOKS, "--webhook-secret-env", "WEBHOOK_SECRET")

# It is not seen to end without a webhook.
HOURLY = ("--interval", "1h", "--max-attempts", "none", "--max-wait-time", "2h")


@pytest.fixture
def heygen() -> Iterator[MockServer]:
    """HeyGen's language on the real clock; jobs take an hour."""
    with MockServer(service="heygen", duration=3600) as server:
        server.job("job-1")
        yield server


class Watch:
    """A watch as a process, which says where it receives webhooks."""

    def __init__(self, server: MockServer, *words: str) -> None:
        variables = {"HEYGEN_API_KEY": "the-key", "WEBHOOK_SECRET": SECRET}
        self.process = subprocess.Popen(
            python_command(
                *("-m", "video_translation_client", "watch", "--service", "heygen", server.url),
                *("job-1", *HOURLY, *words),
            ),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            universal_newlines=True,
            env={**os.environ, **variables},
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        told = re.fullmatch(
            r"Webhooks are received at (http://\S+:\d+/)\n", self.process.stderr.readline()
        )
        assert told
        self.url = told.group(1)
        assert untimed(self.process.stdout.readline()) == "job-1: pending\n"

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        parts = urlsplit(self.url)
        return str(parts.hostname), parts.port or 0

    def call(self, secret: str | None = SECRET, event: str = "success") -> int | None:
        """Sends what HeyGen sends of the job's end; returns the status of the answer.

        None: the watch has ended by then.
        """
        payload = {
            "event_type": f"video_translate.{event}",
            "event_data": {"video_translate_id": "job-1"},
        }
        body = json.dumps(payload).encode()
        headers = {}
        if secret is not None:
            signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
            headers = {
                "Heygen-Signature": signature,
                "Heygen-Timestamp": str(int(time.time())),
            }
        connection = http.client.HTTPConnection(*self.address, timeout=PATIENCE)
        with contextlib.closing(connection), contextlib.suppress(ConnectionError):
            connection.request("POST", "/any/path", body, headers)
            return connection.getresponse().status
        return None

    def end(self) -> tuple[int, str, str]:
        """Waits for its end; returns its exit status, and what it wrote since the last look."""
        out, errors = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, untimed(out), errors


@pytest.fixture
def watch(heygen: MockServer) -> Iterator[Any]:
    """Starts watches of HeyGen's job."""
    watches: list[Watch] = []

    def start(*words: str) -> Watch:
        watches.append(Watch(heygen, *words))
        return watches[-1]

    yield start
    for each in watches:
        if each.process.poll() is None:
            each.process.kill()
            each.process.communicate()


REFUSED = (
    "Warning: A webhook gets 401 Unauthorized: it is not signed with the secret, or not of this"
    " time; more such are told at level DEBUG\n"
)


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Runs a watch that is wrong, and returns the last line about it."""
    with pytest.raises(SystemExit) as caught:
        main(["watch", *words])
    told = written(capsys)
    assert (caught.value.code, told.out) == (2, "")
    return told.err.splitlines()[-1].partition(" error: ")[2]


def test_a_signed_call_has_the_job_asked_at_once(heygen: MockServer, watch: Any) -> None:
    """So a watch that polls once an hour sees its end now; forged calls are one warning."""
    running = watch(*SIGNED)
    assert running.call("another secret") == 401
    assert running.call(None) == 401
    assert len(heygen.requests) == 1
    heygen.job("job-1", duration=0)
    assert running.call() in (204, None)
    assert running.end() == (0, "job-1: completed\n", REFUSED)


def test_without_a_secret_unsigned_calls_are_taken(heygen: MockServer, watch: Any) -> None:
    """As all that a call can do is to have the job asked."""
    running = watch(*WEBHOOKS)
    heygen.job("job-1", duration=0)
    assert running.call(None) in (204, None)
    assert running.end() == (0, "job-1: completed\n", "")


def test_a_call_is_not_believed(heygen: MockServer, watch: Any) -> None:
    """The service says that the job is completed, so it is."""
    running = watch(*SIGNED)
    heygen.job("job-1", duration=0)
    running.call(event="fail")
    assert running.end() == (0, "job-1: completed\n", "")


def test_a_silent_caller_blocks_neither_others_nor_the_end(heygen: MockServer, watch: Any) -> None:
    """Nor is a caller that breaks off told of."""
    running = watch(*SIGNED)
    with socket.create_connection(running.address, PATIENCE) as broken:
        broken.sendall(b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n{")
    with socket.create_connection(running.address, PATIENCE) as silent:
        silent.sendall(b"POST / HTTP/1.1\r\nContent-Length: 9\r\n")
        assert running.call(None) == 401
        heygen.job("job-1", duration=0)
        assert running.call() in (204, None)
        assert running.end() == (0, "job-1: completed\n", REFUSED)


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_the_printed_command_receives_webhooks_too(watch: Any) -> None:
    """It names the variable of the secret, and not the secret."""
    running = watch(*SIGNED, "--webhook-host", "127.0.0.1")
    _, errors = communicate_after(signal.SIGINT, running.process)
    assert running.process.returncode == 130
    options = "--webhook-port=0 --webhook-host=127.0.0.1 --webhook-secret-env=WEBHOOK_SECRET"
    assert f" {options} http" in errors
    assert SECRET not in errors


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except (AttributeError, OSError):  # Python 3.7, or there is no such address
        return False
    return True


@pytest.mark.skipif(not _has_ipv6(), reason="no IPv6 here")
def test_it_listens_at_an_address_of_ipv6(heygen: MockServer, watch: Any) -> None:
    """And says so as a URL has it."""
    running = watch(*SIGNED, "--webhook-host", "::1")
    assert running.url.startswith("http://[::1]:")
    heygen.job("job-1", duration=0)
    assert running.call() in (204, None)
    assert running.end() == (0, "job-1: completed\n", "")


def test_a_port_that_is_taken_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is asked."""
    monkeypatch.setenv("HEYGEN_API_KEY", "the-key")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        told = refusal(capsys, "--service", "heygen", "a", "--webhook-port", str(port))
    assert told.startswith(f"argument --webhook-port: can't listen at 127.0.0.1, port {port}: ")


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--webhook-host", "::1"], "argument --webhook-host: only with --webhook-port"),
        (
            ["--webhook-secret-env", "NAME"],
            "argument --webhook-secret-env: only with --webhook-port",
        ),
        (
            ["--webhook-port", "http"],
            "argument --webhook-port: must be a number from 0 to 65535, not 'http'",
        ),
        (
            ["--webhook-port", "65536"],
            "argument --webhook-port: must be a number from 0 to 65535, not '65536'",
        ),
        (
            [*WEBHOOKS, "--webhook-secret-env", "NOT_THERE"],
            "argument --webhook-secret-env: there is no environment variable NOT_THERE",
        ),
        (
            [*WEBHOOKS, "--webhook-secret-env", "EMPTY"],
            "argument --webhook-secret-env: the environment variable EMPTY must not be empty,",
        ),
        (
            ["--service", "sync", *SIGNED],
            "argument --webhook-secret-env: it is not known how this service signs its calls",
        ),
        (
            ["--service", "azure", *WEBHOOKS],
            "argument --webhook-port: no webhooks are known of this service",
        ),
    ],
)
def test_what_is_wrong_with_the_options_is_told(
    words: list[str],
    problem: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In the words of the command line, before anything is asked."""
    for name in ("HEYGEN_API_KEY", "SYNC_API_KEY", "AZURE_SPEECH_KEY", "WEBHOOK_SECRET"):
        monkeypatch.setenv(name, "the-key")
    monkeypatch.setenv("AZURE_SPEECH_REGION", "westeurope")
    monkeypatch.setenv("EMPTY", "")
    service = [] if "--service" in words else ["--service", "heygen"]
    assert refusal(capsys, *service, "a", *words).startswith(problem)
