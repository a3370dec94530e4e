"""No answer takes longer than the request timeout, however little of it comes at a time."""

import contextlib
import selectors
import socket
import ssl
import threading
from pathlib import Path

import pytest
import requests
import requests.auth
from conftest import PATIENCE
from requests.adapters import BaseAdapter, HTTPAdapter

from video_translation_client import PollError, VideoTranslationClient
from video_translation_client.testing import Fault, MockServer, VirtualClock

SELF_SIGNED = Path(__file__).with_name("self_signed.pem")
DESCRIPTORS = Path("/proc/self/fd")

HEADERS = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
HEADERS_AND_LENGTH = HEADERS + b"Content-Length: 1000\r\n\r\n"
CLOSING = b"Connection: close\r\nContent-Length: "
COMPLETED = HEADERS + CLOSING + b'23\r\n\r\n{"result": "completed"}'
FOR_GOOD = 10**9
"""Seconds of an answer that never ends."""


class Dripper:
    """A server that gives one raw answer a connection, in order; the last one again and again.

    An answer is the bytes that come at once, and a piece that follows every second until the
    client has closed the connection; without a piece, the connection is closed.
    """

    def __init__(self, clock, answers, tls):
        self.closed = threading.Event()
        self.heads = []
        self._clock = clock
        self._answers = list(answers)
        self._tls = tls
        self._threads = []
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(16)
        scheme = "http" if tls is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"

    def serve(self):
        """Accepts connections until the listener is shut down."""
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._answer, args=(connection,))
            thread.start()
            self._threads.append(thread)

    def stop(self):
        """Takes no more connections, and waits for those that there are."""
        self._listener.shutdown(socket.SHUT_RDWR)

    def join(self):
        """Waits for the connections to end."""
        for thread in self._threads:
            thread.join(PATIENCE)
        self._listener.close()

    def _answer(self, connection):
        with connection, connection.dup() as raw:
            stream = connection
            if self._tls is not None:
                stream = self._tls.wrap_socket(connection, server_side=True)
            with stream:
                try:
                    self._send(stream, raw)
                except OSError:  # it was reset while something was being sent
                    self.closed.set()

    def _send(self, stream, raw):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            piece = stream.recv(65536)
            if not piece:
                return
            head += piece
        self.heads.append(head)
        start, drop = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        stream.sendall(start)
        while drop:
            self._clock.sleep(1.0, lambda: is_closed(raw))
            if is_closed(raw):
                self.closed.set()
                return
            stream.sendall(drop)


def is_closed(connection):
    """Says whether the other side has closed the connection."""
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(connection, selectors.EVENT_READ)
            return bool(selector.select(0)) and not connection.recv(1, socket.MSG_PEEK)
    except (OSError, ValueError):
        return True


@pytest.fixture
def drip(clock):
    """Starts drippers on the virtual clock."""
    with contextlib.ExitStack() as cleanup:

        def start(*answers, tls=None):
            server = Dripper(clock, answers, tls)
            thread = threading.Thread(target=server.serve)
            thread.start()
            for step in (server.join, thread.join, server.stop):
                cleanup.callback(step)
            return server

        yield start


@pytest.fixture
def session():
    """A session of the user's own."""
    with requests.Session() as session:
        yield session


def assert_aborted(future, seconds=10):
    """Asserts that the first poll was cut off after ``seconds`` and the second one went well."""
    assert future.result(PATIENCE) == "completed"
    assert (future.attempts, future.elapsed) == (2, seconds + 1)
    assert isinstance(future.last_error, PollError)
    assert f"no whole answer within {seconds} s" in str(future.last_error)


def test_answers_that_drip_leave_the_other_jobs_their_workers(server, make_client, clock):
    """Though there are as many as workers, and each would take for ever."""
    client = make_client(max_attempts=None)
    with clock.paused():
        for number in range(16):
            server.job(f"drip-{number}", faults={1: Fault.drip(FOR_GOOD)}, duration=0)
        server.job("healthy", duration=0)
        dripping = [client.submit(f"drip-{number}") for number in range(16)]
        healthy = client.submit("healthy")
    assert healthy.result(PATIENCE) == "completed"
    assert healthy.elapsed == 10
    for future in dripping:
        assert_aborted(future)


def test_on_the_real_clock_they_do_so_too():
    """An answer that would take an hour has ended within the patience of this test."""
    with MockServer() as server:
        client = VideoTranslationClient(server.url, request_timeout=1.2)
        for number in range(16):
            server.job(f"drip-{number}", faults={1: Fault.drip(3600)})
        server.job("healthy", duration=0)
        for number in range(16):
            client.submit(f"drip-{number}")
        assert client.submit("healthy").result(PATIENCE) == "completed"
        client.shutdown(cancel_futures=True)


def test_a_request_timeout_of_ones_own_is_kept(server, make_client):
    """And named in the error."""
    server.job("job-1", duration=0, faults={1: Fault.drip(FOR_GOOD)})
    future = make_client(request_timeout=3).submit("job-1")
    assert_aborted(future, 3)


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"HTTP/1.1 2", b"0"),
        (HEADERS + b"X-Drip: ", b"."),
        (HEADERS, b"X-Drip: 1\r\n"),
        (HEADERS_AND_LENGTH, b" "),
        (HEADERS + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        (HEADERS + b"\r\n" + COMPLETED[-23:], b" "),
        (b"HTTP/1.1 100 Continue\r\nX-Drip: ", b"."),
        (b"HTTP/1.1 302 Found\r\nLocation: /moved\r\nContent-Length: 1000\r\n\r\n", b" "),
        (b"HTTP/1.1 503 Unavailable\r\nContent-Length: 1000\r\n\r\n", b" "),
    ],
    ids=[
        "status line",
        "header",
        "headers",
        "body",
        "chunks",
        "body without an end",
        "continue",
        "body of a redirect",
        "body of an error",
    ],
)
def test_wherever_an_answer_drips_it_is_cut_off(drip, make_client, start, piece):
    """The poll fails, the server sees the connection closed, and the wait goes on."""
    server = drip((start, piece), (COMPLETED, b""))
    future = make_client(server.url).submit("job-1")
    assert_aborted(future)
    assert server.closed.wait(PATIENCE)


def test_what_follows_a_redirect_shares_its_time(drip, make_client):
    """One poll has one request timeout, however many requests it takes."""
    redirect = b"HTTP/1.1 302 Found\r\nLocation: /moved\r\n" + CLOSING + b"0\r\n\r\n"
    server = drip((redirect, b""), (HEADERS_AND_LENGTH, b" "), (COMPLETED, b""))
    future = make_client(server.url).submit("job-1")
    assert_aborted(future)
    paths = [head.split()[1] for head in server.heads]
    assert paths == [b"/status/job-1", b"/moved", b"/status/job-1"]


def test_over_tls_an_answer_that_drips_is_cut_off(drip, make_client, session):
    """The connection beneath is closed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(str(SELF_SIGNED))
    server = drip((HEADERS_AND_LENGTH, b" "), (COMPLETED, b""), tls=context)
    session.verify = str(SELF_SIGNED)
    future = make_client(server.url, session=session).submit("job-1")
    assert_aborted(future)
    assert server.closed.wait(PATIENCE)


@pytest.mark.parametrize("dripping", ["challenge", "answer"])
def test_during_digest_authentication_an_answer_that_drips_is_cut_off(
    drip, make_client, session, dripping
):
    """Be it the challenge, or the answer to its response."""
    scheme = b'Digest realm="here", nonce="n1", qop="auth"'
    challenge = b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: " + scheme + b"\r\n"
    if dripping == "challenge":
        answers = [(challenge + b"Content-Length: 1000\r\n\r\n", b" ")]
    else:
        answers = [(challenge + CLOSING + b"0\r\n\r\n", b""), (HEADERS_AND_LENGTH, b" ")]
    server = drip(*answers, (COMPLETED, b""))
    session.auth = requests.auth.HTTPDigestAuth("user", "pass")
    assert_aborted(make_client(server.url, session=session).submit("job-1"))
    assert server.closed.wait(PATIENCE)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_through_a_proxy_an_answer_that_drips_is_cut_off(drip, make_client, session, scheme):
    """Be it the service's answer, or the proxy's own to the opening of a tunnel."""
    proxy = drip((b"HTTP/1.1 200 OK\r\nX-Drip: ", b"."))
    session.proxies = {scheme: proxy.url}
    client = make_client(f"{scheme}://example.invalid", max_attempts=1, session=session)
    future = client.submit("job-1")
    assert future.result(PATIENCE) == "timeout"
    assert future.elapsed == 10
    assert "no whole answer within 10 s" in str(future.last_error)
    assert proxy.closed.wait(PATIENCE)
    asked = {
        "http": b"GET http://example.invalid/status/job-1 HTTP/1.1",
        "https": b"CONNECT example.invalid:443 HTTP/1.",
    }
    assert proxy.heads[0].startswith(asked[scheme])


def test_in_a_session_of_the_users_an_answer_that_drips_is_cut_off(server, make_client, session):
    """The session goes on to work for its owner."""
    server.job("job-1", duration=0, faults={1: Fault.drip(FOR_GOOD)})
    assert_aborted(make_client(session=session).submit("job-1"))
    assert session.get(f"{server.url}/status/job-1", timeout=PATIENCE).ok


def test_with_an_adapter_of_the_users_an_answer_that_drips_is_cut_off(server, make_client, session):
    """One that derives from that of requests, mounted for the service alone."""

    class Counting(HTTPAdapter):
        sent = 0

        def send(self, *arguments, **settings):
            self.sent += 1
            return super().send(*arguments, **settings)

    adapter = Counting()
    session.mount(server.url, adapter)
    server.job("job-1", duration=0, faults={1: Fault.drip(FOR_GOOD)})
    assert_aborted(make_client(session=session).submit("job-1"))
    assert adapter.sent == 2


def test_on_a_connection_that_is_kept_an_answer_that_drips_is_cut_off(server, make_client, clock):
    """Not the first request on a connection only."""
    server.job("job-1", duration=3, faults={3: Fault.drip(FOR_GOOD)})
    future = make_client().submit("job-1")
    assert future.result(PATIENCE) == "completed"
    assert [request.time for request in server.requests] == [0, 1, 3, 17]
    assert "no whole answer within 10 s" in str(future.last_error)


def test_on_connections_that_the_session_had_open_answers_that_drip_are_cut_off(
    server, make_client, session, clock
):
    """As those are that the user's own login has left."""
    url = f"{server.url}/status/login"
    answers = [session.get(url, timeout=PATIENCE, stream=True) for _ in range(2)]
    for answer in answers:  # each came on its own connection, which is kept once it is read
        assert answer.json() == {"result": "pending"}
    for name in ("job-1", "job-2", "job-3"):
        server.job(name, duration=0, faults={1: Fault.drip(FOR_GOOD)})
    client = make_client(session=session)
    with clock.paused():
        futures = [client.submit(name) for name in ("job-1", "job-2", "job-3")]
    for future in futures:
        assert_aborted(future)


def test_to_abort_one_exchange_does_not_touch_the_next_on_its_connection(session):
    """Though the first one has not ended: a hook of the user's still looks at its answer."""
    looks, goes_on = threading.Event(), threading.Event()

    def look(response, **_):
        if response.url.endswith("/looked-at"):
            looks.set()
            goes_on.wait(PATIENCE)

    answering, answer = threading.Event(), threading.Event()

    class Held(MockServer):
        def __call__(self, environ, start_response):
            if environ["PATH_INFO"].endswith("/next"):
                answering.set()
                answer.wait(PATIENCE)
            return super().__call__(environ, start_response)

    session.hooks["response"].append(look)
    with Held(duration=0) as server:
        client = VideoTranslationClient(server.url, session=session)
        first = client.submit("looked-at")
        assert looks.wait(PATIENCE)
        following = client.submit("next")
        assert answering.wait(PATIENCE)
        first.cancel()
        answer.set()
        assert following.result(PATIENCE) == "completed"
        assert (following.attempts, following.last_error) == (1, None)
        goes_on.set()
        client.shutdown()


def test_an_adapter_that_is_none_of_requests_own_works(make_client, session):
    """It may speak to anything; its exchanges have the timeouts that it gives them."""

    class Canned(BaseAdapter):
        def send(self, request, **settings):
            response = requests.Response()
            response.status_code, response.url, response.request = 200, request.url, request
            response._content = b'{"result": "completed"}'
            response._content_consumed = True
            return response

        def close(self):
            pass

    session.mount("http://", Canned())
    assert make_client("http://nowhere.invalid", session=session).get_status() == "completed"


def test_cancel_aborts_the_request_under_way(drip, make_client, clock):
    """The server sees the connection closed, long before the request's time is over."""
    server = drip((HEADERS_AND_LENGTH, b" "))
    with clock.paused():
        future = make_client(server.url).submit("job-1")
        clock.advance(5)
        assert future.cancel()
        assert server.closed.wait(PATIENCE)
        assert clock.monotonic() == 5


def test_a_deadline_aborts_the_request_under_way(drip, make_client, clock):
    """Nobody needs its answer."""
    server = drip((HEADERS_AND_LENGTH, b" "))
    future = make_client(server.url, max_wait_time=5).submit("job-1")
    assert future.result(PATIENCE) == "timeout"
    assert server.closed.wait(PATIENCE)
    assert clock.monotonic() == 5
    assert future.elapsed == 5
    assert "the poll under way had no answer when the limit was reached" in str(future.last_error)


def test_shutdown_with_cancel_returns_though_requests_hang():
    """On the real clock, with a server that says nothing at all."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        client = VideoTranslationClient(url, request_timeout=1000)
        futures = [client.submit(f"job-{number}") for number in range(4)]
        with contextlib.ExitStack() as connections:
            for _ in futures:
                connection, _ = listener.accept()
                connections.enter_context(connection)
                assert connection.recv(65536).startswith(b"GET /status/job-")
            client.shutdown(cancel_futures=True)
    assert all(future.cancelled() for future in futures)


@pytest.mark.skipif(not DESCRIPTORS.exists(), reason="counts descriptors as Linux lists them")
def test_when_all_exchanges_are_over_no_descriptor_is_left():
    """Neither of those that went well nor of those that were cut off."""

    def run():
        clock = VirtualClock()
        with MockServer(clock=clock) as server:
            client = VideoTranslationClient(server.url, None, None, clock=clock)
            faults = {2: Fault.drip(FOR_GOOD), 4: Fault.drop(), 5: Fault.http(503)}
            with clock.paused():
                futures = []
                for number in range(20):
                    server.job(f"job-{number}", duration=60, faults=faults)
                    futures.append(client.submit(f"job-{number}"))
                clock.advance(5)
                futures[0].cancel()
            client.shutdown()
        assert [str(future.result()) for future in futures[1:]] == ["completed"] * 19

    run()
    before = len(list(DESCRIPTORS.iterdir()))
    run()
    assert len(list(DESCRIPTORS.iterdir())) == before
