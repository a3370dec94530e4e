"""Sessions of other libraries: what their classes do in ``request`` is done for each poll."""

import base64
import gc

import pytest
import requests
from cachecontrol import CacheControl
from conftest import PATIENCE, serving
from oauthlib.oauth2 import TokenExpiredError
from requests.auth import AuthBase, HTTPDigestAuth
from requests_cache import CachedSession
from requests_oauthlib import OAuth2Session
from requests_toolbelt.sessions import BaseUrlSession
from werkzeug.wrappers import Request, Response

from video_translation_client import (
    JobNotFoundError,
    PollError,
    RejectedError,
    Service,
    VideoTranslationClient,
)
from video_translation_client.testing import Fault, MockServer

KEYED = Service("keyed", status="result", variables=(("api_key", "KEYED_API_KEY"),))


class Authlib(requests.Session):
    """Adds its token as authlib's OAuth2Session does: as ``auth``, unless there is one."""

    def request(self, method, url, withhold_token=False, auth=None, **settings):
        if not withhold_token and auth is None:
            auth = Bearer(self.token)
        return super().request(method, url, auth=auth, **settings)


class Google(requests.Session):
    """Adds its token as google.auth's AuthorizedSession does: to a copy of the headers."""

    def request(self, method, url, data=None, headers=None, timeout=120, **settings):
        headers = headers.copy() if headers is not None else {}
        headers["authorization"] = f"Bearer {self.token}"
        response = super().request(
            method, url, data=data, headers=headers, timeout=timeout, **settings
        )
        if response.status_code == 401 and self.token != "fresh":
            self.token = "fresh"
            return self.request(method, url, data=data, timeout=timeout, **settings)
        return response


class Bearer(AuthBase):
    def __init__(self, token):
        self.token = token

    def __call__(self, request):
        request.headers["Authorization"] = f"Bearer {self.token}"
        return request


def requests_oauthlib():
    """A session with a token."""
    return OAuth2Session(token={"access_token": "hush", "token_type": "Bearer"})


def authlib():
    """A session with a token."""
    session = Authlib()
    session.token = "hush"
    return session


def google():
    """A session with a token."""
    session = Google()
    session.token = "hush"
    return session


AUTHENTICATED = [requests_oauthlib, authlib, google]


@pytest.fixture(autouse=True)
def _insecure(monkeypatch):
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")


@pytest.fixture(params=AUTHENTICATED, ids=lambda make: make.__name__)
def session(request):
    """A session that adds a token in its ``request``."""
    with request.param() as session:
        yield session


def sent(server, name="Authorization"):
    """The values of a header in the requests that the server got."""
    return [request.headers.get(name) for request in server.requests]


def test_a_token_that_the_session_adds_is_sent_with_every_poll(server, make_client, session):
    """Beside the headers and parameters of the session, and ours."""
    session.headers["X-Tenant"] = "blue"
    session.params = {"version": "2"}
    server.job("job-1", duration=1)
    assert make_client(session=session).get_status("job-1") == "completed"
    assert sent(server) == ["Bearer hush"] * 2
    assert sent(server, "X-Tenant") == ["blue"] * 2
    assert sent(server, "Accept") == ["application/json"] * 2
    assert [request.query for request in server.requests] == ["version=2"] * 2


def test_the_token_follows_a_redirect_within_the_origin(server, make_client, session):
    """And .netrc does not replace it."""
    server.job("job-1", faults={1: Fault.redirect("/status/moved")})
    server.job("moved", duration=0)
    assert make_client(session=session).get_status("job-1") == "completed"
    assert sent(server) == ["Bearer hush"] * 2


def test_the_token_does_not_follow_a_redirect_to_another_origin(
    server, make_client, session, clock
):
    """The wait ends, and the other side gets no request."""
    with MockServer(clock=clock) as other:
        server.job("job-1", faults={1: Fault.redirect(f"{other.url}/status")})
        future = make_client(session=session).submit("job-1")
        with pytest.raises(RejectedError, match=f"a redirect to '{other.url}' was not followed"):
            future.result(PATIENCE)
        assert other.requests == []


def test_a_session_that_follows_redirects_itself_is_kept_from_it(server, make_client, clock):
    """Though its ``request`` asks for it."""

    class Follower(Google):
        def request(self, method, url, **settings):
            return super().request(method, url, **{**settings, "allow_redirects": True})

    session = Follower()
    session.token = "hush"
    with MockServer(clock=clock) as other:
        server.job("job-1", faults={1: Fault.redirect(f"{other.url}/status")})
        future = make_client(session=session).submit("job-1")
        with pytest.raises(RejectedError, match=f"a redirect to '{other.url}' was not followed"):
            future.result(PATIENCE)
        assert other.requests == []
    session.close()


@pytest.mark.parametrize("fault", [Fault.big(2), Fault.gzip_bomb(2)], ids=lambda fault: fault.kind)
def test_its_answers_are_bounded_too(server, make_client, session, fault):
    """As those of any other session."""
    server.job("job-1", duration=0, faults={1: fault})
    future = make_client(session=session).submit("job-1")
    assert future.result(PATIENCE) == "completed"
    assert "over 1048576 bytes" in str(future.last_error)


def test_its_requests_are_aborted_too(server, make_client, session, clock):
    """At the end of their time."""
    server.job("job-1", duration=0, faults={1: Fault.drip(10**6)})
    future = make_client(session=session).submit("job-1")
    assert future.result(PATIENCE) == "completed"
    assert "no whole answer within 10 s" in str(future.last_error)


def test_its_token_is_shown_to_nobody(server, make_client, session):
    """Not even where the answer repeats it."""

    @Request.application
    def echo(request):
        return Response(f"<{request.headers['Authorization']}>")

    with serving(echo) as url:
        future = make_client(url, max_attempts=1, session=session).submit("job-1")
        assert future.result(PATIENCE) == "timeout"
    assert "it is '<***>'" in str(future.last_error)


def test_hooks_and_cookies_of_the_session_work(make_client, session):
    """Once for each answer."""
    got, codes = [], []

    @Request.application
    def app(request):
        got.append(request.headers.get("Cookie"))
        response = Response('{"result": "pending"}')
        response.set_cookie("turn", str(len(got)))
        return response

    session.hooks["response"].append(lambda response, **_: codes.append(response.status_code))
    with serving(app) as url:
        make_client(url, max_attempts=3, session=session).get_status("job-1")
    assert codes == [200] * 3
    assert got == [None, "turn=1", "turn=2"]
    assert len(session.hooks["response"]) == 1


def test_a_token_that_the_session_renews_is_used(server, make_client, clock):
    """requests-oauthlib's does so before a request; the body of that holds nothing of ours."""
    bodies, tokens = [], []

    @Request.application
    def app(request):
        if request.path == "/token":
            bodies.append(request.get_data(as_text=True))
            return Response(
                '{"access_token": "new", "token_type": "Bearer", "expires_in": 3600}',
                content_type="application/json",
            )
        tokens.append(request.headers["Authorization"])
        return Response('{"result": "completed"}')

    with serving(app) as url, serving(app) as other:
        session = OAuth2Session(
            client_id="me",
            token={"access_token": "old", "refresh_token": "again", "expires_in": -1},
            auto_refresh_url=f"{other}/token",
            token_updater=lambda token: None,
        )
        with session:
            assert make_client(url, session=session).get_status("job-1") == "completed"
            assert session.token["access_token"] == "new"
    assert tokens == ["Bearer new"]
    assert sorted(part.split("=")[0] for part in bodies[0].split("&")) == [
        "grant_type",
        "refresh_token",
    ]


def test_a_token_that_is_refused_is_renewed_as_the_session_does(make_client):
    """google.auth's asks again after a 401, within the same poll."""
    tokens = []

    @Request.application
    def app(request):
        tokens.append(request.headers["Authorization"])
        return Response('{"result": "completed"}', status=401 if len(tokens) == 1 else 200)

    with serving(app) as url, google() as session:
        future = make_client(url, session=session).submit("job-1")
        assert future.result(PATIENCE) == "completed"
    assert future.attempts == 1
    assert tokens == ["Bearer hush", "Bearer fresh"]


def test_a_token_that_has_expired_for_good_ends_the_wait(server, make_client):
    """With the session's own error as the cause."""
    with OAuth2Session(token={"access_token": "old", "expires_in": -1}) as session:
        future = make_client(session=session).submit("job-1")
        with pytest.raises(RejectedError, match="TokenExpiredError") as caught:
            future.result(PATIENCE)
    assert isinstance(caught.value.__cause__, TokenExpiredError)
    assert server.requests == []


def test_a_session_that_cannot_renew_its_token_now_costs_a_poll(server, make_client):
    """google.auth's wraps what requests raises in an error of its own."""

    class Wrapping(Google):
        fails = True

        def request(self, method, url, **settings):
            if self.fails:
                self.fails = False
                try:
                    raise requests.ConnectionError("no token from hush")
                except requests.ConnectionError as error:
                    raise LookupError(error) from error
            return super().request(method, url, **settings)

    server.job("job-1", duration=0)
    with Wrapping() as session:
        session.token = "hush"
        future = make_client(session=session).submit("job-1")
        assert future.result(PATIENCE) == "completed"
    assert isinstance(future.last_error, PollError)
    assert "LookupError after ConnectionError" in str(future.last_error)
    assert "hush" not in str(future.last_error)


def test_an_api_key_that_is_given_goes_before_what_the_session_adds(server, make_client):
    """Where the session lets it; .netrc does not replace it."""
    server.job("job-1", duration=0)
    with BaseUrlSession(server.url) as session:
        make_client(session=session, api_key="key-1").get_status("job-1")
    assert sent(server) == ["Bearer key-1"]


def test_a_session_that_may_authenticate_needs_no_key(server, make_client, session, monkeypatch):
    """Its class says nothing of what it adds; one in the environment is still used."""
    monkeypatch.delenv("KEYED_API_KEY", raising=False)
    server.job("job-1", duration=0)
    make_client(session=session, service=KEYED).get_status("job-1")
    assert sent(server) == ["Bearer hush"]
    monkeypatch.setenv("KEYED_API_KEY", "key-1")
    with BaseUrlSession() as plain:
        make_client(session=plain, service=KEYED).get_status("job-1")
    assert sent(server)[1:] == ["Bearer key-1"]


def test_credentials_in_the_url_and_in_netrc_are_used_by_such_sessions(
    server, make_client, monkeypatch, tmp_path
):
    """Where they add none of their own."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login user password netrc\n")
    monkeypatch.setenv("NETRC", str(netrc))
    server.job("job-1", duration=0)
    with BaseUrlSession() as session:
        make_client(server.url.replace("//", "//user:url@"), session=session).get_status("job-1")
        make_client(session=session).get_status("job-1")
        make_client(session=session, api_key="key-1").get_status("job-1")
    with google() as session:
        make_client(session=session).get_status("job-1")
    encoded = [base64.b64encode(text).decode() for text in (b"user:url", b"user:netrc")]
    assert sent(server) == [f"Basic {text}" for text in encoded] + ["Bearer key-1", "Bearer hush"]


def test_with_digest_authentication_such_a_session_is_bounded_as_well(make_client):
    """The body of the challenge too, which the authentication reads first."""

    @Request.application
    def app(request):
        challenge = 'Digest realm="here", nonce="n1", qop="auth"'
        return Response("x" * 2**21, 401, headers={"WWW-Authenticate": challenge})

    with serving(app) as url, BaseUrlSession() as session:
        session.auth = HTTPDigestAuth("user", "pass")
        future = make_client(url, max_attempts=1, session=session).submit("job-1")
        assert future.result(PATIENCE) == "timeout"
    assert "over 1048576 bytes" in str(future.last_error)


def test_a_header_with_a_line_end_is_refused_unseen(server, make_client):
    """As one that an auth object makes."""

    def sign(request):
        request.headers["Authorization"] = "Bearer hush\n"
        return request

    with BaseUrlSession() as session:
        session.auth = sign
        future = make_client(session=session).submit("job-1")
        with pytest.raises(RejectedError, match="the header Authorization holds a line end"):
            future.result(PATIENCE)
    assert server.requests == []


@pytest.mark.parametrize("base_url", ["https://example.com/elsewhere", "{url}/api/"])
def test_a_session_with_a_base_url_of_its_own_asks_where_the_client_says(
    server, make_client, base_url
):
    """requests-toolbelt's joins URLs, and leaves whole ones alone."""
    server.job("job-1", duration=1)
    with BaseUrlSession(base_url.format(url=server.url)) as session:
        assert make_client(session=session).get_status("job-1") == "completed"
    assert [request.path for request in server.requests] == ["/status/job-1"] * 2


def cached_session():
    """A session of requests-cache, which believes the service."""
    return CachedSession(backend="memory", cache_control=True)


def cached_for_good():
    """A session of requests-cache, which keeps everything."""
    return CachedSession(backend="memory")


def cache_control():
    """A session of CacheControl."""
    return CacheControl(requests.Session())


# Of url-normalize, as requests-cache has it on Python 3.8 and 3.9, with a current idna.
@pytest.mark.filterwarnings("ignore:Transitional processing:DeprecationWarning")
@pytest.mark.parametrize("make", [cached_session, cached_for_good, cache_control])
def test_no_cache_in_the_session_answers_a_poll(make_client, make):
    """Though the service says that its answer may be kept for a minute."""
    directives = []

    @Request.application
    def app(request):
        directives.append(request.headers.get("Cache-Control"))
        word = "pending" if len(directives) < 3 else "completed"
        return Response(f'{{"result": "{word}"}}', headers={"Cache-Control": "max-age=60"})

    with serving(app) as url, make() as session:
        future = make_client(url, session=session).submit("job-1")
        assert future.result(PATIENCE) == "completed"
    assert future.attempts == 3
    assert directives == ["no-cache"] * 3


def test_a_cache_control_of_the_sessions_own_is_sent_instead(server, make_client):
    """The user knows what may be kept for how long."""
    server.job("job-1", duration=0)
    with requests.Session() as session:
        session.headers["cache-control"] = "max-age=1"
        make_client(session=session).get_status("job-1")
    assert sent(server, "Cache-Control") == ["max-age=1"]


def test_what_a_class_does_as_it_prepares_a_request_is_done_for_each_poll(server, make_client):
    """Not only as the client is made."""

    class Numbering(requests.Session):
        number = 0

        def prepare_request(self, request):
            self.number += 1
            request.headers["X-Number"] = str(self.number)
            return super().prepare_request(request)

    server.job("job-1", duration=1)
    with Numbering() as session:
        client = make_client(session=session)
        before = session.number
        client.get_status("job-1")
    assert sent(server, "X-Number") == [str(before + 1), str(before + 2)]


class Strict(requests.Session):
    def request(self, method, url, **settings):
        response = super().request(method, url, **settings)
        response.raise_for_status()
        return response


def test_what_a_class_raises_for_the_status_of_an_answer_is_judged_as_the_answer(
    server, make_client, clock
):
    """With what the answer says of the next request."""
    fault = Fault.http(503, headers={"Retry-After": "7"})
    server.job("job-1", duration=0, faults={1: fault})
    server.job("job-2", duration=0, faults={1: Fault.http(404)})
    with Strict() as session:
        client = make_client(session=session)
        future = client.submit("job-1")
        assert future.result(PATIENCE) == "completed"
        assert future.last_error.status_code == 503
        assert clock.monotonic() == 7
        assert isinstance(client.submit("job-2").exception(PATIENCE), JobNotFoundError)


def test_what_a_class_raises_for_another_request_of_its_own_is_a_failed_poll(server, make_client):
    """Such as that for a new token."""

    class Renewing(requests.Session):
        renewed = False

        def request(self, method, url, **settings):
            if not self.renewed:
                self.renewed = True
                super().request("POST", f"{server.url}/token").raise_for_status()
            return super().request(method, url, **settings)

    server.job("job-1", duration=0)
    with Renewing() as session:
        future = make_client(session=session).submit("job-1")
        assert future.result(PATIENCE) == "completed"
    assert "HTTPError" in str(future.last_error)
    assert future.last_error.status_code is None


def test_a_session_is_not_closed_when_its_last_client_is_dropped(server, make_client):
    """Whatever its class does at the end of a session."""
    closed = []

    class Closing(Google):
        def __del__(self):
            closed.append(self)

    session = Closing()
    session.token = "hush"
    VideoTranslationClient(server.url, session=session).shutdown()
    gc.collect()
    assert closed == []
    session.close()


class Narrow(requests.Session):
    def request(self, method, url):
        return super().request(method, url)


class Coroutine(requests.Session):
    async def request(self, method, url, **settings):
        return super().request(method, url, **settings)


class Slotted(Google):
    __slots__ = ("token",)


class Patched(Google):
    def __init__(self):
        super().__init__()
        self.send = super().send


@pytest.mark.parametrize("kind", [Narrow, Coroutine, Slotted, Patched])
def test_a_session_that_polls_cannot_go_through_is_refused_with_the_way_that_works(kind):
    """When the client is made."""
    with kind() as session, pytest.raises(ValueError, match=r"session\.auth = OAuth2\(token="):
        VideoTranslationClient("http://127.0.0.1:1", session=session)


def test_a_session_that_returns_something_else_than_an_answer_ends_the_wait(server, make_client):
    """As requests-futures' does, which gives a future."""

    class Futures(requests.Session):
        def request(self, method, url, **settings):
            return object()

    with Futures() as session:
        future = make_client(session=session).submit("job-1")
        with pytest.raises(RejectedError, match="returned a object, not a Response; give a plain"):
            future.result(PATIENCE)
