"""What the mock service takes from a WSGI server (PEP 3333): requests, and their connections."""

from __future__ import annotations

import selectors
import socket
from typing import TYPE_CHECKING

from .languages import Request

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


def request_of(environ: WSGIEnvironment) -> Request:
    """Returns what a language reads of a request."""
    headers = {
        name[5:].replace("_", "-").title(): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    path = _decoded(environ.get("PATH_INFO", ""))
    query = _decoded(environ.get("QUERY_STRING", ""))
    return Request(environ["REQUEST_METHOD"], path, query, headers)


def base_of(environ: WSGIEnvironment) -> str:
    """Returns the origin that the client has asked."""
    host = environ.get("HTTP_HOST") or f"{environ['SERVER_NAME']}:{environ['SERVER_PORT']}"
    return f"{environ['wsgi.url_scheme']}://{host}"


def is_closed(connection: socket.socket | None) -> bool:
    """Says whether the client has closed its side, without taking what it may have sent."""
    if connection is None:  # a WSGI server that doesn't pass it on
        return False
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(connection, selectors.EVENT_READ)
            return bool(selector.select(0)) and not connection.recv(1, socket.MSG_PEEK)
    except (OSError, ValueError):  # ValueError: closed on our side
        return True


def _decoded(text: str) -> str:
    # PEP 3333: the bytes of the request, each as one Latin-1 character.
    return text.encode("latin-1").decode("utf-8", "replace")
