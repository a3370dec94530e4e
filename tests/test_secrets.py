"""Keys, passwords, header values and cookies: sent to the service, and shown to nobody else."""

import base64
import logging
import socket
import ssl
import traceback
from pathlib import Path

import pytest
import requests
from conftest import PATIENCE, serving

from video_translation_client import Service
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
SECRETS = {
    "api_key": {"api_key": "hush-key"},
    "service": {
        "api_key": "hush-key",
        "service": Service(
            "acme", status="result", authentication_header="X-Key", authentication_prefix="hush-p"
        ),
    },
    "url": {"user": "hush-user:hush-password@"},
    "headers": {"headers": {"X-Token": "hush-header", "Authorization": "hush-authorization"}},
    "auth": {"auth": ("hush-user", "hush-password")},
    "cookies": {"cookies": {"hush-name": "hush-cookie"}},
}
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


def _never(environ, start_response):
    raise AssertionError("no request follows a certificate that is not trusted")


def _self_signed():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(str(Path(__file__).with_name("self_signed.pem")))
    return context
