"""The mock server: HTTP over real sockets, starting and stopping."""

from __future__ import annotations

import contextlib
import http.client
import json
import logging
import socket
import struct
import threading
from typing import Any, Iterator
from urllib.parse import quote

import pytest
import requests
from conftest import PATIENCE

from video_translation_client.clock import Clock
from video_translation_client.testing import Fault, MockServer, MockService


@pytest.fixture
def server() -> Iterator[MockServer]:
    """A mock server on the real clock."""
    with MockServer(duration=3600) as server:
        yield server


def connect(server: MockServer) -> socket.socket:
    """Returns a socket that is connected to the server."""
    return socket.create_connection((server.host, server.port), timeout=PATIENCE)


def read_all(connection: socket.socket) -> bytes:
    """Returns what comes until the server closes the connection."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


def exchange(server: MockServer, sent: bytes) -> bytes:
    """Returns all that the server answers on a new connection until it closes it."""
    with connect(server) as connection:
        connection.sendall(sent)
        return read_all(connection)


def ask(server: MockServer, connection: http.client.HTTPConnection) -> Any:
    """Returns the decoded answer to one poll."""
    connection.request("GET", "/status")
    return json.loads(connection.getresponse().read())


class WatchedClock(Clock):
    """The real clock, and an event that is set once somebody sleeps on it."""

    def __init__(self) -> None:
        self.slept_on = threading.Event()

    def sleep(self, seconds: float, given_up: Any = None) -> None:
        self.slept_on.set()
        super().sleep(seconds, given_up)


class BrokenClock(Clock):
    """A clock that fails."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def monotonic(self) -> float:
        raise self.error


def test_answers_requests(server: MockServer) -> None:
    """The service is reached at the server's URL."""
    with requests.Session() as session:
        session.trust_env = False
        response = session.get(f"{server.url}/status/a", timeout=PATIENCE)
        assert response.json() == {"result": "pending"}
    assert server.url == f"http://127.0.0.1:{server.port}"
    assert isinstance(server, MockService)
    assert [request.job_ids for request in server.requests] == [("a",)]


def test_keep_alive(server: MockServer) -> None:
    """A connection serves any number of requests."""
    connection = http.client.HTTPConnection(server.host, server.port, timeout=PATIENCE)
    with contextlib.closing(connection):
        assert ask(server, connection) == {"result": "pending"}
        first = connection.sock
        for _ in range(10):
            assert ask(server, connection) == {"result": "pending"}
        assert connection.sock is first is not None


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /status HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"GET /status HTTP/1.0\r\n\r\n",
        b"GET /status HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    ],
)
def test_close(server: MockServer, request_: bytes) -> None:
    """A client that wants the connection closed, or speaks HTTP/1.0, gets it closed."""
    head, body = exchange(server, request_).split(b"\r\n\r\n")
    assert b"\r\nConnection: close" in head
    assert json.loads(body) == {"result": "pending"}


def test_unknown_length_without_chunks(server: MockServer) -> None:
    """To an HTTP/1.0 client, the end of the connection tells the end of the body."""
    server.job(faults={1: Fault.gzip_bomb(1)})
    answer = exchange(server, b"GET /status HTTP/1.0\r\n\r\n")
    assert b"Transfer-Encoding" not in answer
    assert b"\r\n\r\n\x1f\x8b" in answer


def test_head_has_no_body(server: MockServer) -> None:
    """The answer to HEAD ends after its headers."""
    request = b"HEAD /status HTTP/1.1\r\n\r\nHEAD /status HTTP/1.1\r\nConnection: close\r\n\r\n"
    parts = exchange(server, request).split(b"\r\n\r\n")
    assert [part[:12] for part in parts] == [b"HTTP/1.1 405", b"HTTP/1.1 405", b""]
    assert b"\r\nAllow: GET" in parts[0]


def test_request_body_is_discarded(server: MockServer) -> None:
    """The body of a request is not mistaken for the next request."""
    connection = http.client.HTTPConnection(server.host, server.port, timeout=PATIENCE)
    with contextlib.closing(connection):
        connection.request("POST", "/status", body=b"GET /x HTTP/1.1\r\n\r\n")
        response = connection.getresponse()
        assert (response.status, list(json.loads(response.read()))) == (405, ["error"])
        assert ask(server, connection) == {"result": "pending"}


@pytest.mark.parametrize(
    "header", ["Content-Length: 1048577", "Content-Length: x", "Transfer-Encoding: chunked"]
)
def test_unreadable_body_closes(server: MockServer, header: str) -> None:
    """After a request whose body is too long or of unknown length, the connection closes."""
    answer = exchange(server, f"POST /status HTTP/1.1\r\n{header}\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 405 ")
    assert b"\r\nConnection: close" in answer


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"GET http://[ HTTP/1.1\r\n\r\n", 400),
        (b"x" * ((1 << 20) + 1), 414),
    ],
)
def test_not_http(server: MockServer, sent: bytes, code: int) -> None:
    """What is no HTTP request is refused with a JSON body, and the connection closes."""
    head, body = exchange(server, sent).split(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % code)
    assert json.loads(body) == {"error": f"HTTP {code}"}


def test_long_job_id(server: MockServer) -> None:
    """A job id of 10,000 characters arrives, whatever the characters."""
    job_id = "日/?#" * 2500
    connection = http.client.HTTPConnection(server.host, server.port, timeout=PATIENCE)
    with contextlib.closing(connection):
        connection.request("GET", "/status/" + quote(job_id, safe=""))
        assert connection.getresponse().status == 200
    assert server.requests[0].job_ids == (job_id,)


def test_many_connections_at_once(server: MockServer) -> None:
    """Hundreds of connections are open at once, and each is served."""
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(connect(server)) for _ in range(200)]
        for connection in connections:
            connection.sendall(b"GET /status HTTP/1.1\r\nConnection: close\r\n\r\n")
        for connection in connections:
            assert read_all(connection).endswith(b'{"result": "pending"}')
    assert [request.polls[0].number for request in server.requests] == list(range(1, 201))


def test_connections_one_after_another(server: MockServer) -> None:
    """The threads of connections that have ended do not pile up."""
    before = threading.active_count()
    for _ in range(3):
        exchange(server, b"GET /status HTTP/1.0\r\n\r\n")
        for thread in threading.enumerate():
            if thread.name == "mock-server-connection":
                thread.join(PATIENCE)
    assert threading.active_count() == before


def test_stop_leaves_nothing() -> None:
    """Stopping closes idle connections and the port, and ends all threads."""
    before = set(threading.enumerate())
    with MockServer() as server:
        connection = connect(server)
        connection.sendall(b"GET /status HTTP/1.1\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 OK")
        half = connect(server)
        half.sendall(b"GET /sta")
    with connection, half:
        assert connection.recv(1) == b""
        with contextlib.suppress(ConnectionResetError):  # if it was not yet accepted
            assert half.recv(1) == b""
    assert set(threading.enumerate()) <= before
    with pytest.raises(ConnectionRefusedError):
        connect(server)


@pytest.mark.parametrize("fault", [Fault.slow(3600), Fault.drip(3600)])
def test_stop_gives_up_held_up_answers(fault: Fault) -> None:
    """An answer that is held up does not hold up the stop."""
    before = set(threading.enumerate())
    clock = WatchedClock()
    with MockServer(clock=clock) as server:
        server.job(faults={1: fault})
        connection = connect(server)
        connection.sendall(b"GET /status HTTP/1.1\r\n\r\n")
        assert clock.slept_on.wait(PATIENCE)
    with connection:
        assert b"pending" not in read_all(connection)
    assert set(threading.enumerate()) <= before


def test_stop_gives_up_unread_answers() -> None:
    """An answer that the client does not read does not hold up the stop."""
    with MockServer() as server:
        server.job(faults={1: Fault.big(1024)})
        connection = connect(server)
        connection.sendall(b"GET /status HTTP/1.1\r\n\r\n")
        assert connection.recv(1) == b"H"
    connection.close()


def test_start_again() -> None:
    """A stopped server starts again on its port, with its jobs; so does another in its place."""
    server = MockServer(duration=3600)
    with server:
        port, url = server.port, server.url
        exchange(server, b"GET /status HTTP/1.0\r\n\r\n")
    with server:
        assert (server.port, server.url) == (port, url)
        exchange(server, b"GET /status HTTP/1.0\r\n\r\n")
    assert [request.polls[0].number for request in server.requests] == [1, 2]
    with MockServer(port=port) as other:
        assert b"pending" in exchange(other, b"GET /status HTTP/1.0\r\n\r\n")


def test_start_and_stop_by_hand() -> None:
    """Starting twice is an error; stopping twice is not."""
    server = MockServer()
    with pytest.raises(RuntimeError, match="the server has no port yet: start it first"):
        server.url  # noqa: B018 - reading it is the test
    server.start()
    with pytest.raises(RuntimeError, match="the server listens already, on http://127"):
        server.start()
    server.stop()
    server.stop()


def test_port_in_use(server: MockServer, capfd: pytest.CaptureFixture[str]) -> None:
    """A port in use is an OSError, and nothing is printed."""
    with pytest.raises(OSError, match="in use"):
        MockServer(port=server.port).start()
    assert capfd.readouterr() == ("", "")


def test_ipv6() -> None:
    """An IPv6 address stands in brackets in the URL."""
    server = MockServer(host="::1")
    try:
        server.start()
    except OSError:
        pytest.skip("this machine has no IPv6")
    with contextlib.closing(connect(server)):
        assert server.url == f"http://[::1]:{server.port}"
    server.stop()


def test_log(
    server: MockServer, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Requests are logged at DEBUG on the package's logger, and nothing is printed."""
    caplog.set_level(logging.DEBUG)
    exchange(server, b"GET /status/a HTTP/1.0\r\n\r\n")
    exchange(server, b"one two three four\r\n")
    assert ("video_translation_client.testing", logging.DEBUG, "'GET /status/a HTTP/1.0' -") in (
        caplog.record_tuples
    )
    assert {record.name for record in caplog.records} == {"video_translation_client.testing"}
    assert logging.getLogger("werkzeug").handlers == []
    assert capfd.readouterr() == ("", "")


def test_lost_connection_is_no_error(capfd: pytest.CaptureFixture[str]) -> None:
    """A client that resets its connection leaves no trace."""
    clock = WatchedClock()
    with MockServer(clock=clock, latency=0.01) as server, connect(server) as connection:
        no_farewell = struct.pack("ii", 1, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_farewell)
        connection.sendall(b"GET /status HTTP/1.1\r\n\r\nGET /sta")
        assert clock.slept_on.wait(PATIENCE)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("error", "level"),
    [(RuntimeError("broken"), logging.ERROR), (OSError("lost"), logging.DEBUG)],
)
def test_error_is_logged(error: Exception, level: int, caplog: pytest.LogCaptureFixture) -> None:
    """An error in the app closes the connection, and is logged with its traceback."""
    caplog.set_level(logging.DEBUG)
    with MockServer(clock=BrokenClock(error)) as server:
        assert exchange(server, b"GET /status HTTP/1.1\r\n\r\n") == b""
    record = caplog.records[-1]
    assert (record.levelno, record.message) == (level, "A connection ended with an error")
    assert record.exc_info is not None
    assert record.exc_info[1] is error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"port": 65536}, "port must be a whole number from 0 to 65535, not 65536"),
        ({"port": "80"}, "port must be a whole number from 0 to 65535, not '80'"),
        ({"host": None}, "host must be an address or a name, not None"),
        ({"duration": -1}, "duration must be a number, 0 or more, not -1"),
    ],
)
def test_bad_arguments(arguments: Any, message: str) -> None:
    """An argument that makes no sense is refused when the server is made, by name."""
    with pytest.raises((TypeError, ValueError), match=message):
        MockServer(**arguments)


def test_a_host_that_is_none_is_refused() -> None:
    """By its form when the server is made, and by the system when it starts."""
    for host in ("", "two words", "hôte"):
        with pytest.raises(ValueError, match="^host must be"):
            MockServer(host=host)
    with pytest.raises(OSError, match="not known|No address|Name or"):
        MockServer(host=f"{'a' * 64}.example").start()


def test_a_content_length_beyond_reason_ends_the_connection() -> None:
    """After an ordinary answer, and with no error in the log."""
    with MockServer() as server, socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(b"POST /status HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n")
        with client.makefile("rb") as answer:
            assert answer.read().startswith(b"HTTP/1.1 405 ")
