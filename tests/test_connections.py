"""No job is given what another one was answered, whatever a server leaves on a connection."""

import ssl
import threading
from pathlib import Path

import pytest
import requests
from conftest import PATIENCE
from raw_server import CLOSE, answering, told

from video_translation_client import RejectedError

SELF_SIGNED = Path(__file__).with_name("self_signed.pem")
JOBS = 100

FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture(params=["http", "https"])
def tls(request):
    """The context of a server with TLS, or None."""
    if request.param == "http":
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(str(SELF_SIGNED))
    return context


@pytest.fixture
def session():
    """A session that trusts the servers with TLS."""
    with requests.Session() as session:
        session.verify = str(SELF_SIGNED)
        yield session


class Interim:
    """Answers job 0 twice: the interim answer at once, the final one when others were asked."""

    def __init__(self, code, final):
        self._code = code
        self._final = final
        self._others = threading.Semaphore(0)

    def __call__(self, asked):
        """Answers one request."""
        if asked.path != "/status/job-0":
            self._others.release()
            return told("pending")
        asked.send(
            f"HTTP/1.1 {self._code} Wait\r\nLink: </a>\r\nContent-Length: 9\r\n\r\n".encode()
        )
        for _ in range(JOBS // 2):
            assert self._others.acquire(timeout=PATIENCE)
        return self._final


@pytest.mark.parametrize("code", [102, 103, 199])
@pytest.mark.parametrize("final", [told("completed"), FORBIDDEN], ids=["completed", "403"])
def test_what_follows_an_interim_answer_is_the_answer_of_the_same_job(
    make_client, clock, code, final
):
    """Also where it comes when others have been asked; none of them ends by it."""
    with answering(Interim(code, final)) as server:
        client = make_client(server.url, max_attempts=3)
        with clock.paused():
            first, *others = [client.submit(f"job-{number}") for number in range(JOBS)]
        if final is FORBIDDEN:
            with pytest.raises(RejectedError, match="'job-0': .* HTTP status 403"):
                first.result(PATIENCE)
        else:
            assert first.result(PATIENCE) == "completed"
        assert first.attempts == 1
        assert [future.result(PATIENCE) for future in others] == ["timeout"] * len(others)
        assert {future.report.status for future in others} == {"pending"}


def test_several_interim_answers_are_read_past(make_client):
    """Of whatever kinds, and the connection stays open."""
    interim = b"".join(b"HTTP/1.1 %d Wait\r\n\r\n" % code for code in (100, 102, 103, 103, 100))
    answers = [interim + told("pending"), told("completed")]
    with answering(lambda asked: answers.pop(0)) as server:
        future = make_client(server.url).submit("job-1")
        assert future.result(PATIENCE) == "completed"
        assert (future.attempts, future.last_error, server.connections) == (2, None, 1)


def test_a_server_that_switches_protocols_is_a_failed_poll(make_client):
    """What follows is no HTTP; the next poll has a connection of its own."""
    answers = [b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + told("error"), told("completed")]
    with answering(lambda asked: answers.pop(0)) as server:
        future = make_client(server.url).submit("job-1")
        assert future.result(PATIENCE) == "completed"
        assert "switches protocols (HTTP status 101)" in str(future.last_error)
        assert (future.attempts, server.connections) == (2, 2)


# So long that what follows lies behind what is read ahead, but in the same record of TLS.
READ_AHEAD = 8192
FULL = told(
    "pending", f"X-Padding: {' ' * (READ_AHEAD - len(told('pending', 'X-Padding: ')) - 2)}\r\n"
)
CHUNKED = (
    b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n15\r\n{"result": "pending"}\r\n0\r\n\r\n'
)

SURPLUS = {
    "another answer": told("pending") + told("completed"),
    "another answer after a chunked one": CHUNKED + told("completed"),
    "a line": told("pending") + b"\r\n",
    "half an answer": told("pending") + b"HTTP/1.1 200 OK\r\nContent-",
    "not read ahead": FULL + told("completed"),
    "body of a 204": b"HTTP/1.1 204 No Content\r\n\r\n" + told("completed"),
    "body of a 304": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 61\r\n\r\n" + told("completed"),
}


def test_the_long_answer_just_fills_what_is_read_ahead():
    """Otherwise the test below would not test it."""
    assert len(FULL) == READ_AHEAD


@pytest.mark.parametrize("answer", SURPLUS.values(), ids=SURPLUS)
def test_a_connection_on_which_something_follows_an_answer_is_closed(
    make_client, session, tls, answer
):
    """The next request would take it for its own answer; it goes over a new connection."""
    with answering(lambda asked: answer if asked.connection == 1 else told("error"), tls) as server:
        future = make_client(server.url, session=session).submit("job-1")
        assert future.result(PATIENCE) == "error"
        assert future.attempts == 2
        assert [(asked.connection, asked.number) for asked in server.requests] == [(1, 1), (2, 1)]


DOUBTFUL = {
    "204 with a length": (204, "Content-Length: 20\r\n"),
    "304 with an encoding": (304, "Transfer-Encoding: gzip\r\n"),
    "two lengths": (200, "Content-Length: 21\r\nContent-Length: 21\r\n"),
    "length and encoding": (200, "Content-Length: 21\r\nTransfer-Encoding: identity\r\n"),
}


@pytest.mark.parametrize(("code", "lines"), DOUBTFUL.values(), ids=DOUBTFUL)
def test_where_an_answer_ends_in_doubt_its_connection_is_closed(make_client, code, lines):
    """Though nothing has followed it yet."""
    body = '{"result": "pending"}' if code == 200 else ""
    answer = f"HTTP/1.1 {code} So\r\n{lines}\r\n{body}".encode()
    with answering(lambda asked: answer if asked.connection == 1 else told("error")) as server:
        future = make_client(server.url).submit("job-1")
        assert future.result(PATIENCE) == "error"
        assert [asked.connection for asked in server.requests] == [1, 2]


def test_connections_that_leave_no_doubt_are_kept(make_client, session, tls):
    """With a body or without."""
    answers = [
        told("pending"),
        CHUNKED,
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\n\r\n",
        FULL,
        told("completed"),
    ]
    with answering(lambda asked: answers.pop(0), tls) as server:
        assert make_client(server.url, session=session).get_status("job-1") == "completed"
        assert (len(server.requests), server.connections) == (7, 1)


def test_what_a_request_of_the_users_own_leaves_behind_reaches_no_job(make_client):
    """Its session and connections are those of the jobs; its answer may be of any size."""
    size = 3 * (1 << 20)
    large = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (size, b" " * size)
    answers = [told("pending"), large, told("pending") + told("error"), told("completed")]
    sizes = []

    def ask(status):
        if status == "pending":
            for path in ("large", "small"):
                url = f"{server.url}/{path}"
                with session.get(url, timeout=PATIENCE, stream=True) as answer:
                    assert answer.raw.fileno() > 0
                    sizes.append(len(answer.content))

    with answering(lambda asked: answers.pop(0)) as server, requests.Session() as session:
        future = make_client(server.url, session=session).submit("job-1", on_update=ask)
        assert future.result(PATIENCE) == "completed"
        assert sizes == [size, len('{"result": "pending"}')]
        assert [asked.connection for asked in server.requests] == [1, 1, 1, 2]


@pytest.fixture(params=["direct", "tunnel"])
def closing(request, session):
    """The URL of a server that closes each connection after an answer, behind a proxy or not."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(str(SELF_SIGNED))
    last = told("completed", "Connection: close\r\n")

    def answer(asked):
        if asked.method != "CONNECT":
            return last
        asked.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with context.wrap_socket(asked.stream, server_side=True) as stream:
            stream.recv(65536)
            stream.sendall(last)
        return CLOSE

    with answering(answer) as server:
        if request.param == "tunnel":
            session.proxies = {"https": server.url}
        yield server.url if request.param == "direct" else "https://127.0.0.1:1"


def test_a_request_of_the_users_own_may_open_a_connection_among_those_of_jobs(
    make_client, session, closing
):
    """It is bounded by nothing, and belongs to no poll."""
    client = make_client(closing, session=session)
    for _ in range(2):
        assert client.get_status("job-1") == "completed"
        own = session.get(f"{closing}/own", timeout=PATIENCE, verify=session.verify)
        assert own.json() == {"result": "completed"}
