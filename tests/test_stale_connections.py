"""A server that closes an idle connection, as the next request goes out, costs nobody a poll."""

import queue
import socket
import ssl
import threading
from pathlib import Path

import pytest
import requests
import requests.auth
from conftest import PATIENCE
from raw_server import CLOSE, RESET, answering, told
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.util import Retry

from video_translation_client import PollError, Service, Words

SELF_SIGNED = Path(__file__).with_name("self_signed.pem")


class OnceEach:
    """Answers one request a connection, and closes it at the second, ``end`` says how.

    Each job is pending ``pending`` times, and then completed.
    """

    def __init__(self, pending=2, end=CLOSE):
        self.answered = []
        self._pending = pending
        self._end = end

    def __call__(self, asked):
        """Answers one request."""
        if asked.number > 1:
            return self._end
        self.answered.append(asked.path)
        done = self.answered.count(asked.path) > self._pending
        return told("completed" if done else "pending")


@pytest.fixture
def session():
    """A session that trusts the servers with TLS."""
    with requests.Session() as session:
        session.verify = str(SELF_SIGNED)
        yield session


@pytest.fixture
def tls():
    """The context of a server with TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(str(SELF_SIGNED))
    return context


@pytest.mark.parametrize("end", [CLOSE, RESET], ids=["closed", "reset"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_where_each_connection_takes_one_request_no_poll_fails(
    make_client, session, clock, tls, scheme, end
):
    """However many jobs there are, each takes as many polls as with any other server."""
    with answering(OnceEach(end=end), tls if scheme == "https" else None) as server:
        client = make_client(server.url, session=session)
        with clock.paused():
            futures = [client.submit(f"job-{number}") for number in range(50)]
        assert [future.result(PATIENCE) for future in futures] == ["completed"] * 50
        assert {(future.attempts, future.last_error) for future in futures} == {(3, None)}
        assert any(asked.number == 2 for asked in server.requests)


def test_the_only_attempt_of_a_job_is_not_lost_on_the_connection_of_another(make_client):
    """Its request is sent once more, over a new one."""
    with answering(OnceEach(pending=0)) as server:
        client = make_client(server.url, max_attempts=1)
        assert [client.get_status(f"job-{number}") for number in range(5)] == ["completed"] * 5
        assert [asked.number for asked in server.requests] == [1, 2, 1, 2, 1, 2, 1, 2, 1]


def test_a_new_connection_that_ends_without_an_answer_is_a_failed_poll(make_client):
    """As ever: the server got the request, and may fail on it."""
    answers = [CLOSE, told("completed")]
    with answering(lambda asked: answers.pop(0)) as server:
        future = make_client(server.url).submit("job-1")
        assert future.result(PATIENCE) == "completed"
        assert isinstance(future.last_error, PollError)
        assert (future.attempts, len(server.requests)) == (2, 2)


def test_a_request_is_sent_twice_at_most(make_client):
    """If the new connection ends as well, the poll has failed."""
    answers = [told("pending"), CLOSE, CLOSE, told("completed")]
    with answering(lambda asked: answers.pop(0)) as server:
        future = make_client(server.url).submit("job-1")
        assert future.result(PATIENCE) == "completed"
        assert "RemoteDisconnected" in str(future.last_error)
        assert future.attempts == 3
        assert [asked.connection for asked in server.requests] == [1, 1, 2, 3]


def test_an_answer_that_has_begun_is_not_asked_for_again(make_client):
    """A byte of it shows that the server was there."""

    def answer(asked):
        if len(server.requests) == 2:
            asked.send(b"HTTP/1.1 100 Continue\r\n\r\nH")
            return CLOSE
        return told("pending" if asked.connection == 1 else "completed")

    with answering(answer) as server:
        future = make_client(server.url).submit("job-1")
        assert future.result(PATIENCE) == "completed"
        assert isinstance(future.last_error, PollError)
        assert (future.attempts, len(server.requests)) == (3, 3)


def test_a_post_is_not_sent_again(make_client):
    """A service that is asked so may count it twice."""
    service = Service(
        "posted",
        path="/status/{job_id}",
        method="POST",
        status="result",
        words=Words(pending=("pending",), completed=("completed",), error=("error",)),
    )
    with answering(OnceEach(pending=1)) as server:
        future = make_client(server.url, service=service).submit("job-1")
        assert future.result(PATIENCE) == "completed"
        assert isinstance(future.last_error, PollError)
        assert [asked.method for asked in server.requests] == ["POST"] * 3
        assert future.attempts == 3


def test_a_repeated_request_counts_in_the_rate(make_client, clock):
    """What it adds is made up for by a longer gap."""
    times = []
    once_each = OnceEach(pending=0)

    def answer(asked):
        times.append(clock.monotonic())
        return once_each(asked)

    with answering(answer) as server:
        client = make_client(server.url, max_rate=0.5)
        with clock.paused():
            futures = [client.submit(f"job-{number}") for number in range(3)]
        assert [future.result(PATIENCE) for future in futures] == ["completed"] * 3
        assert times == [0, 2, 2, 6, 6]


def test_a_cancelled_request_is_not_sent_again(make_client):
    """Its connection ends before an answer because it is aborted."""
    asked_again, ended = threading.Event(), threading.Event()

    def answer(asked):
        if asked.number == 1:
            return told("pending")
        asked_again.set()
        asked.stream.recv(1)  # until it is closed
        ended.set()
        return CLOSE

    with answering(answer) as server:
        client = make_client(server.url)
        future = client.submit("job-1")
        assert asked_again.wait(PATIENCE)
        future.cancel()
        assert ended.wait(PATIENCE)
        client.shutdown()
        assert (len(server.requests), server.connections) == (2, 1)


def test_a_redirect_on_a_connection_that_then_closes_is_followed(make_client):
    """Its second request goes over the same connection, and then over a new one."""
    moved = b"HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n"

    def answer(asked):
        if asked.number > 1:
            return CLOSE
        return told("completed") if asked.path == "/there" else moved

    with answering(answer) as server:
        future = make_client(server.url).submit("job-1")
        assert future.result(PATIENCE) == "completed"
        assert (future.attempts, future.last_error) == (1, None)
        assert [asked.path for asked in server.requests[1:]] == ["/there"] * 2


def test_digest_authentication_works_where_connections_close(make_client, session):
    """The answer to the challenge alone is repeated, not the request before it."""
    scheme = b'WWW-Authenticate: Digest realm="r", nonce="n1", qop="auth"\r\n'
    challenge = b"HTTP/1.1 401 Unauthorized\r\n" + scheme + b"Content-Length: 0\r\n\r\n"

    def answer(asked):
        if asked.number > 1:
            return CLOSE
        return told("completed") if "Authorization: Digest" in asked.head else challenge

    session.auth = requests.auth.HTTPDigestAuth("user", "pass")
    with answering(answer) as server:
        future = make_client(server.url, session=session).submit("job-1")
        assert future.result(PATIENCE) == "completed"
        assert (future.attempts, future.last_error) == (1, None)
        assert [asked.connection for asked in server.requests] == [1, 1, 2]


def test_a_proxy_that_closes_idle_connections_costs_no_poll(make_client, session):
    """The request goes through it again."""
    with answering(OnceEach()) as proxy:
        session.proxies = {"http": proxy.url}
        future = make_client("http://service.invalid", session=session).submit("job-1")
        assert future.result(PATIENCE) == "completed"
        assert (future.attempts, future.last_error) == (3, None)
        assert {asked.path for asked in proxy.requests} == {"http://service.invalid/status/job-1"}


def test_a_tunnel_that_ends_is_opened_again(make_client, session, tls):
    """No request reaches the proxy in the open."""
    once_each = OnceEach()

    def answer(asked):
        if asked.method == "CONNECT":
            asked.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
            with tls.wrap_socket(asked.stream, server_side=True) as stream:
                for number in (1, 2):
                    head = b""
                    while not head.endswith(b"\r\n\r\n"):
                        head += stream.recv(65536)
                    path = head.split()[1].decode()
                    told_now = once_each(asked._replace(number=number, path=path))
                    if told_now is CLOSE:
                        return CLOSE
                    stream.sendall(told_now)
                    if b"completed" in told_now:
                        break
        return CLOSE

    with answering(answer) as proxy:
        session.proxies = {"https": proxy.url}
        future = make_client("https://127.0.0.1:1", session=session).submit("job-1")
        assert future.result(PATIENCE) == "completed"
        assert (future.attempts, future.last_error) == (3, None)
        assert [asked.method for asked in proxy.requests] == ["CONNECT"] * 3


def test_retries_of_the_users_own_are_not_used_up(make_client, session):
    """They are for new connections that fail."""
    session.mount("http://", HTTPAdapter(max_retries=Retry(total=1)))
    answers = [told("pending"), CLOSE, CLOSE, told("completed")]
    with answering(lambda asked: answers.pop(0)) as server:
        future = make_client(server.url, session=session).submit("job-1")
        assert future.result(PATIENCE) == "completed"
        assert (future.attempts, future.last_error) == (2, None)
        assert [asked.connection for asked in server.requests] == [1, 1, 2, 3]


class PoolsOf(HTTPAdapter):
    """An adapter with pools of a class of the user's."""

    def __init__(self, pool_class):
        self._pool_class = pool_class
        super().__init__(pool_maxsize=4)

    def init_poolmanager(self, *arguments, **settings):
        """Makes the manager of them."""
        super().init_poolmanager(*arguments, **settings)
        self.poolmanager.pool_classes_by_scheme = {"http": self._pool_class}


class OldestFirst(HTTPConnectionPool):
    """Hands out the connection that has been idle for longest."""

    QueueCls = queue.Queue


def test_the_new_connection_is_none_of_those_that_are_idle(make_client, session, clock):
    """They may have ended as well, and are not asked."""
    session.mount("http://", PoolsOf(OldestFirst))
    together = threading.Barrier(4)

    def answer(asked):
        if asked.number > 1:
            return CLOSE
        if asked.connection <= 4:
            together.wait(PATIENCE)  # so that each of them comes over its own connection
        last = asked.path == "/status/job-0" and asked.connection <= 4
        return told("pending" if last else "completed")

    with answering(answer) as server:
        client = make_client(server.url, session=session)
        with clock.paused():
            futures = [client.submit(f"job-{number}") for number in range(4)]
        assert [future.result(PATIENCE) for future in futures] == ["completed"] * 4
        assert (futures[0].attempts, futures[0].last_error) == (2, None)
        kept, new = server.requests[4:]
        assert (kept.number, new.connection, new.number) == (2, 5, 1)


class Breaking(HTTPConnection):
    """Can send one request; then it is as if the other side had closed it."""

    def endheaders(self, *arguments, **settings):
        """Sends a request."""
        if self.sock is not None:
            self.sock.shutdown(socket.SHUT_RDWR)
        super().endheaders(*arguments, **settings)


class BreakingPool(HTTPConnectionPool):
    """Has such connections."""

    ConnectionCls = Breaking


def test_a_request_that_can_not_be_sent_goes_over_a_new_connection(make_client, session):
    """Where the end of the old one shows before an answer is waited for."""
    session.mount("http://", PoolsOf(BreakingPool))
    answers = [told("pending"), told("pending"), told("completed")]
    with answering(lambda asked: answers.pop(0)) as server:
        future = make_client(server.url, session=session).submit("job-1")
        assert future.result(PATIENCE) == "completed"
        assert (future.attempts, future.last_error) == (3, None)
        assert [asked.connection for asked in server.requests] == [1, 2, 3]
