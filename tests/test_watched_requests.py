"""A client without a session: whoever watches what requests sends sees every poll of it."""

import contextlib
import functools
import gzip
import ssl
from pathlib import Path

import pytest
import requests
import requests_cache
import responses
import urllib3
from conftest import PATIENCE
from raw_server import CLOSE, RESET, answering, told
from requests.adapters import HTTPAdapter
from requests_mock import Mocker

from video_translation_client import RejectedError, VideoTranslationClient

SELF_SIGNED = Path(__file__).with_name("self_signed.pem")


class Proxied:
    """Wraps a function as wrapt does: for all that asks, it is that function."""

    def __init__(self, function, called):
        self.function = function
        self.called = called

    @property
    def __class__(self):
        return type(self.function)

    def __getattr__(self, name):
        return getattr(self.function, name)

    def __get__(self, instance, owner):
        if instance is None:
            return self
        return functools.partial(self, instance)

    def __call__(self, *arguments, **settings):
        self.called.append(self.function.__name__)
        return self.function(*arguments, **settings)


def wrapped(function, called):
    """Wraps a function as functools.wraps has it."""

    @functools.wraps(function)
    def wrapper(*arguments, **settings):
        called.append(function.__name__)
        return function(*arguments, **settings)

    return wrapper


@contextlib.contextmanager
def watching(owner, name, wrap):
    """Wraps a function of requests for a while; gives the list of its calls."""
    function, called = vars(owner)[name], []
    setattr(owner, name, wrap(function, called))
    try:
        yield called
    finally:
        setattr(owner, name, function)


FUNCTIONS = [(requests.Session, "send"), (requests.Session, "get_adapter"), (HTTPAdapter, "send")]
WATCHED = pytest.mark.parametrize(
    ("owner", "name"), FUNCTIONS, ids=lambda value: getattr(value, "__name__", value)
)


@WATCHED
@pytest.mark.parametrize("wrap", [wrapped, Proxied])
@pytest.mark.parametrize("when", ["before the client", "between two polls"])
def test_a_wrapper_of_what_requests_sends_with_sees_every_poll(
    server, make_client, owner, name, wrap, when
):
    """As those of OpenTelemetry, ddtrace and others, whenever they come and go."""
    server.job("job-1", duration=0)
    client = None if when == "before the client" else make_client()
    if client is not None:
        assert client.get_status("job-1") == "completed"
    with watching(owner, name, wrap) as called:
        client = client or make_client()
        for number in (1, 2, 3):
            called.clear()
            assert client.get_status("job-1") == "completed"
            assert name in called, f"poll {number} was not seen"
        called.clear()
    assert client.get_status("job-1") == "completed"
    assert called == []


def test_the_responses_library_answers_also_a_client_that_was_made_before(server, make_client):
    """And the server answers it again afterwards."""
    server.job("job-1", duration=9)
    client = make_client(max_attempts=1)
    assert client.get_status("job-1") == "timeout"
    with responses.RequestsMock() as mocked:
        mocked.get(f"{server.url}/status/job-1", json={"result": "completed"})
        assert client.get_status("job-1") == "completed"
        assert len(mocked.calls) == 1
    assert client.get_status("job-1") == "timeout"
    assert len(server.requests) == 2


def test_the_requests_mock_library_answers_also_a_client_that_was_made_before(server, make_client):
    """And the server answers it again afterwards."""
    server.job("job-1", duration=9)
    client = make_client(max_attempts=1)
    assert client.get_status("job-1") == "timeout"
    with Mocker() as mocked:
        mocked.get(f"{server.url}/status/job-1", json={"result": "completed"})
        assert client.get_status("job-1") == "completed"
        assert mocked.call_count == 1
    assert client.get_status("job-1") == "timeout"
    assert len(server.requests) == 2


@responses.activate
def test_what_answers_in_place_of_requests_needs_no_certificates(clock, monkeypatch, tmp_path):
    """As no connection is made."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))
    responses.get("https://example.com/status", json={"result": "completed"})
    client = VideoTranslationClient("https://example.com", clock=clock)
    assert client.get_status() == "completed"


# Of url-normalize, as requests-cache has it on Python 3.8 and 3.9, with a current idna.
@pytest.mark.filterwarnings("ignore:Transitional processing:DeprecationWarning")
def test_an_installed_cache_sees_every_poll(server, make_client):
    """As it is what requests has for a session then; what is asked for is news all the same."""
    server.job("job-1", duration=1)
    requests_cache.install_cache(backend="memory")
    try:
        with watching(requests_cache.CacheMixin, "send", wrapped) as seen:
            assert make_client().get_status("job-1") == "completed"
    finally:
        requests_cache.uninstall_cache()
    assert seen == ["send"] * 2
    assert len(server.requests) == 2


def test_a_hook_that_every_session_gets_sees_every_poll(server, make_client, monkeypatch):
    """Though sessions are not wrapped then."""
    seen = []

    class Hooked(requests.Session):
        def __init__(self):
            super().__init__()
            self.hooks["response"].append(lambda response, **_: seen.append(response.status_code))

    monkeypatch.setattr(requests, "Session", Hooked)
    server.job("job-1", duration=1)
    assert make_client().get_status("job-1") == "completed"
    assert seen == [200, 200]


def test_a_session_of_another_class_keeps_its_parameters(make_client, monkeypatch):
    """Where somebody has put one in the place of requests.Session that adds some."""

    class Signed(requests.Session):
        def __init__(self):
            super().__init__()
            self.params = {"signature": "x"}

    monkeypatch.setattr(requests, "Session", Signed)
    with answering(lambda asked: told("completed")) as server:
        assert make_client(server.url).get_status("job-1") == "completed"
        assert "/status/job-1?signature=x " in server.requests[0].head


def test_an_adapter_that_every_session_gets_sees_every_poll(server, make_client, monkeypatch):
    """Though it is mounted for one host alone."""
    seen = []

    class Watching(HTTPAdapter):
        def send(self, request, **settings):
            seen.append(request.url)
            return super().send(request, **settings)

    class Mounting(requests.Session):
        def __init__(self):
            super().__init__()
            self.mount(server.url, Watching())

    monkeypatch.setattr(requests, "Session", Mounting)
    assert make_client().get_status("job-1") == "completed"
    assert len(seen) == len(server.requests) > 1


def test_headers_that_a_watcher_of_urllib3_adds_are_those_of_one_request(make_client):
    """As a trace's identifier is; another poll has its own, or none."""
    answers = [told("pending"), told("pending"), told("completed")]
    function = urllib3.HTTPConnectionPool.urlopen

    def traced(*arguments, headers, **settings):
        headers["X-Trace"] = "1"
        urllib3.HTTPConnectionPool.urlopen = function
        return function(*arguments, headers=headers, **settings)

    with answering(lambda asked: answers.pop(0)) as server:
        client = make_client(server.url)
        urllib3.HTTPConnectionPool.urlopen = traced
        assert client.get_status("job-1") == "completed"
        assert ["X-Trace" in asked.head for asked in server.requests] == [True, False, False]


def heads(make_client, watched):
    """What a server gets of a client in three polls, the second of which is redirected."""
    redirect = b"HTTP/1.1 302 Found\r\nLocation: /moved?a=b\r\nContent-Length: 0\r\n\r\n"
    answers = [told("pending"), redirect, told("pending"), told("completed")]
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(answering(lambda asked: answers.pop(0)))
        if watched:
            stack.enter_context(watching(requests.Session, "send", wrapped))
        url = server.url.replace("//", "//user:hush@") + "/a%20b"
        client = make_client(url)
        assert client.get_status("job 1/\u00e9") == "completed"
        host = server.url.partition("//")[2]
        return [asked.head.replace(host, "HOST") for asked in server.requests]


def test_what_is_sent_is_the_same_whether_somebody_watches_or_not(make_client):
    """Line by line, also where a redirect is followed."""
    assert heads(make_client, watched=False) == heads(make_client, watched=True)


BROKEN = {
    "no answer": CLOSE,
    "reset": RESET,
    "no HTTP": b"SSH-2.0-OpenSSH\r\n\r\n",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "half a chunk": b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n99\r\n{"result":',
    "no chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    "a wrong chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhush\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\n{}",
    "no gzip": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    "half of gzip": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 20\r\n\r\n"
    + gzip.compress(b"{}" * 99)[:20],
    "brotli": b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\n{}",
    "a redirect nowhere": b"HTTP/1.1 302 Found\r\nLocation: http://[\r\nContent-Length: 0\r\n\r\n",
    "a large body": b"HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n\r\n" + b" " * 1048577,
    "a large head": b"HTTP/1.1 200 OK\r\nX: " + b" " * 70_000 + b"\r\n\r\n",
}

if not urllib3.__version__.startswith("1."):  # which has requests take it for a whole one
    BROKEN["half a body"] = b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"result":'


def failure(make_client, answer, watched, **serving):
    """What a client says of an answer, after which the connection is closed."""

    def answered(asked):
        if not isinstance(answer, bytes):
            return answer
        asked.send(answer)
        return CLOSE

    with contextlib.ExitStack() as stack:
        server = stack.enter_context(answering(answered, **serving))
        if watched:
            stack.enter_context(watching(requests.Session, "send", wrapped))
        future = make_client(server.url, max_attempts=1).submit("job-1")
        error = future.exception(PATIENCE) or future.last_error
        return future.report, type(error), str(error).replace(server.url, "URL")


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
def test_what_fails_is_told_in_the_same_words_whether_somebody_watches_or_not(make_client, answer):
    """The errors of urllib3 are those of requests then."""
    told_by_requests = failure(make_client, answer, watched=True)
    assert failure(make_client, answer, watched=False) == told_by_requests


@pytest.mark.parametrize("trusted", [True, False])
def test_the_certificate_is_verified_whether_somebody_watches_or_not(
    make_client, monkeypatch, trusted
):
    """Against the bundle that the environment names."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(str(SELF_SIGNED))
    if trusted:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(SELF_SIGNED))
    results = [
        failure(make_client, told("pending"), watched, tls=context) for watched in (False, True)
    ]
    assert results[0] == results[1]
    assert (results[0][1] is RejectedError) is not trusted
