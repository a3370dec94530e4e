"""What several test files share: servers, clients on the virtual clock, and processes."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import ssl
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Callable, Iterator, NamedTuple

import pytest

if os.environ.get("COVERAGE_RUN") and os.environ.get("PYTEST_XDIST_WORKER"):
    import coverage

    # What `coverage run` started is the process that hands tests out to workers like this one.
    coverage.Coverage(auto_data=True).start()

from werkzeug.serving import make_server

from video_translation_client import Service, VideoTranslationClient
from video_translation_client.testing import MockServer, VirtualClock

PATIENCE = 30
"""Seconds after which a test gives up on something that should have happened long before."""


def python_command(*arguments: str) -> list[str]:
    """The command that runs Python with ``arguments``, measured where the tests are."""
    if os.environ.get("COVERAGE_RUN"):
        return [sys.executable, "-m", "coverage", "run", "--parallel-mode", *arguments]
    return [sys.executable, *arguments]


class Written(NamedTuple):
    """What the command line has written, without the time with which lines begin."""

    out: str
    err: str


def written(capsys: pytest.CaptureFixture[str]) -> Written:
    """What the command line has written since the last look."""
    return Written(*map(untimed, capsys.readouterr()))


def untimed(text: str) -> str:
    """The lines without the time with which they begin."""
    return re.sub(r"(?m)^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ", "", text)


def measured(program: str) -> tuple[str, dict[str, str]]:
    """A program that is measured to the very end, where the tests are, and its environment.

    ``coverage run`` stops where the main thread does.
    """
    environment = dict(os.environ)
    if os.environ.get("COVERAGE_RUN"):
        environment["COVERAGE_PROCESS_START"] = os.environ.get("COVERAGE_RCFILE", "")
        program = f"import coverage\n\ncoverage.process_startup()\n{program}"
    return program, environment


def communicate_after(number: int, process: subprocess.Popen[str]) -> tuple[str, str]:
    """Sends a process a signal that is to end it; returns its last output and errors.

    Python looks for signals before it waits for a lock. One that comes between the two is seen at
    the next one only, so as a person would, it is sent again where nothing happens for long.
    """
    for _ in range(3):
        process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=PATIENCE / 3)
    raise AssertionError(f"the process still runs after signal {number}")


@contextlib.contextmanager
def serving(app: Callable[..., Any], ssl_context: ssl.SSLContext | None = None) -> Iterator[str]:
    """Serves a WSGI app on a free loopback port; gives its URL."""
    server = make_server("127.0.0.1", 0, app, threaded=True, ssl_context=ssl_context)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http{'s' if ssl_context else ''}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Request(NamedTuple):
    """What arrived; header names are lower case."""

    time: float
    method: str
    target: str
    headers: dict[str, str]


class Provider:
    """A service that gives the answers it is told, the last one again and again."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.answers: list[Any] = []
        self.requests: list[Request] = []

    def tell(self, *answers: Any) -> None:
        """Takes bodies, or triples of a status, a body and headers."""
        self.answers = [
            (200, answer, {}) if isinstance(answer, str) else (*answer, {})[:3]
            for answer in answers
        ]

    def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
        self.requests.append(
            Request(
                self.clock.monotonic(),
                environ["REQUEST_METHOD"],
                environ["REQUEST_URI"],
                {
                    name[5:].replace("_", "-").lower(): value
                    for name, value in environ.items()
                    if name.startswith("HTTP_")
                },
            )
        )
        code, body, headers = self.answers[min(len(self.requests), len(self.answers)) - 1]
        start_response(f"{code} Said", list(headers.items()))
        return [body.encode()]

    @property
    def times(self) -> list[float]:
        """When requests arrived."""
        return [request.time for request in self.requests]


@pytest.fixture(autouse=True, scope="session")
def _interruptible() -> None:
    """Lets Ctrl-C reach the processes of the tests, also where they run in the background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's proxy would not find the servers of the tests."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def clock(virtual_clock: VirtualClock) -> VirtualClock:
    """The clock that the server and the clients share."""
    return virtual_clock


@pytest.fixture
def server(video_translation_server: MockServer) -> MockServer:
    """A mock server on the virtual clock."""
    return video_translation_server


@pytest.fixture
def provider(clock: VirtualClock) -> Provider:
    """A service to script, to be served."""
    return Provider(clock)


@pytest.fixture
def make_client(
    server: MockServer, clock: VirtualClock
) -> Iterator[Callable[..., VideoTranslationClient]]:
    """Makes clients of the mock server, on its clock and without jitter."""
    clients: list[VideoTranslationClient] = []

    def make(base_url: str = server.url, **arguments: Any) -> VideoTranslationClient:
        arguments = {"clock": clock, "jitter": 0, **arguments}
        clients.append(VideoTranslationClient(base_url, **arguments))
        return clients[-1]

    yield make
    for client in clients:
        client.shutdown(cancel_futures=True)


QUICK = {"initial_wait_time": 0.05, "backoff_factor": 1, "jitter": 0, "max_attempts": None}
"""Arguments of a client that asks often, in real time."""


VARIABLE = "TEST_OF_CLUSTERS_KEY"
KEYED = Service(
    "acme",
    status="result",
    headers=(("X-Key", "{api_key}"),),
    variables=(("api_key", VARIABLE),),
)
"""A service whose key stands in that environment variable."""


SECRETS = {
    "api_key": {"api_key": "hush-key"},
    "service": {
        "api_key": "hush-key",
        "service": Service("acme", status="result", headers=(("X-Key", "hush-p{api_key}"),)),
    },
    "url": {"user": "hush-user:hush-password@"},
    "headers": {"headers": {"X-Token": "hush-header", "Authorization": "hush-authorization"}},
    "auth": {"auth": ("hush-user", "hush-password")},
    "cookies": {"cookies": {"hush-name": "hush-cookie"}},
}
"""Arguments of a client by what is secret in them, which begins with "hush-"."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a store is."""
    return tmp_path / "waits.sqlite3"


@pytest.fixture
def make(server: MockServer, path: Path) -> Iterator[Callable[..., VideoTranslationClient]]:
    """Makes clients in real time with a store."""
    clients: list[VideoTranslationClient] = []

    def make(base_url: str | None = None, **arguments: Any) -> VideoTranslationClient:
        arguments = {**QUICK, "store": path, **arguments}
        clients.append(VideoTranslationClient(base_url or server.url, **arguments))
        return clients[-1]

    yield make
    for client in clients:
        client.shutdown(cancel_futures=True)


@pytest.fixture
def dask() -> Iterator[Any]:
    """A client of a cluster of Dask's, with two workers in this process."""
    distributed = pytest.importorskip("distributed")
    nowhere = "127.0.0.1:0"
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=False,
        dashboard_address=nowhere,
        worker_dashboard_address=nowhere,
    ) as cluster, distributed.Client(cluster, set_as_default=False) as client:
        yield client
