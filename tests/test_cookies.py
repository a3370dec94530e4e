"""Cookies: without a session of the user's they last as long as one poll, and are bounded."""

import pytest
import requests
from conftest import PATIENCE, serving
from werkzeug.wrappers import Request, Response

from video_translation_client import VideoTranslationClient
from video_translation_client.testing import VirtualClock


class Setter:
    """A service whose answers set cookies; /status/job-1 redirects to /status/moved."""

    def __init__(self, cookies, redirects=True):
        self.cookies = cookies
        self.redirects = redirects
        self.got = []

    def __call__(self, environ, start_response):
        request = Request(environ)
        self.got.append(request.headers.get("Cookie", ""))
        response = Response('{"result": "pending"}')
        if self.redirects and request.path.endswith("/job-1"):
            response = Response(status=302, headers={"Location": "/status/moved"})
        for cookie in self.cookies:
            response.headers.add("Set-Cookie", cookie)
        return response(environ, start_response)

    def ask(self, polls=1, **settings):
        """Polls, and returns the cookies of each request."""
        with serving(self) as url:
            client = VideoTranslationClient(url, polls, clock=VirtualClock(), **settings)
            future = client.submit("job-1")
            assert future.result(PATIENCE) == "timeout"
            client.shutdown()
        assert future.last_error is None
        return [sorted(cookies.split("; ")) for cookies in self.got]


def test_without_a_session_no_cookie_outlives_its_poll():
    """Within the redirects of one poll they go back and forth."""
    assert Setter(["a=1", "b=2"]).ask(3) == [[""], ["a=1", "b=2"]] * 3


def test_without_a_session_nor_redirects_no_cookie_is_sent():
    """Each poll stands by itself."""
    assert Setter(["a=1"], redirects=False).ask(3) == [[""]] * 3


def test_in_a_session_of_the_users_cookies_outlive_their_poll():
    """They are the user's, as in any other request of the session."""
    with requests.Session() as session:
        sent = Setter(["a=1"], redirects=False).ask(3, session=session)
        assert dict(session.cookies) == {"a": "1"}
    assert sent == [[""], ["a=1"], ["a=1"]]


def test_cookies_that_change_within_a_poll_are_sent_as_they_are_now():
    """Also where there is room for no other."""
    many = [f"c{number}=old" for number in range(50)] + ["c9=new", "more=1"]
    _, cookies = Setter(many).ask()
    assert "c9=new" in cookies
    assert len(cookies) == 50


@pytest.mark.parametrize("length", [1000, 20_000])
def test_what_a_redirect_sends_back_is_bounded(length):
    """To 50 cookies of 4096 bytes each (RFC 6265, 6.1); others are dropped."""
    many = [f"c{number}={'x' * length}" for number in range(80)]
    _, cookies = Setter(many).ask()
    assert len(cookies) == (50 if length == 1000 else 1)
    assert sum(map(len, cookies)) <= 50 * 4096


def test_a_cookie_that_is_too_large_takes_no_room_of_others():
    """It alone is dropped."""
    assert Setter(["big=" + "x" * 5000, "a=1"]).ask() == [[""], ["a=1"]]
