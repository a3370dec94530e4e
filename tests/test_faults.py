"""What each fault looks like to a client, over a real socket."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import socket
import tracemalloc
import zlib
from typing import Any, Iterator
from wsgiref.util import setup_testing_defaults

import pytest
from conftest import PATIENCE

from video_translation_client.testing import Fault, MockServer, MockService, VirtualClock
from video_translation_client.testing.faults import ALL_FAULTS, QUICK_FAULTS


@contextlib.contextmanager
def meeting(
    fault: Fault, clock: VirtualClock | None = None
) -> Iterator[http.client.HTTPConnection]:
    """Gives a connection to a server on which the first poll has met the fault."""
    with MockServer(duration=3600, clock=clock) as server:
        server.job(faults={1: fault})
        connection = http.client.HTTPConnection(server.host, server.port, timeout=PATIENCE)
        connection.request("GET", "/status")
        try:
            yield connection
        finally:
            connection.close()


def assert_goes_on(connection: http.client.HTTPConnection) -> None:
    """Asserts that the next request on the same connection is answered as usual."""
    assert connection.sock is not None
    connection.request("GET", "/status")
    assert json.loads(connection.getresponse().read()) == {"result": "pending"}


def test_http() -> None:
    """Any status comes with any headers and body, and the connection stays open."""
    fault = Fault.http(429, {"Retry-After": "7", "X-Reason": "é"}, b"slow down")
    with meeting(fault) as connection:
        response = connection.getresponse()
        assert (response.status, response.reason) == (429, "Too Many Requests")
        assert (response.headers["Retry-After"], response.headers["X-Reason"]) == ("7", "é")
        assert response.headers["Content-Length"] == "9"
        assert response.read() == b"slow down"
        assert_goes_on(connection)


def test_http_with_unknown_status() -> None:
    """A status that HTTP does not define has a reason all the same."""
    with meeting(Fault.http(599)) as connection:
        response = connection.getresponse()
        assert (response.status, response.reason, response.read()) == (599, "Unknown", b"")
        assert_goes_on(connection)


def test_http_with_wrong_length() -> None:
    """A Content-Length given by the fault is sent as it is, even if it is a lie."""
    headers = (("Content-Length", "3"), ("X-Twice", "1"), ("X-Twice", "2"))
    with meeting(Fault.http(200, headers, b"12345")) as connection:
        response = connection.getresponse()
        assert response.headers.get_all("X-Twice") == ["1", "2"]
        assert response.headers["Content-Length"] == "3"
        assert response.read() == b"123"


@pytest.mark.parametrize("code", [204, 304])
def test_http_without_body(code: int) -> None:
    """A status that has no body sends none, and the next answer is not mistaken for one."""
    with meeting(Fault.http(code)) as connection:
        response = connection.getresponse()
        assert (response.status, response.read()) == (code, b"")
        assert response.headers["Content-Length"] is None
        assert_goes_on(connection)


def test_slow(clock: VirtualClock) -> None:
    """The ordinary answer comes when the seconds have passed."""
    with meeting(Fault.slow(30), clock) as connection:
        assert json.loads(connection.getresponse().read()) == {"result": "pending"}
        assert clock.monotonic() == 30
        assert_goes_on(connection)


def test_drop() -> None:
    """The connection is closed without a byte of an answer."""
    with meeting(Fault.drop()) as connection, pytest.raises(http.client.RemoteDisconnected):
        connection.getresponse()


def test_drop_midway() -> None:
    """The connection is closed in the middle of the body."""
    with meeting(Fault.drop_midway()) as connection:
        response = connection.getresponse()
        assert response.status == 200
        with pytest.raises(http.client.IncompleteRead) as caught:
            response.read()
    assert caught.value.partial == b'{"result":'


@pytest.mark.parametrize(
    ("fault", "body"),
    [
        (Fault.not_an_object(), ["pending"]),
        (Fault.no_status(), {"message": "try again"}),
        (Fault.unknown_status(), {"result": "hibernating"}),
    ],
)
def test_bad_bodies(fault: Fault, body: Any) -> None:
    """A bad body comes as JSON with a 200."""
    with meeting(fault) as connection:
        response = connection.getresponse()
        assert (response.status, response.headers["Content-Type"]) == (200, "application/json")
        assert json.loads(response.read()) == body
        assert_goes_on(connection)


def test_not_json() -> None:
    """A page for people comes with a 200 too."""
    with meeting(Fault.not_json()) as connection:
        response = connection.getresponse()
        assert (response.status, response.headers["Content-Type"]) == (200, "text/html")
        assert response.read().startswith(b"<html>")


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirect(code: int) -> None:
    """A redirect names its location."""
    with meeting(Fault.redirect("http://127.0.0.1:1/status", code)) as connection:
        response = connection.getresponse()
        assert (response.status, response.read()) == (code, b"")
        assert response.headers["Location"] == "http://127.0.0.1:1/status"
        assert_goes_on(connection)


def test_big() -> None:
    """A big answer is valid and has exactly the size that was asked for."""
    with meeting(Fault.big(3)) as connection:
        response = connection.getresponse()
        assert response.headers["Content-Length"] == str(3 << 20)
        body = response.read()
        assert len(body) == 3 << 20
        assert json.loads(body)["result"] == "pending"
        assert_goes_on(connection)


def test_gzip_bomb() -> None:
    """A gzip bomb is small on the wire, and unpacks to exactly the size that was asked for."""
    with meeting(Fault.gzip_bomb(3)) as connection:
        response = connection.getresponse()
        assert response.headers["Content-Encoding"] == "gzip"
        packed = response.read()
        assert len(packed) < 16384
        body = zlib.decompress(packed, wbits=31)
        assert len(body) == 3 << 20
        assert json.loads(body)["result"] == "pending"
        assert_goes_on(connection)


def test_generated_bodies_need_little_memory() -> None:
    """A body of a gibibyte is made piece by piece."""
    tracemalloc.start()
    try:
        for fault in (Fault.big(1024), Fault.gzip_bomb(1024)):
            service = MockService()
            service.job(faults={1: fault})
            environ: dict[str, Any] = {"PATH_INFO": "/status"}
            setup_testing_defaults(environ)
            body = service(environ, lambda *_: None)
            assert sum(map(len, itertools.islice(body, 100))) > 0
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1 << 20


def test_drip(clock: VirtualClock) -> None:
    """A header drips at a byte a second, then the ordinary answer follows and the end."""
    with meeting(Fault.drip(20), clock) as connection:
        response = connection.getresponse()
        assert clock.monotonic() == 20
        assert response.headers["X-Drip"] == "." * 20
        assert response.headers["Connection"] == "close"
        assert json.loads(response.read()) == {"result": "pending"}


def received(connection: http.client.HTTPConnection, size: int) -> bytes:
    """Returns the next bytes as they come."""
    data = b""
    while len(data) < size:
        piece = connection.sock.recv(size - len(data))
        assert piece, data
        data += piece
    return data


@pytest.mark.parametrize(
    ("code", "line"), [(103, "103 Early Hints"), (102, "102 Processing"), (199, "199 Unknown")]
)
def test_interim(clock: VirtualClock, code: int, line: str) -> None:
    """An interim answer comes at once, the ordinary one later on the same connection."""
    head = f"HTTP/1.1 {line}\r\n\r\n".encode()
    with meeting(Fault.interim(code, 30), clock) as connection:
        assert received(connection, len(head)) == head
        assert json.loads(connection.getresponse().read()) == {"result": "pending"}
        assert clock.monotonic() == 30
        assert_goes_on(connection)


def test_surplus() -> None:
    """Behind the ordinary answer comes a whole one more, and the connection stays open."""
    with meeting(Fault.surplus()) as connection:
        data = b""
        while not data.endswith(b'{"result": "error"}'):
            data += received(connection, 1)
        first, second, third = data.split(b"HTTP/1.1 200 OK\r\n")
        assert first == b""
        assert second.endswith(b'\r\n\r\n{"result": "pending"}')
        assert third == b'Content-Length: 19\r\n\r\n{"result": "error"}'
        connection.sock.sendall(b"GET /status HTTP/1.1\r\nHost: a\r\n\r\n")
        assert received(connection, 15) == b"HTTP/1.1 200 OK"


def test_stale() -> None:
    """The ordinary answer says nothing of a close; the next request meets it."""
    with meeting(Fault.stale()) as connection:
        response = connection.getresponse()
        assert json.loads(response.read()) == {"result": "pending"}
        assert (response.headers["Connection"], response.will_close) == (None, False)
        connection.request("GET", "/status")
        with pytest.raises(ConnectionResetError):  # of which RemoteDisconnected is a kind
            connection.getresponse()


@pytest.mark.parametrize(("kibibytes", "number"), [(1, 1), (32, 1), (33, 2), (1000, 32)])
def test_cookies(kibibytes: int, number: int) -> None:
    """The ordinary answer sets cookies of that size, in lines that clients can read."""
    with meeting(Fault.cookies(kibibytes)) as connection:
        response = connection.getresponse()
        cookies = response.headers.get_all("Set-Cookie")
        assert len(cookies) == number
        assert kibibytes << 10 <= sum(map(len, cookies)) < (kibibytes + number) * 1024 + 32 * number
        assert json.loads(response.read()) == {"result": "pending"}
        assert_goes_on(connection)


@pytest.mark.parametrize(
    "fault",
    [Fault.drop(), Fault.drop_midway(), Fault.drip(1), Fault.interim(), Fault.stale()],
)
def test_socket_is_needed(fault: Fault) -> None:
    """In a WSGI server that hides its sockets, a fault that needs one says so."""
    service = MockService()
    service.job(faults={1: fault})
    environ: dict[str, Any] = {"PATH_INFO": "/status"}
    setup_testing_defaults(environ)
    message = f"the fault {fault.kind!r} needs .*'werkzeug.socket'.* MockServer does"
    with pytest.raises(RuntimeError, match=message):
        service(environ, lambda *_: None)


def test_fault_on_closed_socket() -> None:
    """A connection that is gone already counts as dropped."""
    service = MockService()
    service.job(faults={1: Fault.drop()})
    with socket.socket() as connection:
        environ: dict[str, Any] = {"PATH_INFO": "/status", "werkzeug.socket": connection}
        setup_testing_defaults(environ)
        with pytest.raises(ConnectionAbortedError):
            service(environ, lambda *_: None)


def test_all_faults_differ() -> None:
    """Each kind of fault is listed once, and the quick ones take no time and little space."""
    assert len({fault.kind for fault in ALL_FAULTS}) == len(ALL_FAULTS)
    assert set(QUICK_FAULTS) < set(ALL_FAULTS)
    assert all(fault.seconds == fault.mebibytes == 0 for fault in QUICK_FAULTS)


@pytest.mark.parametrize(
    ("make", "arguments", "message"),
    [
        (Fault.http, (100,), "code must be an HTTP status from 200 to 599, not 100"),
        (Fault.http, ("503",), "code must be an HTTP status from 200 to 599, not '503'"),
        (Fault.http, (True,), "code must be an HTTP status from 200 to 599, not True"),
        (Fault.http, (200, {}, "text"), "body must be bytes, not 'text'"),
        (Fault.http, (204, {}, b"text"), "body must be empty for a 204, not b'text'"),
        (Fault.http, (200, {"A": 1}), r"headers must be pairs of str, not \('A', 1\)"),
        (Fault.http, (200, {"": "1"}), "headers must have names such as 'Retry-After', not ''"),
        (Fault.http, (200, {"A": "1\r\nB: 2"}), "the header 'A' must be one line of Latin-1"),
        (Fault.slow, (-1,), "seconds must be a number, 0 or more, not -1"),
        (Fault.drip, (0,), "seconds must be a whole number, 1 or more, not 0"),
        (Fault.big, (0.5,), "mebibytes must be a whole number, 1 or more, not 0.5"),
        (Fault.gzip_bomb, (0,), "mebibytes must be a whole number, 1 or more, not 0"),
        (Fault.interim, (200,), "code must be a whole number from 100 to 199, not 200"),
        (Fault.interim, (True,), "code must be a whole number from 100 to 199, not True"),
        (Fault.interim, (103, -1), "seconds must be a number, 0 or more, not -1"),
        (Fault.cookies, (0,), "kibibytes must be a whole number, 1 or more, not 0"),
        (Fault.redirect, ("/", 200), r"code must be one of \(301, 302, 303, 307, 308\), not 200"),
        (Fault.redirect, ("日",), "the header 'Location' must be one line of Latin-1"),
    ],
)
def test_bad_faults(make: Any, arguments: Any, message: str) -> None:
    """A fault that could not be played is refused when it is made, by name."""
    with pytest.raises((TypeError, ValueError), match=message):
        make(*arguments)


@pytest.mark.parametrize("headers", [None, "ab", [("a", "b", "c")], 5])
def test_headers_that_are_no_pairs_are_refused(headers: Any) -> None:
    """With what would be right."""
    with pytest.raises(TypeError, match="^headers must be a mapping or pairs, not "):
        Fault.http(500, headers)
