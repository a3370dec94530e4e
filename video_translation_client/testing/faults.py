"""What can go wrong with one answer of the mock service, as frozen values.

A ``Fault`` says what goes wrong and plays it; which poll it hits is up to a job's script.
It never knows jobs, keeps no state and reads no clock.
"""

from __future__ import annotations

import contextlib
import re
import socket
import zlib
from dataclasses import dataclass
from http import HTTPStatus
from typing import (
    TYPE_CHECKING,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    NamedTuple,
    NoReturn,
    Tuple,
)

from .._base import arguments

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

Headers = Tuple[Tuple[str, str], ...]

_JSON: Headers = (("Content-Type", "application/json"),)
_NO_BODY = (204, 304)
_REDIRECTS = (301, 302, 303, 307, 308)
_PIECE = 65536
_PIECES_IN_A_MEBIBYTE = 16
_KIBIBYTES_IN_A_COOKIE = 32
_UNASKED = b'HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n{"result": "error"}'


class Answer(NamedTuple):
    """An HTTP answer that has not been sent yet.

    Attributes:
        code: The HTTP status.
        headers: Name and value, in the order in which they are sent.
        body: The pieces of the body; may be produced while they are sent.
    """

    code: int
    headers: Headers
    body: Iterable[bytes]

    def send(self, start_response: StartResponse) -> Iterable[bytes]:
        """Returns the body, as a WSGI app does, after the start of the response."""
        start_response(f"{self.code} {_REASONS.get(self.code, 'Unknown')}", list(self.headers))
        return self.body


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong with one answer; the static methods make them all.

    Attributes:
        kind: What goes wrong, in a few words.
        code: The HTTP status of the answer, from 200 to 599.
        headers: Name and value of its headers; ``Content-Length`` is added where it is missing.
        body: Its body; a 204 or 304 has none.
        seconds: How long the answer is held up.
        mebibytes: The size of a generated body, unpacked.
    """

    kind: str
    code: int = 200
    headers: Headers = ()
    body: bytes = b""
    seconds: float = 0.0
    mebibytes: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.code, bool) or not isinstance(self.code, int):
            raise TypeError(f"code must be an HTTP status from 200 to 599, not {self.code!r}")
        if not 200 <= self.code <= 599:
            raise ValueError(f"code must be an HTTP status from 200 to 599, not {self.code}")
        if not isinstance(self.body, bytes):
            raise TypeError(f"body must be bytes, not {self.body!r}")
        if self.body and self.code in _NO_BODY:
            raise ValueError(f"body must be empty for a {self.code}, not {self.body!r}")
        for name, value in self.headers:
            _check_header(name, value)

    @staticmethod
    def http(code: int, headers: Mapping[str, str] | Headers = (), body: bytes = b"") -> Fault:
        """Any HTTP status from 200 to 599, with any headers (a mapping or pairs) and body."""
        try:
            pairs = headers.items() if isinstance(headers, Mapping) else headers
            checked = tuple((name, value) for name, value in pairs)
        except (TypeError, ValueError):
            raise TypeError(f"headers must be a mapping or pairs, not {headers!r}") from None
        return Fault(f"HTTP {code}", code, checked, body)

    @staticmethod
    def slow(seconds: float) -> Fault:
        """The ordinary answer, ``seconds`` late (0 or more)."""
        return Fault("slow", seconds=arguments.number("seconds", seconds, least=0))

    @staticmethod
    def drop() -> Fault:
        """The connection closes before the answer."""
        return Fault("drop")

    @staticmethod
    def drop_midway() -> Fault:
        """The connection closes in the middle of the ordinary answer's body."""
        return Fault("drop midway")

    @staticmethod
    def not_json() -> Fault:
        """A 200 with a page for people, as gateways send it."""
        html = (("Content-Type", "text/html"),)
        return Fault("not JSON", headers=html, body=b"<html>Service unavailable</html>")

    @staticmethod
    def not_an_object() -> Fault:
        """A 200 with JSON that is not an object."""
        return Fault("not an object", headers=_JSON, body=b'["pending"]')

    @staticmethod
    def no_status() -> Fault:
        """A 200 with a JSON object that has no status in it."""
        return Fault("no status", headers=_JSON, body=b'{"message": "try again"}')

    @staticmethod
    def unknown_status() -> Fault:
        """A 200 with a status word that the service's language does not have."""
        return Fault("unknown status", headers=_JSON, body=b'{"result": "hibernating"}')

    @staticmethod
    def interim(code: int = 103, seconds: float = 0.0) -> Fault:
        """An interim answer, 100 to 199, and the ordinary one ``seconds`` later (0 or more)."""
        if isinstance(code, bool) or not isinstance(code, int) or not 100 <= code <= 199:
            raise ValueError(f"code must be a whole number from 100 to 199, not {code!r}")
        late = arguments.number("seconds", seconds, least=0)
        head = f"HTTP/1.1 {code} {_REASONS.get(code, 'Unknown')}\r\n\r\n".encode()
        return Fault("interim", body=head, seconds=late)

    @staticmethod
    def surplus() -> Fault:
        """The ordinary answer, and one that nobody asked for behind it, which says ``error``."""
        return Fault("surplus", body=_UNASKED)

    @staticmethod
    def stale() -> Fault:
        """The ordinary answer; the connection then closes as the next request arrives on it."""
        return Fault("stale")

    @staticmethod
    def cookies(kibibytes: int) -> Fault:
        """The ordinary answer, with cookies of at least ``kibibytes``, up to 32 in each."""
        number = -(-arguments.count("kibibytes", kibibytes) // _KIBIBYTES_IN_A_COOKIE)
        size = -(-kibibytes // number) * 1024
        cookies = (("Set-Cookie", f"large-{one}={'x' * size}; Path=/") for one in range(number))
        return Fault("cookies", headers=tuple(cookies))

    @staticmethod
    def redirect(location: str, code: int = 302) -> Fault:
        """A redirect to ``location``: 301, 302, 303, 307 or 308."""
        if code not in _REDIRECTS:
            raise ValueError(f"code must be one of {_REDIRECTS}, not {code!r}")
        return Fault(f"redirect {code}", code, (("Location", location),))

    @staticmethod
    def big(mebibytes: int) -> Fault:
        """A valid answer, padded to exactly ``mebibytes``; sent in pieces, never held whole."""
        return Fault("big", headers=_JSON, mebibytes=arguments.count("mebibytes", mebibytes))

    @staticmethod
    def gzip_bomb(mebibytes: int) -> Fault:
        """The answer of ``big`` as gzip: about a thousandth of it is sent."""
        headers = (*_JSON, ("Content-Encoding", "gzip"))
        size = arguments.count("mebibytes", mebibytes)
        return Fault("gzip bomb", headers=headers, mebibytes=size)

    @staticmethod
    def drip(seconds: int) -> Fault:
        """The ordinary answer after one header's bytes, one a second: each read gets something."""
        return Fault("drip", seconds=arguments.count("seconds", seconds))

    def play(
        self,
        ordinary: Answer,
        environ: WSGIEnvironment,
        start_response: StartResponse,
        sleep: Callable[[float], None],
    ) -> Iterable[bytes]:
        """Answers a request with this fault.

        Args:
            ordinary: The answer without the fault.
            environ: The request.
            start_response: As the WSGI server gave it.
            sleep: Blocks for a number of seconds.

        Returns:
            The body, as a WSGI app does.

        Raises:
            ConnectionError: The fault was to close the connection, or the other side did.
            RuntimeError: The fault needs a socket that the WSGI server does not pass on.
        """
        if self.kind == "drop":
            close(self._socket(environ))
        if self.kind == "drop midway":
            return _first_half(ordinary, start_response, self._socket(environ))
        if self.kind == "drip":
            _drip(ordinary, self._socket(environ), int(self.seconds), sleep)
        if self.kind == "stale":
            _leave_stale(ordinary, self._socket(environ))
        if self.kind == "interim":
            self._socket(environ).sendall(self.body)
        if self.kind in ("slow", "interim"):
            sleep(self.seconds)
            return ordinary.send(start_response)
        if self.kind == "surplus":
            body = b"".join(ordinary.body) + self.body
            return ordinary._replace(body=[body]).send(start_response)
        if self.kind == "cookies":
            headers = (*ordinary.headers, *self.headers)
            return ordinary._replace(headers=headers).send(start_response)
        return self._answer().send(start_response)

    def _answer(self) -> Answer:
        body: Iterable[bytes] = [self.body]
        size = len(self.body)
        if self.mebibytes:
            body, size = _padded(self.mebibytes), self.mebibytes * _PIECES_IN_A_MEBIBYTE * _PIECE
        names = {name.lower() for name, _ in self.headers}
        if "content-encoding" in names and self.mebibytes:
            return Answer(self.code, self.headers, _compressed(body))
        if "content-length" in names or self.code in _NO_BODY:
            return Answer(self.code, self.headers, body)
        return Answer(self.code, (*self.headers, ("Content-Length", str(size))), body)

    def _socket(self, environ: WSGIEnvironment) -> socket.socket:
        connection = environ.get("werkzeug.socket")
        if not isinstance(connection, socket.socket):
            raise RuntimeError(
                f"the fault {self.kind!r} needs the connection's socket as"
                " environ['werkzeug.socket'], which this WSGI server does not pass on;"
                " MockServer does"
            )
        return connection


def _check_header(name: str, value: str) -> None:
    if not isinstance(name, str) or not isinstance(value, str):
        raise TypeError(f"headers must be pairs of str, not {(name, value)!r}")
    if not re.fullmatch(r"[!#-'*+.^_`|~0-9A-Za-z-]+", name):
        raise ValueError(f"headers must have names such as 'Retry-After', not {name!r}")
    if not re.fullmatch(r"[\x20-\x7e\xa0-\xff]*", value):
        raise ValueError(f"the header {name!r} must be one line of Latin-1 text, not {value!r}")


def close(connection: socket.socket) -> NoReturn:
    """Closes a connection in the middle of something, and raises a ConnectionError."""
    with contextlib.suppress(OSError):  # the other side may be faster
        connection.shutdown(socket.SHUT_RDWR)
    raise ConnectionAbortedError("closed by a fault")


def _first_half(
    ordinary: Answer, start_response: StartResponse, connection: socket.socket
) -> Iterator[bytes]:
    body = b"".join(ordinary.send(start_response))
    yield body[: len(body) // 2]
    close(connection)


def _drip(
    ordinary: Answer, connection: socket.socket, seconds: int, sleep: Callable[[float], None]
) -> None:
    # WSGI sends headers whole, so this answer bypasses it from the first byte to the last.
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Drip: ")
    for _ in range(seconds):
        sleep(1.0)
        connection.sendall(b".")
    lines = ["", *_lines(ordinary), "Connection: close"]
    connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + b"".join(ordinary.body))
    close(connection)


def _leave_stale(ordinary: Answer, connection: socket.socket) -> NoReturn:
    lines = [f"HTTP/1.1 {ordinary.code} {_REASONS[ordinary.code]}", *_lines(ordinary), "", ""]
    connection.sendall("\r\n".join(lines).encode("latin-1") + b"".join(ordinary.body))
    connection.recv(_PIECE)  # the next request, or the end
    close(connection)


def _lines(answer: Answer) -> list[str]:
    return [f"{name}: {value}" for name, value in answer.headers]


def _padded(mebibytes: int) -> Iterator[bytes]:
    start, end, spaces = b'{"result": "pending", "padding": "', b'"}', b" " * _PIECE
    yield start + spaces[len(start) + len(end) :]
    for _ in range(mebibytes * _PIECES_IN_A_MEBIBYTE - 1):
        yield spaces
    yield end


def _compressed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    compressor = zlib.compressobj(wbits=31)  # 31: with a gzip header and trailer
    for piece in pieces:
        yield compressor.compress(piece)
    yield compressor.flush()


_REASONS: dict[int, str] = {
    103: "Early Hints",  # which HTTPStatus knows since Python 3.9
    **{status.value: status.phrase for status in HTTPStatus},
}

QUICK_FAULTS: tuple[Fault, ...] = (
    Fault.http(429, {"Retry-After": "1"}),
    Fault.http(500),
    Fault.http(502),
    Fault.http(503),
    Fault.http(504),
    Fault.drop(),
    Fault.drop_midway(),
    Fault.not_json(),
    Fault.not_an_object(),
    Fault.no_status(),
    Fault.unknown_status(),
)
"""What a ``fault_rate`` draws from: faults that pass and take no time."""

ALL_FAULTS: tuple[Fault, ...] = (
    *QUICK_FAULTS,
    Fault.slow(30.0),
    Fault.drip(30),
    Fault.big(64),
    Fault.gzip_bomb(1024),
    Fault.interim(103, 0.1),
    Fault.surplus(),
    Fault.stale(),
    Fault.cookies(512),
    *(Fault.redirect("/elsewhere", code) for code in _REDIRECTS),
)
"""Every kind of fault, each once, as it comes without further wishes."""
