"""Redirects: followed within the origin, refused to any other."""

import pytest
from conftest import PATIENCE

from video_translation_client import PollError, RejectedError
from video_translation_client.testing import Fault, MockServer


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
        with pytest.raises(RejectedError, match=f"a redirect to {other.url} was not followed"):
            future.result(PATIENCE)
        assert other.requests == []


def test_a_redirect_to_the_same_host_by_another_scheme_is_refused(server, make_client):
    """The scheme is part of the origin, and so is a port that goes without saying."""
    server.job("job-1", faults={1: Fault.redirect("https://127.0.0.1/status")})
    future = make_client().submit("job-1")
    with pytest.raises(RejectedError, match="a redirect to https://127.0.0.1:443 was not"):
        future.result(PATIENCE)


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
