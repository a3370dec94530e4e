"""A server for tests that have every byte of an answer, and every end of a connection, in hand."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from typing import Any, Callable, Iterator, NamedTuple

from conftest import PATIENCE

CLOSE = object()
"""What an answer returns that has the connection closed, in place of bytes to send."""

RESET = object()
"""Likewise, with a reset."""


class Asked(NamedTuple):
    """One request: on which connection it came, and as its how manieth, both from 1."""

    connection: int
    number: int
    method: str
    path: str
    head: str
    stream: Any

    def send(self, data: bytes) -> None:
        """Sends bytes before the answer returns."""
        self.stream.sendall(data)


def told(word: str, head: str = "") -> bytes:
    """Returns a whole answer that says ``word``, with more lines in its head."""
    body = f'{{"result": "{word}"}}'
    return f"HTTP/1.1 200 OK\r\n{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


class RawServer:
    """Answers each request with the bytes that ``answer`` returns for it, or as ``CLOSE`` says."""

    def __init__(self, answer: Callable[[Asked], Any], tls: ssl.SSLContext | None) -> None:
        self.requests: list[Asked] = []
        self.connections = 0
        self._answer = answer
        self._tls = tls
        self._threads: list[threading.Thread] = []
        self._streams: list[socket.socket] = []
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(128)
        self.port = self._listener.getsockname()[1]
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}"

    def serve(self) -> None:
        """Accepts connections until the listener is shut down."""
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._run, args=(connection, self.connections))
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Accepts no more connections."""
        self._listener.shutdown(socket.SHUT_RDWR)

    def join(self) -> None:
        """Ends the connections."""
        self._listener.close()
        for stream in self._streams:
            with contextlib.suppress(OSError):  # it is closed already
                stream.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE)

    def _run(self, connection: socket.socket, number: int) -> None:
        stream = connection
        try:
            if self._tls is not None:
                stream = self._tls.wrap_socket(connection, server_side=True)
            self._streams.append(stream)
            with stream:
                self._talk(stream, number)
        except OSError:  # the client has closed it
            connection.close()

    def _talk(self, stream: socket.socket, connection: int) -> None:
        number, received = 0, b""
        while True:
            while b"\r\n\r\n" not in received:
                piece = stream.recv(65536)
                if not piece:
                    return
                received += piece
            head, _, received = received.partition(b"\r\n\r\n")
            method, path, _ = head.decode().split(" ", 2)
            number += 1
            asked = Asked(connection, number, method, path, head.decode(), stream)
            self.requests.append(asked)
            answer = self._answer(asked)
            if answer is RESET:
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if not isinstance(answer, bytes):
                return
            stream.sendall(answer)


@contextlib.contextmanager
def answering(
    answer: Callable[[Asked], Any], tls: ssl.SSLContext | None = None
) -> Iterator[RawServer]:
    """Serves on a free loopback port."""
    server = RawServer(answer, tls)
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join(PATIENCE)
        server.join()
