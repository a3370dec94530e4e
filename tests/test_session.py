"""What a requests.Session can do keeps working: the user's, and the client's own."""

import base64
import hashlib

import pytest
import requests
import requests.auth
import responses
from conftest import PATIENCE, serving
from requests.adapters import HTTPAdapter
from requests_mock import Mocker
from werkzeug.wrappers import Request, Response

import video_translation_client
from video_translation_client import RejectedError, VideoTranslationClient
from video_translation_client.testing import MockServer


def basic(user, password):
    """The value of the Authorization header for basic authentication."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def header(server, name):
    """The values of a header in the requests that the server got."""
    return [request.headers.get(name) for request in server.requests]


@pytest.fixture
def session():
    """A session of the user's own."""
    with requests.Session() as session:
        yield session


@pytest.fixture
def job(server):
    """The unnamed job, to be polled twice."""
    return server.job(duration=1)


def test_without_a_session_requests_say_who_asks(server, make_client, job):
    """The user agent names the library and its version, after which comes requests' own."""
    make_client().get_status()
    agent = f"video-translation-client/{video_translation_client.__version__} python-requests/"
    assert all(value.startswith(agent) for value in header(server, "User-Agent"))
    assert header(server, "Accept") == ["application/json"] * 2


def test_polls_share_a_connection(make_client, clock):
    """HTTP keep-alive: one connection serves poll after poll."""
    ports = []

    class Observed(MockServer):
        def __call__(self, environ, start_response):
            ports.append(environ["REMOTE_PORT"])
            return super().__call__(environ, start_response)

    with Observed(duration=50, clock=clock) as server:
        make_client(server.url).get_status()
    assert len(ports) == 7
    assert len(set(ports)) == 1


def test_the_sessions_headers_and_parameters_are_sent(server, make_client, job, session):
    """With every poll."""
    session.headers.update({"X-Tenant": "blue", "User-Agent": "mine/1"})
    session.params = {"version": "2"}
    make_client(session=session).get_status()
    assert header(server, "X-Tenant") == ["blue", "blue"]
    assert header(server, "User-Agent") == ["mine/1", "mine/1"]
    assert [request.query for request in server.requests] == ["version=2"] * 2


def test_the_api_key_is_sent_as_a_bearer_token(server, make_client, job):
    """Which is how RFC 6750 spells it."""
    make_client(api_key="key-1").get_status()
    assert header(server, "Authorization") == ["Bearer key-1"] * 2


def test_credentials_in_the_url_become_basic_authentication(server, make_client, job):
    """And are percent-decoded."""
    url = server.url.replace("//", "//us%40er:pass@")
    make_client(url).get_status()
    assert header(server, "Authorization") == [basic("us@er", "pass")] * 2


def test_credentials_in_the_url_may_hold_any_character(server, make_client):
    """They are sent as UTF-8 (RFC 7617)."""
    server.job(duration=0)
    make_client(server.url.replace("//", "//us€r:pä%2Fss@")).get_status()
    assert header(server, "Authorization") == [basic("us€r", "pä/ss")]


def test_the_sessions_auth_is_used(server, make_client, job, session):
    """As a pair, or as an object that is called for each poll, as one that signs must be."""
    session.auth = ("user", "pass")
    make_client(session=session).get_status()
    assert header(server, "Authorization") == [basic("user", "pass")] * 2

    class Token(requests.auth.AuthBase):
        calls = 0

        def __call__(self, request):
            self.calls += 1
            request.headers["Authorization"] = f"Token {self.calls}"
            return request

    session.auth = Token()
    server.job(duration=1)
    make_client(session=session).get_status()
    assert header(server, "Authorization")[2:] == ["Token 1", "Token 2"]


def test_digest_authentication_works_poll_after_poll(clock, session):
    """Its challenge is answered on whichever worker meets it."""
    session.auth = requests.auth.HTTPDigestAuth("user", "pass")
    verdicts = []

    def md5(text):
        return hashlib.md5(text.encode()).hexdigest()

    @Request.application
    def app(request):
        given = request.authorization
        if given is None:
            challenge = 'Digest realm="here", nonce="n1", qop="auth"'
            return Response(status=401, headers={"WWW-Authenticate": challenge})
        secret = md5("user:here:pass")
        proof = md5(f"GET:{given.uri}")
        wanted = md5(f"{secret}:n1:{given.nc}:{given.cnonce}:auth:{proof}")
        verdicts.append(given.response == wanted)
        status = "completed" if len(verdicts) >= 6 else "pending"
        return Response(f'{{"result": "{status}"}}')

    with serving(app) as url:
        client = VideoTranslationClient(url, clock=clock, session=session)
        futures = [client.submit(f"job-{number}") for number in range(3)]
        assert [future.result(PATIENCE) for future in futures] == ["completed"] * 3
    assert all(verdicts)


def test_netrc_is_read(server, make_client, job, monkeypatch, tmp_path):
    """As requests does, unless an api_key says who asks."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login user password pass\n")
    monkeypatch.setenv("NETRC", str(netrc))
    make_client().get_status()
    assert header(server, "Authorization") == [basic("user", "pass")] * 2
    server.job(duration=0)
    make_client(api_key="key-1").get_status()
    assert header(server, "Authorization")[2:] == ["Bearer key-1"]


def test_a_session_that_does_not_trust_the_environment_reads_no_netrc(
    server, make_client, job, session, monkeypatch, tmp_path
):
    """trust_env is the session's to say."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login user password pass\n")
    monkeypatch.setenv("NETRC", str(netrc))
    session.trust_env = False
    make_client(session=session).get_status()
    assert header(server, "Authorization") == [None, None]


def test_cookies_go_back_and_forth(clock, session):
    """What one answer sets, the next poll sends; a Cookie header of the session's wins."""
    got = []

    @Request.application
    def app(request):
        got.append(request.headers.get("Cookie"))
        response = Response('{"result": "pending"}')
        response.set_cookie("turn", str(len(got)))
        return response

    with serving(app) as url:
        session.cookies.set("lang", "de")
        client = VideoTranslationClient(url, 3, clock=clock, session=session)
        client.get_status()
        assert [sorted(cookies.split("; ")) for cookies in got] == [
            ["lang=de"],
            ["lang=de", "turn=1"],
            ["lang=de", "turn=2"],
        ]
        session.headers["Cookie"] = "mine=1"
        VideoTranslationClient(url, 2, clock=clock, session=session).get_status()
        assert got[3:] == ["mine=1", "mine=1"]


def test_response_hooks_of_the_session_are_called(server, make_client, job, session):
    """Once for each poll."""
    codes = []
    session.hooks["response"].append(lambda response, **_: codes.append(response.status_code))
    make_client(session=session).get_status()
    assert codes == [200, 200]


def test_an_auth_that_raises_ends_the_future_with_its_error(server, make_client, job, session):
    """A mistake in the user's own code does not pass by itself."""

    def fail(request):
        raise LookupError("no such thing")

    session.auth = fail
    future = make_client(session=session).submit()
    with pytest.raises(RejectedError, match="LookupError$") as caught:
        future.result(PATIENCE)
    assert isinstance(caught.value.__cause__, LookupError)


@pytest.mark.parametrize("error", [SystemExit("no token"), KeyboardInterrupt()])
def test_an_auth_that_raises_no_exception_but_worse_ends_the_future_too(
    server, make_client, session, error
):
    """With what it raised, in the thread that asks for the result."""

    def fail(request):
        raise error

    session.auth = fail
    future = make_client(session=session, max_wait_time=None, max_attempts=None).submit()
    assert future.exception(PATIENCE) is error


def test_a_header_that_an_auth_makes_of_a_token_with_a_line_end_is_refused_unseen(
    server, make_client, session
):
    """As a token is that was read from a file; nothing is sent."""

    def sign(request):
        request.headers["Authorization"] = "Bearer hush\n"
        return request

    session.auth = sign
    future = make_client(session=session).submit()
    with pytest.raises(RejectedError, match="the header Authorization holds a line end") as caught:
        future.result(PATIENCE)
    assert "hush" not in str(caught.value)
    assert server.requests == []


def test_mounted_adapters_are_used(server, make_client, job, session):
    """For instance one that counts, retries or speaks to somewhere else."""

    class Counting(HTTPAdapter):
        sent = 0

        def send(self, *arguments, **settings):
            self.sent += 1
            return super().send(*arguments, **settings)

    adapter = Counting()
    session.mount("http://", adapter)
    make_client(session=session).get_status()
    assert adapter.sent == 2
    adapter.close()


@pytest.mark.parametrize("where", ["session", "environment"])
def test_proxies_are_used(server, clock, session, monkeypatch, where):
    """The session's, and those of the environment."""
    server.job("job-1", duration=0)
    paths = []

    @Request.application
    def proxy(request):
        paths.append(request.environ["REQUEST_URI"])
        return Response('{"result": "completed"}')

    with serving(proxy) as url:
        if where == "session":
            session.proxies = {"http": url}
            session.trust_env = False
        else:
            monkeypatch.setenv("http_proxy", url)
            monkeypatch.delenv("no_proxy", raising=False)
            monkeypatch.delenv("NO_PROXY", raising=False)
        client = VideoTranslationClient("http://example.invalid/api", clock=clock, session=session)
        assert client.get_status("job-1") == "completed"
    assert paths == ["http://example.invalid/api/status/job-1"]


def test_requests_ca_bundle_is_used(clock, monkeypatch, tmp_path):
    """A bundle that is not there is an error that names it, not an unverified request."""
    missing = tmp_path / "missing.pem"
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(missing))
    client = VideoTranslationClient("https://127.0.0.1:1", clock=clock)
    with pytest.raises(RejectedError, match="missing.pem"):
        client.get_status()


def test_a_session_of_the_users_is_not_closed(server, make_client, job, session):
    """It may have other uses; its connections are left open."""
    closed = []
    session.close = lambda: closed.append(True)
    make_client(session=session).get_status()
    make_client(session=session).shutdown()
    assert closed == []


@responses.activate
def test_the_responses_library_can_answer(clock):
    """Tests of users' code that mock requests keep working."""
    responses.add(responses.GET, "https://example.com/status/a%2Fb", json={"result": "pending"})
    responses.add(responses.GET, "https://example.com/status/a%2Fb", json={"result": "completed"})
    client = VideoTranslationClient("https://example.com", clock=clock)
    assert client.get_status("a/b") == "completed"
    assert len(responses.calls) == 2


def test_the_requests_mock_library_can_answer(clock):
    """Both ways in which it is used."""
    answers = [{"json": {"result": "pending"}}, {"json": {"result": "completed"}}]
    with Mocker() as mocker:
        mocker.get("https://example.com/status", answers)
        assert (
            VideoTranslationClient("https://example.com", clock=clock).get_status() == "completed"
        )
        assert mocker.call_count == 2
    session = requests.Session()
    with Mocker(session=session) as mocker:
        mocker.get("https://example.com/status", answers)
        client = VideoTranslationClient("https://example.com", clock=clock, session=session)
        assert client.get_status() == "completed"
