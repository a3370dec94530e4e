"""Certificates: verified, and never taken on trust."""

import contextlib
import re
import selectors
import socket
import ssl
import threading
from pathlib import Path

import certifi
import pytest
import requests
from conftest import PATIENCE, serving
from requests.adapters import HTTPAdapter
from werkzeug.wrappers import Response

from video_translation_client import PollError, RejectedError, VideoTranslationClient

SELF_SIGNED = Path(__file__).with_name("self_signed.pem")
"""A key and certificate for 127.0.0.1, signed by itself until 2126; it protects nothing."""


@pytest.fixture
def url():
    """A server with the self-signed certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(str(SELF_SIGNED))
    with serving(Response('{"result": "completed"}'), ssl_context=context) as url:
        yield url


def tunnel(listener, heads):
    """Takes one connection as a proxy, and passes on what comes after ``CONNECT``."""
    connection, _ = listener.accept()
    with connection:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += connection.recv(65536)
        heads.append(head.split(b"\r\n")[0].decode())
        host, port = heads[0].split()[1].split(":")
        with socket.create_connection((host, int(port))) as other, contextlib.suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            with selectors.DefaultSelector() as selector:
                selector.register(connection, selectors.EVENT_READ, other)
                selector.register(other, selectors.EVENT_READ, connection)
                while True:
                    for key, _ in selector.select():
                        piece = key.fileobj.recv(65536)
                        if not piece:
                            return
                        key.data.sendall(piece)


@pytest.fixture
def proxy():
    """A proxy for one connection, and the request lines that it gets."""
    heads = []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        thread = threading.Thread(target=tunnel, args=(listener, heads))
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", heads
        thread.join(PATIENCE)


def test_a_certificate_that_is_not_trusted_ends_the_wait_and_says_so(url, clock):
    """No poll can succeed; the reason is given in OpenSSL's words."""
    future = VideoTranslationClient(url, clock=clock).submit("job-1")
    with pytest.raises(RejectedError, match="self.signed certificate") as caught:
        future.result(PATIENCE)
    assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
    assert future.attempts == 1


def test_a_session_can_trust_it(url, clock, monkeypatch):
    """By ``verify``, set to the certificate; the environment does not override it."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certifi.where())
    with requests.Session() as session:
        session.verify = str(SELF_SIGNED)
        client = VideoTranslationClient(url, clock=clock, session=session)
        assert client.get_status("job-1") == "completed"


@pytest.mark.parametrize("verify", [None, "", 0])
def test_verification_cannot_be_turned_off_by_accident(verify):
    """What requests would take for False is refused, unless it is False."""
    with requests.Session() as session:
        session.verify = verify
        with pytest.raises(ValueError, match="^session.verify must be True, the path of a CA"):
            VideoTranslationClient("https://127.0.0.1", session=session)
        session.verify = False
        VideoTranslationClient("https://127.0.0.1", session=session)


def test_a_handshake_that_breaks_off_is_a_failure_in_passing(clock):
    """The server may be restarting."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        future = VideoTranslationClient(url, 1, clock=clock).submit("job-1")
        connection, _ = listener.accept()
        connection.close()
        assert future.result(PATIENCE) == "timeout"
    assert isinstance(future.last_error, PollError)


def test_a_handshake_that_the_server_ends_in_the_middle_is_told_in_openssls_words(clock):
    """And is a failure in passing."""

    def end(connection):
        connection.recv(65536)

    with answering(end) as url:
        future = VideoTranslationClient(url, 1, clock=clock).submit("job-1")
        assert future.result(PATIENCE) == "timeout"
    assert isinstance(future.last_error, PollError)
    assert re.search("TLS: .*EOF", str(future.last_error), re.IGNORECASE)


@contextlib.contextmanager
def answering(answer):
    """Gives the URL of a server that handles one connection by a function."""

    def serve():
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(PATIENCE)
            answer(connection)

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(PATIENCE)


@pytest.mark.parametrize(
    ("version", "words"), [("TLSv1_3", "certificate required"), ("TLSv1_2", "handshake failure")]
)
def test_a_client_certificate_that_is_missing_ends_the_wait_and_says_so(clock, version, words):
    """Though the server's alert comes only in place of its first answer, with TLS 1.3."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(str(SELF_SIGNED))
    context.load_verify_locations(str(SELF_SIGNED))
    context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version = context.maximum_version = ssl.TLSVersion[version]

    def demand(connection):
        with context.wrap_socket(
            connection, server_side=True, do_handshake_on_connect=False
        ) as secure:
            with pytest.raises(ssl.SSLError):
                secure.do_handshake()
            # With something left to read, the system would reset the connection.
            with socket.socket(fileno=secure.detach()) as plain:
                plain.settimeout(PATIENCE)
                while plain.recv(65536):
                    pass

    with answering(demand) as url, requests.Session() as session:
        session.verify = str(SELF_SIGNED)
        future = VideoTranslationClient(url, clock=clock, session=session).submit("job-1")
        with pytest.raises(RejectedError, match=f"TLS: .*{words}"):
            future.result(PATIENCE)
    assert future.attempts == 1


class Pinned(HTTPAdapter):
    """Trusts one certificate alone, as requests-toolbelt's FingerprintAdapter does."""

    def init_poolmanager(self, *arguments, **settings):
        super().init_poolmanager(*arguments, assert_fingerprint="00" * 32, **settings)


class Named(HTTPAdapter):
    """Looks for another name in the certificate."""

    def init_poolmanager(self, *arguments, **settings):
        super().init_poolmanager(*arguments, assert_hostname="other.example", **settings)


@pytest.mark.parametrize(
    ("adapter", "words"),
    [(Pinned, "Fingerprints did not match"), (Named, "hostname 'other.example' doesn't match")],
)
def test_a_certificate_that_an_adapter_does_not_take_ends_the_wait_and_says_so(
    url, clock, adapter, words
):
    """It will be the same the next time."""
    with requests.Session() as session:
        session.verify = str(SELF_SIGNED)
        session.mount("https://", adapter())
        future = VideoTranslationClient(url, clock=clock, session=session).submit("job-1")
        with pytest.raises(RejectedError, match=words):
            future.result(PATIENCE)
    assert future.attempts == 1


@pytest.mark.parametrize("where", ["session", "environment"])
def test_through_the_tunnel_of_a_proxy_the_certificate_is_that_of_the_service(
    url, proxy, clock, monkeypatch, where
):
    """The proxy passes on what it can't read."""
    proxy_url, heads = proxy
    with contextlib.ExitStack() as stack:
        session = None
        if where == "session":
            session = stack.enter_context(requests.Session())
            session.verify = str(SELF_SIGNED)
            session.proxies = {"https": proxy_url}
        else:
            monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(SELF_SIGNED))
            monkeypatch.setenv("https_proxy", proxy_url)
            monkeypatch.setenv("no_proxy", "")
        with VideoTranslationClient(url, clock=clock, session=session) as client:
            assert client.get_status("job-1") == "completed"
    assert heads == [f"CONNECT {url[len('https://') :]} HTTP/1.{heads[0][-1]}"]
