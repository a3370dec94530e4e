"""What several test files share: servers, clients on the virtual clock, and processes."""

from __future__ import annotations

import contextlib
import os
import signal
import ssl
import sys
import threading
from typing import Any, Callable, Iterator

import pytest
from werkzeug.serving import make_server

from video_translation_client import VideoTranslationClient
from video_translation_client.testing import MockServer, VirtualClock

PATIENCE = 30
"""Seconds after which a test gives up on something that should have happened long before."""


def python_command(*arguments: str) -> list[str]:
    """The command that runs Python with ``arguments``, measured where the tests are."""
    if os.environ.get("COVERAGE_RUN"):
        return [sys.executable, "-m", "coverage", "run", "--parallel-mode", *arguments]
    return [sys.executable, *arguments]


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
