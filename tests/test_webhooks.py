"""The receiver of webhooks, over real sockets; signatures are made by hand, not by the presets."""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import json
import logging
import socket
import threading
import time
from contextlib import closing, contextmanager
from typing import Any, Iterator
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
import requests
from conftest import PATIENCE, serving

from video_translation_client import Service, VideoTranslationClient, Webhook
from video_translation_client.testing import VirtualClock
from video_translation_client.webhooks import receiver

SECRET = "whsec_0123456789"
LIMIT = 64 * 1024
REFUSED = (
    "A webhook gets 401 Unauthorized: it is not signed with the secret, or not of this time;"
    " more such are told at level DEBUG"
)


class Asked(VideoTranslationClient):
    """A client that only remembers what it is to ask for."""

    def __init__(self, service: Any = "heygen", **settings: Any) -> None:
        super().__init__(service=service, api_key="key", **settings)
        self.asked: list[str | None] = []

    def poll_now(self, job_id: str | None = None) -> None:
        """Remembers a job, if it can be one."""
        super().poll_now(job_id)
        self.asked.append(job_id)


def heygen(job_id: Any = "job-1", event: str = "video_translate.success") -> bytes:
    """The body of a call of HeyGen."""
    data = {"video_translate_id": job_id, "url": "https://results.example/video.mp4"}
    return json.dumps({"event_type": event, "event_data": data}).encode()


def digest(text: bytes, secret: str = SECRET) -> str:
    """What HeyGen signs a text with: hex HMAC-SHA256, written out as RFC 2104 has it."""
    key = secret.encode().ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in key) + text).digest()
    return hashlib.sha256(bytes(byte ^ 0x5C for byte in key) + inner).hexdigest()


def signed(body: bytes, secret: str = SECRET, at: float | None = None) -> dict[str, str]:
    """The headers of a registered endpoint's call."""
    now = time.time() if at is None else at
    headers = {"Heygen-Signature": digest(body, secret), "Heygen-Timestamp": str(int(now))}
    return {**headers, "Heygen-Event-Id": "evt-1"}


def call(app: Any, body: bytes = b"", headers: Any = None, **settings: Any) -> int:
    """Posts a body over a socket; the answer has none."""
    with serving(app) as url, requests.Session() as session:
        answer = session.request(
            **{"method": "POST", "url": f"{url}/hooks/heygen?a=b", "timeout": PATIENCE, **settings},
            data=body,
            headers=headers,
        )
        assert answer.content == b""
        assert ("Allow" in answer.headers) == (answer.status_code == 405)
        return answer.status_code


def ask(app: Any, body: bytes, headers: dict[str, str], **environ: Any) -> str:
    """Calls the app as a WSGI server does, for what no client sends."""
    statuses: list[str] = []
    names = {"HTTP_" + name.upper().replace("-", "_"): text for name, text in headers.items()}
    given = {
        "REQUEST_METHOD": "POST",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        **names,
        **environ,
    }
    assert list(app(given, lambda status, _: statuses.append(status))) == []
    return statuses[0][:3]


@contextmanager
def plain_server(app: Any) -> Iterator[str]:
    """Serves with the standard library's server, which does not mark the end of a body."""

    class Quiet(WSGIRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    with make_server("127.0.0.1", 0, app, handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def send(url: str, request: bytes) -> bytes:
    """Sends bytes, and returns the first line of the answer."""
    parts = urlsplit(url)
    address = (parts.hostname, parts.port)
    with closing(socket.create_connection(address, PATIENCE)) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as stream:
            return stream.readline()


def test_signed_call() -> None:
    """A call that is signed has its job asked for, at any path, and is answered without a word."""
    client = Asked()
    assert call(receiver(client, SECRET), heygen(), signed(heygen())) == 204
    assert client.asked == ["job-1"]


def test_older_header() -> None:
    """HeyGen's older endpoints sign in another header, without a time."""
    client = Asked()
    assert call(receiver(client, SECRET), heygen(), {"Signature": digest(heygen())}) == 204
    assert client.asked == ["job-1"]


def test_known_vector() -> None:
    """RFC 4231, test case 2: what hand and library sign is what others do."""
    body = b"what do ya want for nothing?"
    right = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert digest(body, "Jefe") == right
    app = receiver(Asked(), "Jefe", webhook=Webhook("id", "Signature"))
    assert ask(app, body, {"Signature": right}) == "404"
    assert ask(app, body + b"!", {"Signature": right}) == "401"


def test_failed_job_is_told_alike() -> None:
    """What a call claims makes no difference."""
    client = Asked()
    body = heygen(event="video_translate.fail")
    assert ask(receiver(client, SECRET), body, signed(body)) == "204"
    assert client.asked == ["job-1"]


@pytest.mark.parametrize(
    ("body", "change"),
    [
        (heygen("job-2"), {}),
        (heygen() + b" ", {}),
        (heygen(), {"Heygen-Signature": None}),
        (heygen(), {"Heygen-Signature": ""}),
        (heygen(), {"Heygen-Signature": digest(heygen(), "another")}),
        (heygen(), {"Heygen-Signature": digest(heygen())[:-1]}),
        (heygen(), {"Heygen-Signature": "sha256=" + digest(heygen())}),
        (heygen(), {"Heygen-Signature": digest(heygen()) + "," + digest(heygen())}),
        (heygen(), {"Heygen-Signature": "\xe9" * 64}),
        (heygen(), {"Heygen-Signature": "\u20ac\udcff" * 32}),
        (heygen(), {"Heygen-Timestamp": ""}),
        (heygen(), {"Heygen-Timestamp": "now"}),
        (heygen(), {"Heygen-Timestamp": "-1"}),
        (heygen(), {"Heygen-Timestamp": "1e9"}),
        (heygen(), {"Heygen-Timestamp": "\u0661" * 10}),
        (heygen(), {"Heygen-Timestamp": "9" * 5000}),
        (heygen(), {"Heygen-Signature": None, "Signature": digest(b"")}),
        (b"", {}),
    ],
)
def test_not_genuine(body: bytes, change: dict[str, Any]) -> None:
    """A body or header that is not as it was signed, or no time, is refused."""
    client = Asked()
    headers = {**signed(heygen()), **change}
    sent = {name: text for name, text in headers.items() if text is not None}
    assert ask(receiver(client, SECRET), body, sent) == "401"
    assert client.asked == []


def test_not_genuine_over_a_socket() -> None:
    """Bytes beyond ASCII in a header are no more than a wrong signature."""
    client = Asked()
    headers: Any = {**signed(heygen()), "Heygen-Signature": "\xe9\xff".encode("latin-1")}
    assert call(receiver(client, SECRET), heygen(), headers) == 401
    assert client.asked == []


@pytest.mark.parametrize(
    ("off", "status"), [(0, "204"), (-300, "204"), (300, "204"), (-301, "401"), (301, "401")]
)
def test_time_of_a_call(off: int, status: str, clock: VirtualClock) -> None:
    """It may be five minutes off by the client's clock, early or late."""
    client = Asked(clock=clock)
    headers = signed(heygen(), at=clock.time() + off)
    assert ask(receiver(client, SECRET), heygen(), headers) == status


def test_time_that_is_not_signed_may_be_left_out() -> None:
    """As whoever replays a call could leave it out."""
    headers = {"Heygen-Signature": digest(heygen())}
    assert ask(receiver(Asked(), SECRET), heygen(), headers) == "204"


def test_murf(clock: VirtualClock) -> None:
    """Murf signs the body, a dot, and milliseconds."""
    body = b'{"data": {"job_id": "{body} \\u00e9", "status": "COMPLETED"}}'
    now = str(int(clock.time() * 1000))
    client = Asked("murf", clock=clock)
    app = receiver(client, SECRET)
    signature = digest(body + b"." + now.encode())
    assert ask(app, body, {"X-HMAC-Signature": signature, "X-Signature-Timestamp": now}) == "204"
    assert client.asked == ["{body} \xe9"]
    for wrong in (
        {"X-HMAC-Signature": signature},
        {"X-HMAC-Signature": digest(body + b"."), "X-Signature-Timestamp": ""},
        {"X-HMAC-Signature": digest(body + b".")},
        {"X-HMAC-Signature": signature, "X-Signature-Timestamp": str(int(now) + 1)},
        {"X-HMAC-Signature": digest(body), "X-Signature-Timestamp": now},
    ):
        assert ask(app, body, wrong) == "401"
    clock.advance(301)
    assert ask(app, body, {"X-HMAC-Signature": signature, "X-Signature-Timestamp": now}) == "401"


def test_sync() -> None:
    """How Sync signs is not known, so that its calls are taken as they are."""
    client = Asked("sync")
    headers = {"Sync-Signature": "t=1,v1=2"}
    assert call(receiver(client), b'{"id": "job-1", "status": "COMPLETED"}', headers) == 204
    assert client.asked == ["job-1"]
    with pytest.raises(ValueError, match="^secret must be None: .* as webhook=$"):
        receiver(client, SECRET)


@pytest.mark.parametrize("algorithm", ["sha1", "sha512", "sha3_256", "blake2b"])
def test_own_webhook(algorithm: str) -> None:
    """A user describes what is not known here: another hash, Base64, the time before the body."""
    body = b'{"job": {"id": "job-1"}}'
    mac = hmac.new(SECRET.encode(), b"v0:" + b"1893456000." + body, algorithm)
    headers = {"X-Signed": base64.b64encode(mac.digest()).decode(), "X-Time": "1893456000"}
    webhook = Webhook(
        "job.id",
        "X-Signed",
        signed="v0:{timestamp}.{body}",
        algorithm=algorithm,
        encoding="base64",
        timestamp="X-Time",
    )
    client = Asked("azure", clock=VirtualClock(), region="westeurope")
    assert ask(receiver(client, SECRET, webhook=webhook), body, headers) == "204"
    service = Service("own", "http://127.0.0.1:5000", webhooks=(webhook,))
    client = Asked(service, clock=VirtualClock())
    assert ask(receiver(client, SECRET), body, headers) == "204"
    assert client.asked == ["job-1"]


def test_two_secrets() -> None:
    """While a secret is changed, both the old one and the new one count."""
    app = receiver(Asked(), ("old", SECRET))
    answers = [ask(app, heygen(), signed(heygen(), one)) for one in ("old", SECRET, "new")]
    assert answers == ["204", "204", "401"]


def test_unsigned_calls() -> None:
    """Without a secret, calls are taken that nobody has signed."""
    client = Asked()
    assert call(receiver(client), heygen()) == 204
    assert client.asked == ["job-1"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_methods(method: str) -> None:
    """Nothing but POST is taken."""
    client = Asked()
    assert call(receiver(client), heygen(), method=method) == 405
    assert client.asked == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b"[" * 60000,
        b"null",
        b"[]",
        b'"job-1"',
        b'{"event_data": "job-1"}',
        heygen(None),
        heygen(7),
        heygen(["job-1"]),
        heygen(""),
        heygen(".."),
        heygen("\ud800"),
        b'{"event_type": "avatar_video.success", "event_data": {"video_id": "job-1"}}',
    ],
)
def test_no_job(body: bytes) -> None:
    """What names no job is nothing for this client, signed or not."""
    client = Asked()
    assert ask(receiver(client), body, {}) == "404"
    assert ask(receiver(client, SECRET), body, signed(body)) == "404"
    assert client.asked == []


def test_expression_that_does_not_fit() -> None:
    """A call for which an expression's functions are not made names no job."""
    app = receiver(Asked(), webhook=Webhook("sum(ids)"))
    assert ask(app, b'{"ids": "job-1"}', {}) == "404"


@pytest.mark.parametrize("size", [LIMIT, LIMIT + 1])
@pytest.mark.parametrize("chunked", [False, True])
def test_size(size: int, chunked: bool) -> None:
    """Up to 64 KiB are taken, whether or not their length is told."""
    body = heygen().ljust(size)

    def pieces() -> Iterator[bytes]:
        yield body[:1000]
        yield body[1000:]

    client = Asked()
    status = call(receiver(client), pieces() if chunked else body)  # type: ignore[arg-type]
    assert status == (204 if size == LIMIT else 413)
    assert client.asked == (["job-1"] if size == LIMIT else [])


@pytest.mark.parametrize("length", ["-1", "+5", "1.0", "ten", " 5", "9" * 5000, str(LIMIT + 1)])
def test_lengths_that_make_no_sense(length: str) -> None:
    """They are refused, and nothing is read."""
    stream = io.BytesIO(heygen())
    environ = {"CONTENT_LENGTH": length, "wsgi.input": stream}
    assert ask(receiver(Asked()), b"", {}, **environ) == "413"
    assert stream.tell() == 0


def test_length_that_is_too_small() -> None:
    """Not a byte more is read than it says."""
    stream = io.BytesIO(heygen() + b"more")
    length = str(len(heygen()))
    environ = {"CONTENT_LENGTH": length, "wsgi.input": stream, "wsgi.input_terminated": True}
    assert ask(receiver(Asked()), b"", {}, **environ) == "204"
    assert stream.tell() == len(heygen())


@pytest.mark.parametrize("breaks_off", [False, True])
def test_slow_bodies(breaks_off: bool) -> None:
    """A body may come byte by byte; where its caller breaks off, it is what has come."""

    class Slow(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            piece = super().read(1)
            if breaks_off and not piece:
                raise ConnectionResetError
            return piece

    body = heygen()
    environ = {"CONTENT_LENGTH": str(len(body) + breaks_off), "wsgi.input": Slow(body)}
    app = receiver(Asked(), SECRET)
    assert ask(app, b"", signed(body), **environ) == "204"
    environ["wsgi.input"] = Slow(body[:-1])
    assert ask(app, b"", signed(body), **environ) == "401"


def test_no_more_is_read_than_the_limit() -> None:
    """Of a body without a length, one byte over the limit tells that it is too large."""
    stream = io.BytesIO(b" " * 10 * LIMIT)
    environ = {"CONTENT_LENGTH": "", "wsgi.input": stream, "wsgi.input_terminated": True}
    assert ask(receiver(Asked()), b"", {}, **environ) == "413"
    assert stream.tell() == LIMIT + 1


@pytest.mark.parametrize(
    "head", [b"", b"Content-Length: 500\r\n", b"Transfer-Encoding: chunked\r\n"]
)
def test_short_bodies(head: bytes) -> None:
    """A body without an end, or a caller that breaks off, is answered by what arrived."""
    request = b"POST / HTTP/1.1\r\nHost: a\r\n%b\r\n%b" % (head, heygen()[:-1])
    for server in (plain_server, serving):
        for secret, status in ((None, b" 404 "), (SECRET, b" 401 ")):
            client = Asked()
            with server(receiver(client, secret)) as url:
                assert status in send(url, request)
            assert client.asked == []


def test_standard_library_serves_it() -> None:
    """It needs nothing of any one server."""
    client = Asked()
    with plain_server(receiver(client, SECRET)) as url, requests.Session() as session:
        for headers, code in ((signed(heygen()), 204), ({}, 401)):
            answer = session.post(url, heygen(), headers=headers, timeout=PATIENCE)
            assert (answer.status_code, answer.content) == (code, b"")
    assert client.asked == ["job-1"]


@pytest.mark.parametrize("service", ["elevenlabs", "synthesia", "d-id"])
def test_service_without_webhooks(service: str) -> None:
    """It is refused at once, with what to do."""
    with pytest.raises(ValueError, match=f"^webhook must be given: .*'{service}'; pass a Webhook"):
        receiver(Asked(service), SECRET)
    receiver(Asked(service), SECRET, webhook=Webhook("id", "Signature"))


@pytest.mark.parametrize("secret", ["", " x", "x\n", "x\udcff", [], ["x", ""]])
def test_secret_that_can_be_none(secret: Any) -> None:
    """An empty one, or one with what comes of reading files, is refused, and not shown."""
    with pytest.raises(ValueError, match="^secret must not be empty, .*; None takes calls") as told:
        receiver(Asked(), secret)
    assert "x\\" not in str(told.value)


@pytest.mark.parametrize("secret", [b"whsec", 5, ["a", 5], {"whsec": 1}, True])
def test_secret_of_a_wrong_type(secret: Any) -> None:
    """Likewise."""
    with pytest.raises(TypeError, match="^secret must be a str, a list of such, or None") as told:
        receiver(Asked(), secret)
    assert "whsec" not in str(told.value)


def test_other_arguments() -> None:
    """They are checked at once, too."""
    with pytest.raises(TypeError, match="^client must be a .*VideoTranslationClient, not str$"):
        receiver("heygen")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^webhook must be a .*Webhook, not str$"):
        receiver(Asked(), SECRET, webhook="heygen")  # type: ignore[arg-type]


def _all_held_by(owner: Any) -> Iterator[Any]:
    """Everything of ours that an object leads to."""
    for value in vars(owner).values():
        for one in value if isinstance(value, list) else [value]:
            yield one
            if type(one).__module__ == "video_translation_client.webhooks":
                yield from _all_held_by(one)


def test_secrets_are_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    """Not by what the app holds, nor in the log, which says why a call is refused."""
    caplog.set_level(logging.DEBUG)
    app: Any = receiver(Asked(), SECRET)
    ask(app, heygen(), signed(heygen()))
    ask(app, heygen("another"), signed(heygen()))
    ask(app, b"{}", signed(b"{}"))
    assert [record.getMessage() for record in caplog.records] == [
        "A webhook gets 204 No Content: job 'job-1' is asked for",
        REFUSED,
        "A webhook gets 404 Not Found: it names no job",
    ]
    assert SECRET not in caplog.text
    assert SECRET not in repr([*map(repr, _all_held_by(app))])


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"job_id": ""}, "job_id must be a JMESPath expression"),
        ({"job_id": None}, "job_id must be a JMESPath expression"),
        ({"signature": "a b"}, "signature must be the name of a header, not 'a b'"),
        ({"timestamp": 5}, "timestamp must be the name of a header, not 5"),
        ({"signed": "{id}.{body}"}, "signed must hold no other names than body, timestamp"),
        ({"signed": "x"}, "signed must hold {body}"),
        ({"signed": "{body}{timestamp}"}, "timestamp must name a header"),
        ({"algorithm": "sha-256"}, "algorithm must be blake2b, .*, sha512, not 'sha-256'"),
        ({"algorithm": "shake_128"}, "algorithm must be .*, not 'shake_128'"),
        ({"encoding": "base32"}, "encoding must be hex, base64, not 'base32'"),
        ({"unit": "hours"}, "unit must be seconds, milliseconds, not 'hours'"),
        ({"tolerance": 0}, "tolerance must be a number above 0, not 0"),
    ],
)
def test_webhook_that_makes_no_sense(settings: Any, problem: str) -> None:
    """It is refused when it is made."""
    with pytest.raises((TypeError, ValueError), match=f"^{problem}"):
        Webhook(**{"job_id": "id", **settings})


@pytest.mark.parametrize("webhooks", [[Webhook("id")], (5,), Webhook("id")])
def test_service_with_what_are_no_webhooks(webhooks: Any) -> None:
    """Likewise in a service's definition."""
    with pytest.raises(TypeError, match="^webhooks must be a "):
        Service("own", webhooks=webhooks)


def test_the_first_call_that_is_not_genuine_is_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The secret may be wrong; the others are none, as anybody may call often."""
    app, body = receiver(Asked(), SECRET), heygen()
    for _ in range(3):
        assert ask(app, body, signed(body, "another")) == "401"
    warned = [one for one in caplog.records if one.levelno == logging.WARNING]
    assert [one.getMessage() for one in warned] == [REFUSED]
