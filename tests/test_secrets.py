"""Keys, passwords, header values and cookies: sent to the service, and shown to nobody else."""

import base64
import logging
import socket
import ssl
import threading
import traceback
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import requests
from conftest import PATIENCE, SECRETS, serving

from video_translation_client.testing import Fault
from video_translation_client.testing.faults import ALL_FAULTS

# A fault of 30 s costs nothing on the virtual clock, but a gigabyte would.
FAULTS = [
    *(fault for fault in ALL_FAULTS if fault.mebibytes == 0),
    Fault.big(2),
    Fault.gzip_bomb(2),
    Fault.http(401),
    Fault.http(404),
    Fault.redirect("http://example.invalid/"),
    Fault.redirect("http://user:hush-location@example.invalid/"),
]
ENCODED = base64.b64encode(b"hush-user:hush-password").decode()


@pytest.fixture(params=sorted(SECRETS))
def make_secretive(request, make_client):
    """Makes clients that have secrets of one kind."""
    settings = dict(SECRETS[request.param])
    with requests.Session() as session:
        user = settings.pop("user", "")
        session.headers.update(settings.pop("headers", {}))
        session.auth = settings.pop("auth", None)
        session.cookies.update(settings.pop("cookies", {}))

        def make(url, **arguments):
            url = url.replace("//", "//" + user)
            return make_client(url, session=session, max_attempts=1, **settings, **arguments)

        yield make


@pytest.fixture
def log(caplog):
    """Everything that anybody logs, as a handler at DEBUG would write it."""
    caplog.set_level(logging.DEBUG)
    for name in ("urllib3", "requests", "video_translation_client"):
        caplog.set_level(logging.DEBUG, name)
    return caplog


def everything_shown(client, future, log):
    """All texts that a user may see of a client, a future, its failure and the log."""
    failure = future.exception(PATIENCE) or future.last_error
    texts = [repr(client), str(client), repr(future), str(future), str(future.reason), log.text]
    texts += [repr(vars(record)) for record in log.records if record.name != "werkzeug"]
    if failure is not None:
        texts += ["".join(traceback.format_exception(type(failure), failure, None))]
        texts += [repr(each) + repr(each.args) + repr(vars(each)) for each in chain(failure)]
    return failure, "\n".join(texts)


def chain(error):
    """An error and all that hangs together with it, its causes and its contexts."""
    found, left = [], [error]
    while left:
        each = left.pop()
        if each is not None and each not in found:
            found.append(each)
            left += [each.__cause__, each.__context__]
    return found


def assert_no_secret(text):
    """No secret is in a text, as it is or as basic authentication has it."""
    assert "hush" not in text
    assert ENCODED not in text


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.kind)
def test_no_failed_poll_shows_a_secret(server, make_secretive, log, fault):
    """Whatever the server does: neither in a log, a repr, a text nor a chained error."""
    server.job("job-1", faults={1: fault})
    client = make_secretive(server.url)
    future = client.submit("job-1")
    _, shown = everything_shown(client, future, log)
    assert "job-1" in shown
    assert_no_secret(shown)
    headers = " ".join([*server.requests[0].headers.keys(), *server.requests[0].headers.values()])
    assert "hush" in headers or ENCODED in headers


def test_no_good_answer_shows_a_secret(server, make_secretive, log):
    """The lines of urllib3 at DEBUG included."""
    server.job("job-1", duration=0)
    client = make_secretive(server.url)
    future = client.submit("job-1")
    assert future.result(PATIENCE) == "completed"
    failure, shown = everything_shown(client, future, log)
    assert failure is None
    assert "urllib3.connectionpool" in {record.name for record in log.records}
    assert_no_secret(shown)


def test_no_refused_connection_shows_a_secret(make_secretive, log):
    """Libraries like to repeat the URL in their messages."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        client = make_secretive(f"http://127.0.0.1:{closed.getsockname()[1]}")
        failure, shown = everything_shown(client, client.submit("job-1"), log)
    assert isinstance(failure.__cause__, ConnectionRefusedError)
    assert_no_secret(shown)


def test_no_certificate_that_is_not_trusted_shows_a_secret(make_secretive, log):
    """The reason is told in OpenSSL's words."""
    with serving(_never, ssl_context=_self_signed()) as url:
        client = make_secretive(url)
        failure, shown = everything_shown(client, client.submit("job-1"), log)
    assert "certificate" in str(failure)
    assert_no_secret(shown)


def test_no_name_that_does_not_resolve_shows_a_secret(make_secretive, log):
    """The host's name is told, its user is not."""
    client = make_secretive("http://host.invalid")
    failure, shown = everything_shown(client, client.submit("job-1"), log)
    assert "http://host.invalid" in str(failure)
    assert_no_secret(shown)


def test_no_request_that_is_aborted_shows_a_secret(server, make_secretive, log):
    """At the end of its time, or because nobody needs it any more."""
    server.job("job-1", faults={1: Fault.slow(1000)})
    client = make_secretive(server.url, request_timeout=1)
    failure, shown = everything_shown(client, client.submit("job-1"), log)
    assert failure is not None
    assert_no_secret(shown)


def test_an_answer_that_repeats_the_request_is_not_repeated(make_secretive, log):
    """Some services put the headers of a bad request into their answer."""

    def echo(environ, start_response):
        sent = [value for name, value in environ.items() if name.startswith("HTTP_")]
        start_response("400 Bad Request", [("Content-Type", "text/plain")])
        return [" ".join(sent).encode("latin-1")]

    with serving(echo) as url:
        client = make_secretive(url)
        failure, shown = everything_shown(client, client.submit("job-1"), log)
    assert failure.status_code == 400
    assert_no_secret(shown)


ECHOES = {
    "chunk size": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}\r\n",
    "chunk": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{{}}{}\r\n",
    "HTTP version": "HTTP/{} 200 OK\r\n\r\n",
    "status line": "{}\r\n\r\n",
    "status": "HTTP/1.1 {} OK\r\n\r\n",
    "reason": "HTTP/1.1 500 {}\r\nContent-Length: 0\r\n\r\n",
    "host": "HTTP/1.1 302 Found\r\nLocation: http://{}/\r\nContent-Length: 0\r\n\r\n",
    "port": "HTTP/1.1 302 Found\r\nLocation: http://h:{}/\r\nContent-Length: 0\r\n\r\n",
    "scheme": "HTTP/1.1 302 Found\r\nLocation: {}://h/\r\nContent-Length: 0\r\n\r\n",
    "length": "HTTP/1.1 200 OK\r\nContent-Length: 5, {}\r\n\r\n",
    "encoding": "HTTP/1.1 200 OK\r\nContent-Encoding: {}\r\nContent-Length: 0\r\n\r\n",
    "compressed": "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\n{}",
    "date": "HTTP/1.1 503 No\r\nRetry-After: {}\r\nDate: {}\r\nContent-Length: 0\r\n\r\n",
    "cookie": "HTTP/1.1 500 No\r\nSet-Cookie: {}; Domain={}\r\nContent-Length: 0\r\n\r\n",
    "cut": "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}",
    "body": "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{:99}",
    "state": 'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{{"result": "{}"{:76}}}',
    "error": 'HTTP/1.1 200 OK\r\n\r\n{{"result": "error", "error": "{}", "error_code": "{}"}}',
    "missing": "HTTP/1.1 404 {}\r\nContent-Length: 0\r\n\r\n",
    "long line": "HTTP/1.1 200 OK\r\nX-Long: {:70000}",
}
"""Where an answer may repeat a key, so that a library puts it into its words."""

TUNNELS = {
    "tunnel's reason": "HTTP/1.1 407 {}\r\nContent-Length: 0\r\n\r\n",
    "tunnel's status line": "{}\r\n\r\n",
    "tunnel's status": "HTTP/1.1 {} No\r\n\r\n",
    "tunnel's header": "HTTP/1.1 403 No\r\n{}\r\n\r\n",
}
"""The same for a proxy that is asked for a tunnel."""

ECHOED_KEY = "Hush-Key-1"


@contextmanager
def echoing(template):
    """A server whose answers repeat the credentials that they were asked with."""

    def run():
        with suppress(OSError):  # closed, which ends it
            while True:
                connection, _ = listener.accept()
                with connection, suppress(OSError):
                    answer(connection)

    def answer(connection):
        head = b""
        while b"\r\n\r\n" not in head:
            piece = connection.recv(65536)
            if not piece:
                return
            head += piece
        scheme, credentials = head.partition(b"uthorization: ")[2].split()[:2]
        if scheme == b"Basic":
            credentials = base64.b64decode(credentials).partition(b":")[2]
        echo = credentials.decode()
        echoed.append(echo)
        connection.sendall(template.format(echo, echo).encode())

    echoed = []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}", echoed
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def everything_told(client, log):
    """All that may be seen of one poll, with what the service said of the job, in lower case."""
    future = client.submit("job-1")
    _, shown = everything_shown(client, future, log)
    report = future.report
    told = [] if report is None else [report.error, report.error_code, repr(report)]
    return "\n".join([shown, *map(str, told)]).lower()


@pytest.mark.parametrize("place", ECHOES)
def test_a_key_is_not_shown_wherever_an_answer_repeats_it(make_client, log, place):
    """Libraries put what they can't read into their words, and chain their errors."""
    with echoing(ECHOES[place]) as (address, echoed):
        client = make_client(f"http://{address}", api_key=ECHOED_KEY, max_attempts=1)
        shown = everything_told(client, log)
    assert echoed[0] == ECHOED_KEY
    assert "hush" not in shown


@pytest.mark.parametrize(
    ("scheme", "template"),
    [
        *(("http", echo) for echo in ECHOES.values()),
        *(("https", echo) for echo in TUNNELS.values()),
    ],
    ids=[*ECHOES, *TUNNELS],
)
def test_the_password_of_a_proxy_is_not_shown_wherever_it_repeats_it(
    make_client, log, scheme, template
):
    """It is as secret as that of the service, though no request of ours has it."""
    with echoing(template) as (address, echoed), requests.Session() as session:
        session.proxies = {scheme: f"http://user:{ECHOED_KEY}@{address}"}
        client = make_client(f"{scheme}://service.invalid", session=session, max_attempts=1)
        shown = everything_told(client, log)
    assert echoed[0] == ECHOED_KEY
    assert "hush" not in shown


def test_of_a_tunnel_that_a_proxy_refuses_the_code_is_told(make_client, log):
    """Its own words are not, which may be anything."""
    with echoing(TUNNELS["tunnel's reason"]) as (address, _), requests.Session() as session:
        session.proxies = {"https": f"http://user:{ECHOED_KEY}@{address}"}
        client = make_client("https://service.invalid", session=session, max_attempts=1)
        future = client.submit("job-1")
        failure, _ = everything_shown(client, future, log)
    assert str(failure).endswith(": OSError: Tunnel connection failed: 407")
    assert repr(failure.__cause__) == "OSError('Tunnel connection failed: 407')"


def _never(environ, start_response):
    raise AssertionError("no request follows a certificate that is not trusted")


def _self_signed():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(str(Path(__file__).with_name("self_signed.pem")))
    return context
