"""Downloads from servers of all kinds: whom the key is sent to, and what a hostile one can do."""

import contextlib
import gzip
import io
import itertools
import logging
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from conftest import PATIENCE
from raw_server import CLOSE, RESET, answering
from requests.adapters import BaseAdapter
from requests.auth import HTTPDigestAuth

from video_translation_client import DownloadError, Service, VideoTranslationClient

KEYED = Service("mine", status="result", result="url", variables=(("api_key", "MINE"),), missing=())
SECRETS = ("secret", "Cookie", "X-Own", "Authorization", "own-parameter")


def said(status, body=b"", *lines, length=None):
    """A whole answer."""
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}"]
    return "\r\n".join([*head, *lines, "", ""]).encode() + body


def moved(location):
    """A redirect."""
    return said("302 Found", b"", f"Location: {location}")


def completed(url):
    """The answer for a job whose result is at a URL."""
    return said("200 OK", b'{"result": "completed", "url": "%s"}' % url.encode())


@pytest.fixture
def fetch(clock, tmp_path):
    """Downloads what ``files`` answers for each request but those for the status.

    ``place`` gives the URL of the result, by that of the server.
    """

    def run(files, place=lambda url: f"{url}/file", limits=(), **settings):
        def answer(asked):
            if asked.path.startswith("/status"):
                return completed(place(server.url))
            return files(asked)

        with answering(answer) as server:
            arguments = {"service": KEYED, "api_key": "secret", "clock": clock, **settings}
            with VideoTranslationClient(server.url, **arguments) as client:
                path = client.download("job-1", tmp_path, **dict(limits))
        return path.read_bytes()

    yield run
    assert not [one for one in tmp_path.iterdir() if one.suffix == ".part"]


def _own_session():
    session = requests.Session()
    session.headers["X-Own"] = "mine"
    session.cookies.set("own", "cookie")
    session.params = {"own-parameter": "mine"}
    session.auth = ("user", "password")
    return session


@pytest.mark.parametrize("session", [None, _own_session])
def test_nothing_of_the_users_goes_to_another_origin(fetch, session):
    """Neither a key, nor what a session has for the service: headers, cookies, auth, parameters."""
    heads = []

    def elsewhere(asked):
        heads.append(asked.head)
        return said("200 OK", b"film")

    with answering(elsewhere) as other:
        settings = {} if session is None else {"session": session()}
        got = fetch(None, lambda url: f"{other.url}/film.mp4?signature=1", **settings)
    assert got == b"film"
    assert len(heads) == 1
    assert not any(word in heads[0] for word in SECRETS)
    assert "GET /film.mp4?signature=1 HTTP/1.1" in heads[0]
    assert "Accept-Encoding: identity" in heads[0]


def test_a_redirect_to_another_origin_takes_nothing_along(fetch):
    """Nor does one that leads back: others would choose what is asked with the key."""
    heads = []

    def elsewhere(asked):
        heads.append(asked.head)
        return moved(f"{back[0]}/film")

    def files(asked):
        heads.append(asked.head)
        back.append(f"http://127.0.0.1:{asked.stream.getsockname()[1]}")
        return moved(f"{other.url}/film") if len(heads) == 1 else said("200 OK", b"film")

    back = []
    with answering(elsewhere) as other:
        assert fetch(files) == b"film"
    assert ["secret" in head for head in heads] == [True, False, False]


def test_a_redirect_within_the_origin_takes_the_key_along(fetch):
    """It stays with the service."""
    heads = []

    def files(asked):
        heads.append(asked.head)
        return moved("/elsewhere") if len(heads) == 1 else said("200 OK", b"film")

    assert fetch(files) == b"film"
    assert ["Bearer secret" in head for head in heads] == [True, True]


def test_the_service_gets_what_the_session_has_for_it(fetch):
    """As with a poll."""
    heads = []

    def files(asked):
        heads.append(asked.head)
        return said("200 OK", b"film")

    session = _own_session()
    assert fetch(files, session=session) == b"film"
    for word in ("X-Own: mine", "own=cookie", "own-parameter=mine", "Authorization: Basic"):
        assert word in heads[0]
    assert session.get_adapter("http://x")  # it was not closed


def test_a_digest_is_worked_out(fetch):
    """An auth object may ask a second time."""
    digest = 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"'

    def answer(asked):
        if "Digest" in asked.head:
            return completed("/f") if "status" in asked.path else said("200 OK", b"film")
        return said("401 Unauthorized", b"{}", digest)

    session = requests.Session()
    session.auth = HTTPDigestAuth("user", "password")
    service = Service("mine", status="result", result="url")
    with answering(answer) as server:
        client = VideoTranslationClient(server.url, service=service, session=session)
        with client:
            assert client.downloads("job-1") == ["video"]
    assert fetch(answer, session=session) == b"film"


def test_credentials_of_the_base_url_are_sent(clock, tmp_path):
    """And those of ``.netrc`` do not replace a key."""
    heads = []

    def answer(asked):
        heads.append(asked.head)
        return completed("/f") if "status" in asked.path else said("200 OK", b"film")

    with answering(answer) as server:
        url = server.url.replace("//", "//user:password@")
        with VideoTranslationClient(url, clock=clock) as client:
            client.download("job-1", tmp_path)
    assert ["Authorization: Basic" in head for head in heads] == [True, True]


class _Refusing(requests.Session):
    """Adds a token in ``request``, which may itself be had by a request, and likes no error."""

    token_url = None

    def request(self, method, url, **settings):
        if self.token_url is not None:
            self.get_token()
        settings["headers"] = {**settings.pop("headers", {}), "X-Token": "token"}
        answer = super().request(method, url, **settings)
        answer.raise_for_status()
        return answer

    def get_token(self):
        assert super().request("GET", self.token_url).content == b"token"


def test_a_session_with_a_request_of_its_own_is_asked_by_that(fetch):
    """As with a poll; the body is not read at once for all that."""
    heads = []

    def files(asked):
        heads.append(asked.head)
        return said("404 Not Found") if len(heads) == 1 else said("200 OK", b"f" * 3_000_000)

    with answering(lambda asked: said("200 OK", b"token")) as other:
        session = _Refusing()
        session.token_url = other.url
        assert fetch(files, session=session) == b"f" * 3_000_000
    assert ["X-Token: token" in head for head in heads] == [True, True]
    assert ["Bearer secret" in head for head in heads] == [True, True]


class _Strange(requests.Session):
    def request(self, method, url, **settings):
        answer = super().request(method, url, **settings)
        return answer if "status" in url else "no Response"


def test_a_session_that_returns_no_response_is_told(fetch):
    """Nothing is asked a second time."""
    with pytest.raises(DownloadError, match="returned no Response"):
        fetch(lambda asked: said("200 OK", b"film"), session=_Strange())


class _Memory(BaseAdapter):
    """Answers out of its own memory, with no connection."""

    def __init__(self, length):
        super().__init__()
        self.length = length

    def send(self, request, **settings):
        answer = requests.Response()
        answer.status_code, answer.url, answer.request = 200, request.url, request
        answer.headers["Content-Length"] = self.length
        answer.raw = io.BytesIO(b"film")
        return answer

    def close(self):
        pass


@pytest.mark.parametrize("length", ["4", "5"])
def test_an_adapter_of_another_kind_does_as_well(fetch, length):
    """What it gives is measured, too."""
    session = requests.Session()
    session.mount("memory://", _Memory(length))
    session.mount("http://elsewhere.invalid", _Memory(length))
    place = lambda url: "http://elsewhere.invalid/film"  # noqa: E731
    if length == "4":
        assert fetch(None, place, session=session) == b"film"
    else:
        with pytest.raises(DownloadError, match="it broke off after 4 of 5 bytes"):
            fetch(None, place, session=session)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("file:///etc/passwd", "the URL is not one of http or https"),
        ("ftp://127.0.0.1/film", "the URL is not one of http or https"),
        ("http://[", "the URL is malformed"),
        ("http://127.0.0.1:x/", "the URL is malformed"),
        # Two characters in JSON stand for the one on which readers of URLs do not agree.
        (r"http://127.0.0.1:9\\@127.0.0.1/", "the URL is malformed"),
        (r"//127.0.0.1:9\\@127.0.0.1/", "the URL is malformed"),
        ("http://127.0.0.1/\u00e4?x", "could not be downloaded from 'http://127.0.0.1/"),
    ],
)
def test_a_url_that_is_none_is_refused(fetch, url, message):
    """Whatever the service gives; nothing is read from this machine."""
    limits = {"max_attempts": 1}
    with pytest.raises(DownloadError, match=message):
        fetch(None, lambda _: url, limits)


def test_redirects_end(fetch):
    """One that leads to itself is followed five times."""
    asked = []

    def files(request):
        asked.append(request)
        return moved("/file")

    with pytest.raises(DownloadError, match="more than 5 redirects"):
        fetch(files)
    assert len(asked) == 6


def test_a_redirect_to_a_file_of_this_machine_is_refused(fetch):
    """As is each other scheme."""
    with pytest.raises(DownloadError, match="the URL is not one of http or https"):
        fetch(lambda asked: moved("file:///etc/passwd"))


def test_a_redirect_with_an_endless_page_is_left(fetch):
    """It is not read."""

    def files(asked):
        if asked.path == "/film":
            return said("200 OK", b"film")
        asked.send(said("302 Found", b"", "Location: /film", length=10**12))
        with contextlib.suppress(OSError):
            while True:
                asked.send(b"x" * 65536)
        return CLOSE

    with pytest.raises(DownloadError, match="body is over|broke off|no answer"):
        fetch(files, limits={"max_attempts": 1})


def test_an_endless_file_is_given_up(fetch):
    """At ``max_bytes``, where it has no length."""

    def files(asked):
        asked.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        with contextlib.suppress(OSError):
            while True:
                asked.send(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        return CLOSE

    with pytest.raises(DownloadError, match=r"it is over 1000000 bytes \(max_bytes\)"):
        fetch(files, limits={"max_bytes": 1_000_000})


def test_a_packed_file_is_unpacked(fetch):
    """Although it was not asked for so; its length is that of what is sent."""
    packed = gzip.compress(b"caption" * 1000)
    got = fetch(lambda asked: said("200 OK", packed, "Content-Encoding: gzip"))
    assert got == b"caption" * 1000


def test_a_packed_file_may_not_grow_without_end(fetch):
    """``max_bytes`` holds for what is unpacked."""
    packed = gzip.compress(bytes(50_000_000))
    with pytest.raises(DownloadError, match="it is over 1000000 bytes"):
        fetch(
            lambda asked: said("200 OK", packed, "Content-Encoding: gzip"),
            limits={"max_bytes": 1_000_000},
        )


def test_a_packing_that_is_not_known_is_refused(fetch):
    """Nothing would be right of it."""
    with pytest.raises(DownloadError, match="its Content-Encoding is one that was not asked for"):
        fetch(lambda asked: said("200 OK", b"x", "Content-Encoding: br"))


def test_a_file_without_a_length_ends_with_its_connection(fetch):
    """As HTTP/1.0 had it; nobody can tell whether it is whole."""

    def files(asked):
        asked.send(b"HTTP/1.1 200 OK\r\n\r\nfilm")
        return CLOSE

    assert fetch(files) == b"film"


def test_an_empty_file_is_one(fetch):
    """It is as long as it says."""
    assert fetch(lambda asked: said("200 OK")) == b""


@pytest.mark.parametrize("first", [CLOSE, RESET, b"no HTTP\r\n\r\n", said("503 Away")])
def test_what_fails_in_passing_is_tried_again(fetch, first):
    """Without an answer, or with one that says so."""
    answers = itertools.chain([first], itertools.repeat(said("200 OK", b"film")))
    assert fetch(lambda asked: next(answers)) == b"film"


def test_a_server_may_say_when(fetch, clock):
    """Its ``Retry-After`` goes before the pause that is meant otherwise."""
    answers = iter([said("503 Away", b"", "Retry-After: 200"), said("200 OK", b"film")])
    before = clock.monotonic()
    assert fetch(lambda asked: next(answers)) == b"film"
    assert clock.monotonic() - before >= 200


def test_a_pause_beyond_the_limit_is_not_waited_for(fetch, clock):
    """The failure is told at once."""
    before = clock.monotonic()
    with pytest.raises(DownloadError, match="HTTP status 503"):
        fetch(lambda asked: said("503 Away", b"", "Retry-After: 9999"), limits={"timeout": 60})
    assert clock.monotonic() - before < 60


def test_what_is_refused_for_good_is_not_tried_again(fetch):
    """A 402 will be one the next time, too."""
    asked = []

    def files(request):
        asked.append(request)
        return said("402 Pay")

    with pytest.raises(DownloadError, match="HTTP status 402"):
        fetch(files)
    assert len(asked) == 1


def test_a_server_without_ranges_sends_all_again(fetch):
    """What came before is thrown away."""
    answers = iter(
        [
            said("200 OK", b"fi", 'ETag: "1"', length=4),
            said("200 OK", b"fi", 'ETag: "1"', length=4),
            said("200 OK", b"film"),
        ]
    )

    def files(asked):
        asked.send(next(answers))
        return CLOSE

    assert fetch(files) == b"film"


@pytest.mark.parametrize(
    ("status", "lines"),
    [
        ("206 Partial", ["Content-Range: bytes 1-3/4", 'ETag: "1"']),
        ("206 Partial", ["Content-Range: none", 'ETag: "1"']),
        ("206 Partial", ['ETag: "1"']),
        ("206 Partial", ["Content-Range: bytes {0}-200000/200001", 'ETag: "2"']),
        ("206 Partial", ["Content-Range: bytes {0}-200000/200001"]),
        ("206 Partial", ["Content-Range: bytes {0}-300000/300001", 'ETag: "1"']),
        ("206 Partial", ["Content-Range: bytes {0}-9/*", 'ETag: "1"', "Content-Encoding: gzip"]),
        ("416 None", ["Content-Range: bytes */4"]),
    ],
    ids=[
        *("another part", "no part", "untold", "another version", "of no version"),
        *("another size", "packed", "there is no such part"),
    ],
)
def test_what_is_not_the_rest_is_thrown_away(fetch, status, lines):
    """All is asked for again, also of a server that does not know ``If-Range``."""
    large = b"x" * 200_000
    asked = []

    def files(request):
        asked.append("Range" in request.head)
        if len(asked) == 1:
            request.send(said("200 OK", large, 'ETag: "1"', length=200_001))
            return CLOSE
        if len(asked) == 2:
            begin = request.head.partition("Range: bytes=")[2].partition("-")[0]
            return said(status, b"ilm", *(line.format(begin) for line in lines))
        return said("200 OK", b"film")

    assert fetch(files) == b"film"
    assert asked == [False, True, False]


def test_a_rest_that_is_shorter_than_it_should_be_is_asked_for_again(fetch):
    """The size that was told at first counts where the rest tells none."""
    film = b"x" * 200_000 + b"y" * 100
    begins = []

    def files(request):
        if "Range" not in request.head:
            request.send(said("200 OK", film[:200_000], 'ETag: "1"', length=len(film)))
            return CLOSE
        begins.append(int(request.head.partition("Range: bytes=")[2].partition("-")[0]))
        rest = film[begins[-1] :][: 10 if len(begins) == 1 else None]
        return said("206 Partial", rest, f"Content-Range: bytes {begins[-1]}-9/*", 'ETag: "1"')

    assert fetch(files) == film
    assert begins[1] == begins[0] + 10


def test_the_length_of_an_answer_in_chunks_counts_for_nothing(fetch):
    """The chunks say where it ends (RFC 9112, 6.3)."""
    body = b"4\r\nfilm\r\n0\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 99\r\n\r\n"

    def files(request):
        request.send(head + body)
        return CLOSE

    assert fetch(files) == b"film"


def test_a_rest_of_unknown_length_is_taken(fetch):
    """``*`` is a length, too."""
    large = b"x" * 200_000
    asked = []

    def files(request):
        asked.append(request.head)
        if len(asked) == 1:
            request.send(said("200 OK", large, 'ETag: "1"', length=200_001))
            return CLOSE
        begin = int(request.head.partition("Range: bytes=")[2].partition("-")[0])
        rest = large[begin:] + b"y"
        return said("206 Partial", rest, f"Content-Range: bytes {begin}-200000/*", 'ETag: "1"')

    assert fetch(files) == large + b"y"


def test_a_range_that_was_not_asked_for_is_no_file(fetch):
    """A 206 without a request for one."""
    with pytest.raises(DownloadError, match="HTTP status 206"):
        fetch(lambda asked: said("206 Partial", b"x"), limits={"max_attempts": 1})


def test_a_silent_server_is_given_up(fetch):
    """After ``idle_timeout``, which is in real seconds."""

    def files(asked):
        asked.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfi")
        asked.stream.recv(1)  # until the client has gone
        return CLOSE

    with pytest.raises(DownloadError, match="it broke off: "):
        fetch(files, limits={"idle_timeout": 0.05, "max_attempts": 1})


_PEM = Path(__file__).with_name("self_signed.pem")


@pytest.fixture
def secured(clock, tmp_path):
    """Downloads from a server with a certificate that nobody has signed."""

    def run(answer, verify):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(_PEM)
        with contextlib.ExitStack() as stack:
            secure = stack.enter_context(answering(lambda asked: answer, tls=context))
            server = stack.enter_context(answering(lambda asked: completed(f"{secure.url}/film")))
            session = requests.Session()
            session.verify = verify
            arguments = {"session": session, "clock": clock}
            client = stack.enter_context(VideoTranslationClient(server.url, **arguments))
            try:
                return client.download("job-1", tmp_path).read_bytes()
            finally:
                assert secure.connections == 1

    return run


def test_a_certificate_that_is_not_trusted_is_told_at_once(secured):
    """No attempt follows."""
    with pytest.raises(DownloadError, match="certificate verify failed"):
        secured(said("200 OK", b"film"), verify=True)


def test_a_certificate_may_be_trusted_as_the_session_says(secured):
    """It holds for files as for polls."""
    assert secured(said("200 OK", b"film"), verify=str(_PEM)) == b"film"


def test_a_redirect_away_from_tls_is_refused(secured):
    """What is asked for in secret is not answered in the open."""
    with pytest.raises(DownloadError, match="a redirect away from https was not followed"):
        secured(moved("http://127.0.0.1/film"), verify=str(_PEM))


def test_a_shutdown_that_cancels_ends_a_download(clock, tmp_path):
    """Wherever it hangs: nothing more has to arrive for that."""
    begun = threading.Event()

    def files(asked):
        if asked.path.startswith("/status"):
            return completed("/film")
        asked.send(b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + b"x" * 100_000)
        asked.stream.recv(1)  # until the client has gone
        return CLOSE

    with answering(files) as server, ThreadPoolExecutor(1) as pool:
        client = VideoTranslationClient(server.url, clock=clock)
        running = pool.submit(
            client.download, "job-1", tmp_path, on_progress=lambda *_: begun.set()
        )
        assert begun.wait(PATIENCE)
        client.shutdown(cancel_futures=True)
        with pytest.raises(DownloadError, match="the client was shut down"):
            running.result(PATIENCE)
    assert not any(tmp_path.iterdir())


def test_a_shutdown_that_cancels_ends_a_pause(tmp_path, caplog):
    """It is not waited for until its end."""
    paused = threading.Event()

    class Handler(logging.Handler):
        def emit(self, record):
            if "again in 1e+03 s" in record.getMessage():
                paused.set()

    def files(asked):
        away = said("503 Away", b"", "Retry-After: 1000")
        return completed("/film") if asked.path.startswith("/status") else away

    handler = Handler()
    logger = logging.getLogger("video_translation_client")
    caplog.set_level("INFO", logger.name)
    logger.addHandler(handler)
    try:
        with answering(files) as server, ThreadPoolExecutor(1) as pool:
            client = VideoTranslationClient(server.url)
            running = pool.submit(client.download, "job-1", tmp_path)
            assert paused.wait(PATIENCE)
            client.shutdown(cancel_futures=True)
            with pytest.raises(DownloadError, match="the client was shut down"):
                running.result(PATIENCE)
    finally:
        logger.removeHandler(handler)
