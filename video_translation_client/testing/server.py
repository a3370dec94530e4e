"""The mock service behind a real socket, for tests, benchmarks and the command line.

``MockServer`` is a ``MockService`` that serves itself with werkzeug, on threads of its own,
and leaves no thread and no socket behind. What it answers is decided in ``service.py``.
"""

from __future__ import annotations

import collections
import contextlib
import logging
import os
import re
import socket
import sys
import threading
from typing import TYPE_CHECKING, Any, Callable

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from .._base.text import quote
from .page import Page
from .sender import sender_of
from .service import MockService

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self, Unpack

    from .script import Job
    from .service import ServiceSettings

_LOGGER = logging.getLogger("video_translation_client.testing")
_BACKLOG = 1024
_LONGEST_LINE = 1 << 20
_LARGEST_BODY = 1 << 20


class MockServer(MockService):
    """A mock service that listens on a port between ``start()`` and ``stop()``.

    Use it as a context manager, or call the two; a server that has been stopped may be started
    again and has the same port, jobs and requests as before. Safe to use from any thread, but
    for starting and stopping it. A browser sees a page at its URL: the jobs, and their polls.

    Args:
        host: The address to listen on: IPv4, IPv6 without brackets, or a name.
        port: The port, or 0 for one that is free.
        webhook: The URL to which the service's webhooks are sent when jobs end, such as
            ``"http://127.0.0.1:8080/"``: on a thread of the server's own, while it listens. Jobs
            begin with their first poll. What is not answered with a 2xx is sent thrice in all, and
            then given up with a warning in the log. It takes a ``service`` that has webhooks:
            ``"heygen"``, ``"murf"`` or ``"sync"``.
        webhook_secret: What they are signed with, as the service does; None: they are not signed.
        **settings: Those of ``MockService``.

    Raises:
        TypeError, ValueError: As for ``MockService``.

    Example:
        A job that fails after two seconds, and a first poll that meets a 503::

            with MockServer(duration=2.0) as server:
                server.job("job-1", outcome="error", faults={1: Fault.http(503)})
                client = VideoTranslationClient(server.url)
                assert client.get_status("job-1") == "error"
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        webhook: str | None = None,
        webhook_secret: str | None = None,
        **settings: Unpack[ServiceSettings],
    ) -> None:
        super().__init__(**settings)
        self._sender = sender_of(settings.get("service"), webhook, webhook_secret, self._clock)
        if not isinstance(host, str):
            raise TypeError(f"host must be an address or a name, not {host!r}")
        if not re.fullmatch(r"[!-~]+", host):
            raise ValueError(f"host must be an address or a name in ASCII, not {host!r}")
        if isinstance(port, bool) or not isinstance(port, int):
            raise TypeError(f"port must be a whole number from 0 to 65535, not {port!r}")
        if not 0 <= port <= 65535:
            raise ValueError(f"port must be a whole number from 0 to 65535, not {port}")
        self._host = host
        self._port = port
        self._running: tuple[_Server, threading.Thread] | None = None

    @property
    def host(self) -> str:
        """The address it listens on."""
        return self._host

    @property
    def port(self) -> int:
        """The port; 0 before the first start if it was to be a free one."""
        return self._port

    @property
    def url(self) -> str:
        """Where to reach it, such as ``http://127.0.0.1:5000``."""
        if not self._port:
            raise RuntimeError("the server has no port yet: start it first, with start() or with")
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    def start(self) -> None:
        """Begins to listen; returns when connections are accepted.

        Raises:
            OSError: The address can't be listened on; it may be in use.
            RuntimeError: It is listening already.
        """
        if self._running is not None:
            raise RuntimeError(f"the server listens already, on {self.url}")
        self._interrupt.clear()
        server = _Server(self._host, self._port, Page(self, self._look))
        self._port = server.port
        # The interval bounds how long stop() waits; it does not delay any connection.
        thread = threading.Thread(
            target=server.serve_forever, args=(0.02,), name="mock-server", daemon=True
        )
        thread.start()
        self._running = (server, thread)
        if self._sender is not None:
            self._sender.start()

    def stop(self) -> None:
        """Closes the port and all connections, and waits for the threads to end.

        Answers that are held up are given up. Does nothing if the server is not running.
        """
        if self._running is None:
            return
        server, thread = self._running
        self._running = None
        if self._sender is not None:
            self._sender.stop()
        server.shutdown()
        thread.join()
        server.close_connections()
        # Only now, so that whatever wakes finds its connection closed.
        self._interrupt.set()
        server.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _begin(self, job: Job) -> None:
        if self._sender is not None:
            self._sender.tell_of(job)


class _Handler(WSGIRequestHandler):
    """Speaks HTTP/1.1 on one connection for as many requests as the client likes.

    Werkzeug's own ``run_wsgi`` closes the connection after each answer.
    """

    server: _Server
    protocol_version = "HTTP/1.1"
    # Small answers would wait 40 ms for the client's delayed ACK otherwise.
    disable_nagle_algorithm = True
    error_content_type = "application/json"
    error_message_format = '{"error": "HTTP %(code)d"}'

    def handle_one_request(self) -> None:
        """As the base class does, for longer lines: job ids go into the first one."""
        self.raw_requestline = self.rfile.readline(_LONGEST_LINE + 1)
        if len(self.raw_requestline) > _LONGEST_LINE:
            self.requestline = self.request_version = self.command = ""
            self.send_error(414)
        elif not self.raw_requestline:
            self.close_connection = True
        elif self.parse_request():
            self.run_wsgi()

    def run_wsgi(self) -> None:
        """Answers one request with the app."""
        try:
            environ = self.make_environ()
        except ValueError:  # the target is no URL, such as "http://["
            self.send_error(400)
            return
        if self.request_version != "HTTP/1.1" or not self._discard_body():
            self.close_connection = True
        self.log_request()
        for piece in self.server.app(environ, self._start_response):
            if piece:
                self._send(piece)
        self._send(b"")

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Logs a request, or the error that it was refused with, for those who want to see it."""
        _LOGGER.debug("%s %s", quote(self.requestline), code)

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Sends werkzeug's log to this package's logger, which prints nothing by itself."""
        _LOGGER.debug(message, *args)

    def _discard_body(self) -> bool:
        # Nothing asks for a request's body, but the next request begins behind it.
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not re.fullmatch("[0-9]{1,9}", length):
            return False
        if int(length) > _LARGEST_BODY:
            return False
        return len(self.rfile.read(int(length))) == int(length)

    def _start_response(
        self,
        status: str,
        headers: list[tuple[str, str]],
        exc_info: Any = None,
    ) -> Callable[[bytes], None]:
        lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers)]
        sized = any(name.lower() == "content-length" for name, _ in headers)
        self._bodiless = self.command == "HEAD" or status[:3] in ("204", "304")
        self._chunked = not (sized or self._bodiless or self.close_connection)
        if self._chunked:
            lines.append("Transfer-Encoding: chunked")
        if self.close_connection:
            lines.append("Connection: close")
        self._head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        return self._send

    def _send(self, piece: bytes) -> None:
        """Sends a piece of the body, the first one together with the headers; empty ends it."""
        if self._bodiless:
            piece = b""
        if self._chunked:
            piece = b"%x\r\n%b\r\n" % (len(piece), piece)
        if self._head or piece:
            self.connection.sendall(self._head + piece)
        self._head = b""


class _Server(ThreadedWSGIServer):
    """Accepts connections, one thread each, and knows them all, so that it can close them."""

    def __init__(self, host: str, port: int, app: Page) -> None:
        self._connections: dict[socket.socket, threading.Thread] = {}
        self._ended: collections.deque[socket.socket] = collections.deque()
        # Protects the closing of connections: shutting down one that another thread is just
        # closing could hit whatever gets its descriptor next.
        self._closing = threading.Lock()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # Bound here, because werkzeug prints and exits where the address is in use.
        with socket.socket(family, socket.SOCK_STREAM) as listener:
            # Elsewhere than on POSIX, this option would let two servers share a port.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, os.name == "posix")
            listener.bind((host, port))
            listener.listen(_BACKLOG)
            super().__init__(host, port, app, _Handler, fd=listener.fileno())

    def process_request(self, request: Any, client_address: Any) -> None:
        """Starts the thread of a new connection, and joins those that have ended."""
        while self._ended:
            self._connections.pop(self._ended.popleft()).join()
        thread = threading.Thread(
            target=self.process_request_thread,
            args=(request, client_address),
            name="mock-server-connection",
            daemon=True,
        )
        thread.start()
        self._connections[request] = thread

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Handles one connection until it closes."""
        super().process_request_thread(request, client_address)
        self._ended.append(request)

    def shutdown_request(self, request: Any) -> None:
        """Closes a connection."""
        with self._closing:
            super().shutdown_request(request)

    def close_connections(self) -> None:
        """Closes all connections from outside, once none is accepted any more."""
        for connection in self._connections:
            with self._closing, contextlib.suppress(OSError):  # it may be closed already
                connection.shutdown(socket.SHUT_RDWR)

    def join(self) -> None:
        """Waits for the threads of all connections."""
        for thread in self._connections.values():
            thread.join()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Logs what ended a connection: lost ones are daily business here, errors are not."""
        lost = isinstance(sys.exc_info()[1], OSError)
        level = logging.DEBUG if lost else logging.ERROR
        _LOGGER.log(level, "A connection ended with an error", exc_info=True)
