"""What receives webhooks beside a watch: a small HTTP server in threads that end with it."""

from __future__ import annotations

import contextlib
import io
import os
import socket
import socketserver
import threading
from typing import TYPE_CHECKING, Any, Iterator
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from .._base.arguments import ArgumentError
from ..webhooks import receiver
from .output import complain

if TYPE_CHECKING:
    import argparse

    from ..client import VideoTranslationClient
    from .parser import Parser

_PORT, _HOST, _SECRET = "--webhook-port", "--webhook-host", "--webhook-secret-env"
_LOOPBACK = "127.0.0.1"

# The most seconds that a caller may keep silent.
_PATIENCE = 10

# Seconds between two looks at whether it is over.
_TICK = 0.1


def add_webhooks(parser: Parser) -> None:
    """Gives a parser the options."""
    group = parser.add_argument_group(
        "webhooks",
        "A call of the service has its job asked at once; what it claims is not\nbelieved. Jobs are"
        " polled all the same.",
    )
    group.add_argument(
        _PORT, metavar="PORT", help="receive webhooks there, at any path; 0 means any free port"
    )
    group.add_argument(
        _HOST,
        metavar="ADDRESS",
        help=f"the address to listen at (default: {_LOOPBACK}, which only this machine and a proxy"
        " on it reach)",
    )
    group.add_argument(
        _SECRET,
        metavar="VARIABLE",
        help="the environment variable that holds the secret with which the service signs; calls"
        " without its signature are refused then. Without, all are taken",
    )


def to_repeat(given: argparse.Namespace) -> list[str]:
    """Returns the words that do the same once more."""
    texts = {
        _PORT: given.webhook_port,
        _HOST: given.webhook_host,
        _SECRET: given.webhook_secret_env,
    }
    return [f"{name}={text}" for name, text in texts.items() if text is not None]


@contextlib.contextmanager
def webhooks(
    parser: Parser, given: argparse.Namespace, client: VideoTranslationClient
) -> Iterator[None]:
    """Receives them meanwhile, if that is asked for, or ends the process where it can't be."""
    if given.webhook_port is None:
        for name, text in ((_HOST, given.webhook_host), (_SECRET, given.webhook_secret_env)):
            if text is not None:
                parser.error(f"argument {name}: only with {_PORT}")
        yield
        return
    app = _app(parser, given, client)
    host, port = given.webhook_host or _LOOPBACK, _port(parser, given)
    try:
        server = _server(host, port)
    except OSError as error:
        parser.error(
            f"argument {_PORT}: can't listen at {host}, port {port}: {error.strerror or error}"
        )
    server.set_app(app)
    name = "video-translation-client-webhooks"
    thread = threading.Thread(target=server.serve_forever, args=(_TICK,), name=name, daemon=True)
    thread.start()
    try:
        complain(f"Webhooks are received at {server.url}")
        yield
    finally:
        server.shutdown()
        server.server_close()


def _port(parser: Parser, given: argparse.Namespace) -> int:
    text = given.webhook_port
    if not (text.isascii() and text.isdigit() and int(text) < 65536):
        parser.error(f"argument {_PORT}: must be a number from 0 to 65535, not {text!r}")
    return int(text)


def _app(parser: Parser, given: argparse.Namespace, client: VideoTranslationClient) -> Any:
    known = client._endpoint.service.webhooks
    if not known:
        parser.error(f"argument {_PORT}: no webhooks are known of this service")
    variable = given.webhook_secret_env
    if variable is None:
        return receiver(client)
    if all(webhook.signature is None for webhook in known):
        parser.error(f"argument {_SECRET}: it is not known how this service signs its calls")
    secret = os.environ.get(variable)
    if secret is None:
        parser.error(f"argument {_SECRET}: there is no environment variable {variable}")
    try:
        return receiver(client, secret)
    except ArgumentError as error:
        parser.error(f"argument {_SECRET}: the environment variable {variable} {error.problem}")


class _Handler(WSGIRequestHandler):
    """Takes one call; it writes nothing, and does not wait for ever."""

    timeout = _PATIENCE

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Writes nothing: the log of the receiver has it."""

    def get_stderr(self) -> Any:
        """Returns where a caller that breaks off is told of."""
        return io.StringIO()


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    """Takes any number of calls at once, and waits for none when it ends."""

    daemon_threads = True
    block_on_close = False

    @property
    def url(self) -> str:
        """Where it listens."""
        host = f"[{self.server_name}]" if ":" in self.server_name else self.server_name
        return f"http://{host}:{self.server_port}/"

    def server_bind(self) -> None:
        """Binds, without the look-up of the host's name, which may take long."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]
        self.setup_environ()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing of a caller that broke off, or was silent for too long."""


class _Server6(_Server):
    """The same at an address of IPv6."""

    address_family = socket.AF_INET6


def _server(host: str, port: int) -> _Server:
    return (_Server6 if ":" in host else _Server)((host, port), _Handler)
