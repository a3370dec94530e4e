"""Redirects: followed within the origin, refused to any other."""

import ssl
from pathlib import Path

import pytest
import requests
from conftest import PATIENCE, serving
from werkzeug.utils import redirect
from werkzeug.wrappers import Request

from video_translation_client import PollError, RejectedError, Service
from video_translation_client.testing import Fault, MockServer

SELF_SIGNED = Path(__file__).with_name("self_signed.pem")

KEYED = Service("keyed", status="result", headers=(("X-Api-Key", "{api_key}"),))
"""A service whose key requests doesn't know for one, and would pass on."""


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("location", ["/status/moved", "moved", "{url}/status/moved"])
def test_a_redirect_within_the_origin_is_followed(server, make_client, code, location):
    """It is the answer of the same poll; the next poll asks the old place again."""
    server.job("job-1", faults={1: Fault.redirect(location.format(url=server.url), code)})
    server.job("moved", duration=0)
    future = make_client().submit("job-1")
    assert future.result(PATIENCE) == "completed"
    assert future.attempts == 1
    assert [request.path for request in server.requests] == ["/status/job-1", "/status/moved"]


def test_a_redirect_to_another_origin_is_refused_and_gets_no_request(server, make_client, clock):
    """No header of ours reaches the other side; the error names it."""
    with MockServer(clock=clock) as other:
        server.job("job-1", faults={1: Fault.redirect(f"{other.url}/status")})
        future = make_client(api_key="hush").submit("job-1")
        with pytest.raises(RejectedError, match=f"a redirect to '{other.url}' was not followed"):
            future.result(PATIENCE)
        assert other.requests == []


def test_a_redirect_to_the_same_host_by_another_scheme_is_refused(server, make_client):
    """The scheme is part of the origin, and so is a port that goes without saying."""
    server.job("job-1", faults={1: Fault.redirect("https://127.0.0.1/status")})
    future = make_client().submit("job-1")
    with pytest.raises(RejectedError, match="a redirect to 'https://127.0.0.1:443' was not"):
        future.result(PATIENCE)


def test_a_redirect_to_another_origin_gets_no_key_in_a_header_of_the_services(
    server, make_client, clock
):
    """Which the library that follows redirects for others would send along."""
    with MockServer(clock=clock) as other:
        server.job("job-1", faults={1: Fault.redirect(f"{other.url}/status")})
        future = make_client(api_key="hush", service=KEYED).submit("job-1")
        with pytest.raises(RejectedError, match=f"a redirect to '{other.url}' was not") as caught:
            future.result(PATIENCE)
        assert other.requests == []
    assert [request.headers["X-Api-Key"] for request in server.requests] == ["hush"]
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_from_https_to_http_is_refused(server, make_client, code):
    """Nothing that was meant for an encrypted connection goes over an open one."""
    keys = []

    @Request.application
    def app(request):
        keys.append(request.headers["X-Api-Key"])
        return redirect(f"{server.url}/status/job-1", code)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(str(SELF_SIGNED))
    with serving(app, ssl_context=context) as url, requests.Session() as session:
        session.verify = str(SELF_SIGNED)
        client = make_client(url, session=session, api_key="hush", service=KEYED)
        future = client.submit("job-1")
        with pytest.raises(RejectedError, match=f"a redirect to '{server.url}' was not followed"):
            future.result(PATIENCE)
    assert keys == ["hush"]
    assert server.requests == []


def test_a_redirect_from_https_to_http_on_the_same_host_and_port_is_refused(make_client):
    """The scheme alone is another origin."""

    @Request.application
    def app(request):
        return redirect(request.url.replace("https:", "http:"))

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(str(SELF_SIGNED))
    with serving(app, ssl_context=context) as url, requests.Session() as session:
        session.verify = str(SELF_SIGNED)
        future = make_client(url, session=session).submit("job-1")
        plain = url.replace("https:", "http:")
        with pytest.raises(RejectedError, match=f"a redirect to '{plain}' was not followed"):
            future.result(PATIENCE)


def test_a_redirect_within_the_origin_keeps_a_key_in_a_header_of_the_services(server, make_client):
    """It is the same service."""
    server.job("job-1", faults={1: Fault.redirect("/status/moved")})
    server.job("moved", duration=0)
    assert make_client(api_key="key-1", service=KEYED).get_status("job-1") == "completed"
    assert [request.headers["X-Api-Key"] for request in server.requests] == ["key-1"] * 2


@pytest.mark.parametrize("location", ["//{other}/status", "http://{ours}@{other}/status"])
def test_a_redirect_to_another_origin_in_disguise_is_refused(server, make_client, clock, location):
    """Who is meant is decided after the URL has been resolved."""
    with MockServer(clock=clock) as other:
        names = {"other": f"127.0.0.1:{other.port}", "ours": f"127.0.0.1:{server.port}"}
        server.job("job-1", faults={1: Fault.redirect(location.format(**names))})
        future = make_client(api_key="hush").submit("job-1")
        with pytest.raises(RejectedError, match="a redirect to 'http://.*' was not followed"):
            future.result(PATIENCE)
        assert other.requests == []


def test_a_redirect_keeps_our_authorization(server, make_client, monkeypatch, tmp_path):
    """Though requests would rather read .netrc for it."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login user password pass\n")
    monkeypatch.setenv("NETRC", str(netrc))
    server.job("job-1", faults={1: Fault.redirect("/status/moved")})
    server.job("moved", duration=0)
    make_client(api_key="key-1").get_status("job-1")
    sent = [request.headers["Authorization"] for request in server.requests]
    assert sent == ["Bearer key-1"] * 2


@pytest.mark.parametrize("location", ["http://[", "http://host:99999/", "http://host:port/"])
def test_a_redirect_to_a_malformed_place_is_a_failed_poll(server, make_client, location):
    """The next answer may make sense."""
    server.job("job-1", duration=0, faults={1: Fault.redirect(location)})
    future = make_client().submit("job-1")
    assert future.result(PATIENCE) == "completed"
    assert isinstance(future.last_error, PollError)


def test_a_redirect_in_a_circle_ends_after_five(server, make_client):
    """It will not straighten out by itself."""
    server.job("job-1", faults={poll: Fault.redirect("/status/job-1") for poll in range(1, 20)})
    future = make_client().submit("job-1")
    with pytest.raises(RejectedError, match="more than 5 redirects"):
        future.result(PATIENCE)
    assert len(server.requests) == 6


def test_a_redirect_to_nowhere_is_a_failed_poll(server, make_client):
    """Without a Location there is nothing to follow."""
    server.job("job-1", duration=0, faults={1: Fault.http(302)})
    future = make_client().submit("job-1")
    assert future.result(PATIENCE) == "completed"
    assert isinstance(future.last_error, PollError)
    assert future.last_error.status_code == 302
