"""The webhooks that the mock server sends; all that is expected of them is written by hand."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import queue
import socket
import threading
from contextlib import closing, contextmanager
from typing import Any, Callable, Iterator

import pytest
import requests
from conftest import PATIENCE, serving
from test_mock_server_command import running, usage_error
from test_mock_service import ask as wsgi

from video_translation_client.testing import Delivery, JobScript, MockServer, VirtualClock

SECRET = "whsec_0123456789"
SUCCESS = {"event_type": "video_translate.success", "event_data": {"video_translate_id": "job-1"}}
PATHS = {
    "heygen": "/v3/video-translations/",
    "murf": "/v1/murfdub/jobs/",
    "sync": "/v2/generate/",
}


class Inbox:
    """Keeps what is posted to it, and answers as it is told, the last answer again and again."""

    def __init__(self, clock: VirtualClock, *statuses: str) -> None:
        self.clock, self.statuses = clock, list(statuses or ("204 No Content",))
        self.calls: list[tuple[float, str, dict[str, str], Any]] = []
        self.came: queue.Queue[None] = queue.Queue()

    def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        headers = {name: text for name, text in environ.items() if name.startswith("HTTP_")}
        self.calls.append((self.clock.monotonic(), environ["REQUEST_URI"], headers, body))
        self.came.put(None)
        status = self.statuses[min(len(self.calls), len(self.statuses)) - 1]
        start_response(status, [("Content-Length", "0")])
        return []

    @property
    def told(self) -> list[tuple[float, Any]]:
        """When calls came, and of which jobs they told."""
        return [
            (at, json.loads(body)["event_data"]["video_translate_id"])
            for at, _, _, body in self.calls
        ]


def poll(server: MockServer, job_id: str = "job-1", service: str = "heygen") -> None:
    """Has a job begin."""
    tail = "/status" if service == "murf" else ""
    url = f"{server.url}{PATHS[service]}{job_id}{tail}"
    headers = {"x-api-key": "key", "api-key": "key"}
    with requests.Session() as session:
        session.get(url, headers=headers, timeout=PATIENCE).raise_for_status()


@contextmanager
def sending(inbox: Any, service: str = "heygen", **settings: Any) -> Iterator[MockServer]:
    """A mock server on a virtual clock that sends to an app."""
    settings = {"clock": inbox.clock, "duration": 600.0, "webhook_secret": SECRET, **settings}
    with serving(inbox) as url, MockServer(
        service=service, webhook=f"{url}/hooks?of=mock", **settings
    ) as server, inbox.clock.paused():
        yield server


def url_of(listener: socket.socket) -> str:
    """Where a socket is."""
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def listening() -> socket.socket:
    """A socket that listens on a free loopback port."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    return listener


def answer(listener: socket.socket, times: int) -> None:
    """Answers so many connections with what is no HTTP."""
    for _ in range(times):
        connection, _ = listener.accept()
        with closing(connection):
            connection.recv(65536)
            connection.sendall(b"220 mail.example ESMTP\r\n")


def mac(text: bytes, secret: str = SECRET) -> str:
    """A hex HMAC-SHA256."""
    return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()


def test_heygen(clock: VirtualClock) -> None:
    """Once a job has ended, HeyGen's call is sent, signed over the body."""
    inbox = Inbox(clock)
    with sending(inbox) as server:
        poll(server)
        clock.advance(599)
        assert inbox.calls == []
        clock.advance(1)
        [(at, target, headers, body)] = inbox.calls
        clock.advance(9999)
        assert len(inbox.calls) == 1
    assert (at, target, json.loads(body)) == (600, "/hooks?of=mock", SUCCESS)
    assert headers["HTTP_HEYGEN_SIGNATURE"] == mac(body)
    assert headers["HTTP_HEYGEN_TIMESTAMP"] == str(1893456000 + 600)
    assert headers["HTTP_HEYGEN_EVENT_ID"]


def test_murf(clock: VirtualClock) -> None:
    """Murf signs the milliseconds, too."""
    inbox = Inbox(clock)
    with sending(inbox, "murf", outcome="error") as server:
        poll(server, service="murf")
        clock.advance(600)
    [(_, _, headers, body)] = inbox.calls
    assert json.loads(body) == {"data": {"job_id": "job-1", "status": "FAILED"}}
    assert headers["HTTP_X_SIGNATURE_TIMESTAMP"] == "1893456600000"
    assert headers["HTTP_X_HMAC_SIGNATURE"] == mac(body + b".1893456600000")


def test_sync(clock: VirtualClock) -> None:
    """Sync's calls are sent without a signature, as that is not known."""
    inbox = Inbox(clock)
    with sending(inbox, "sync", webhook_secret=None) as server:
        poll(server, service="sync")
        clock.advance(600)
    [(_, _, headers, body)] = inbox.calls
    assert json.loads(body) == {"id": "job-1", "status": "COMPLETED"}
    assert not any("SIGNATURE" in name for name in headers)


def test_without_a_secret(clock: VirtualClock) -> None:
    """Nothing is signed, as with a job's callback URL; a forged call is one more."""
    inbox = Inbox(clock)
    with sending(inbox, webhook_secret=None, outcome="error") as server:
        server.job("job-1", webhooks=(Delivery(), Delivery(forged=True)))
        poll(server)
        clock.advance(600)
    events = [json.loads(body)["event_type"] for *_, body in inbox.calls]
    assert events == ["video_translate.fail", "video_translate.fail"]
    assert not any("SIGNATURE" in name for _, _, headers, _ in inbox.calls for name in headers)


def test_late_twice_early_and_out_of_order(clock: VirtualClock) -> None:
    """Each is sent when its script says, in order of that; none is sent where that says none."""
    inbox = Inbox(clock)
    jobs = {
        "late": JobScript(100.0, webhooks=(Delivery(after=60),)),
        "twice": JobScript(120.0, webhooks=(Delivery(), Delivery(), Delivery(after=1.5))),
        "early": JobScript(700.0, webhooks=(Delivery(after=-600), Delivery(after=-1000))),
        "none": JobScript(10.0, webhooks=()),
    }
    with sending(inbox, jobs=jobs) as server:
        for job_id in jobs:
            poll(server, job_id)
        poll(server, "late")
        clock.advance(9999)
    assert inbox.told == [
        (0, "early"),
        (100, "early"),
        (120, "twice"),
        (120, "twice"),
        (121.5, "twice"),
        (160, "late"),
    ]


def test_forged(clock: VirtualClock) -> None:
    """A forged call is signed with another secret, and is not sent again where it is refused."""
    inbox = Inbox(clock, "401 Unauthorized")
    with sending(inbox) as server:
        server.job("job-1", webhooks=(Delivery(forged=True),))
        poll(server)
        clock.advance(9999)
    [(_, _, headers, body)] = inbox.calls
    assert headers["HTTP_HEYGEN_SIGNATURE"] not in ("", mac(body))


def test_sent_again(clock: VirtualClock, caplog: pytest.LogCaptureFixture) -> None:
    """What is not taken is sent again, in seconds."""
    inbox = Inbox(clock, "500 Internal Server Error", "302 Found", "200 OK")
    with sending(inbox) as server:
        poll(server)
        clock.advance(9999)
    assert inbox.told == [(600, "job-1"), (601, "job-1"), (603, "job-1")]
    assert not [record for record in caplog.records if record.levelno > logging.INFO]


@pytest.mark.parametrize("status", ["404 Not Found", "199 Odd"])
def test_given_up(clock: VirtualClock, caplog: pytest.LogCaptureFixture, status: str) -> None:
    """What is never taken is given up, with a warning."""
    inbox = Inbox(clock, status)
    with sending(inbox) as server:
        poll(server)
        clock.advance(9999)
    assert len(inbox.calls) == 3
    [record] = [record for record in caplog.records if record.levelno > logging.INFO]
    words = f"The webhook of job 'job-1' was sent 3 times, and is given up: HTTP {status[:3]}"
    assert (record.getMessage(), record.levelname) == (words, "WARNING")


def test_nobody_listens(clock: VirtualClock, caplog: pytest.LogCaptureFixture) -> None:
    """Likewise where nobody can be connected to; the server goes on."""
    with closing(socket.socket()) as bound:
        bound.bind(("127.0.0.1", 0))
        url = url_of(bound)
        with MockServer(service="heygen", webhook=url, clock=clock) as server, clock.paused():
            poll(server)
            clock.advance(60)
            poll(server)
    [record] = [record for record in caplog.records if record.levelno > logging.INFO]
    assert "given up: ConnectionRefusedError" in record.getMessage()


def test_no_http(clock: VirtualClock, caplog: pytest.LogCaptureFixture) -> None:
    """Likewise where something else answers."""
    with closing(listening()) as listener:
        answered = threading.Thread(target=answer, args=(listener, 3))
        answered.start()
        url = url_of(listener)
        with MockServer(service="heygen", webhook=url, clock=clock) as server, clock.paused():
            poll(server)
            clock.advance(60)
        answered.join()
    [record] = [record for record in caplog.records if record.levelno > logging.INFO]
    assert "given up: BadStatusLine" in record.getMessage()


def test_stop_while_nobody_answers(clock: VirtualClock) -> None:
    """A call that hangs is broken off when the server stops; no thread is left."""
    before = set(threading.enumerate())
    with closing(listening()) as listener:
        url = url_of(listener)
        server = MockServer(service="heygen", webhook=url, duration=0.0, clock=clock)
        server.start()
        poll(server)
        connection, _ = listener.accept()
        with closing(connection):
            connection.recv(65536)
            server.stop()
            assert set(threading.enumerate()) <= before
            while connection.recv(65536):  # the rest of the call, then its end
                pass


def test_started_again(clock: VirtualClock) -> None:
    """What was due while the server did not listen is sent once it does."""
    inbox = Inbox(clock)
    with sending(inbox) as server:
        poll(server)
        clock.advance(300)
        server.stop()
        server.stop()
        clock.advance(600)
        assert inbox.calls == []
        server.start()
        clock.advance(0)
        inbox.came.get(timeout=PATIENCE)
    assert inbox.told == [(900, "job-1")]


def test_not_started(clock: VirtualClock) -> None:
    """A server that is used as an app alone sends nothing, and holds up no clock."""
    inbox = Inbox(clock)
    with serving(inbox) as url:
        server = MockServer(service="heygen", webhook=url, clock=clock)
        assert wsgi(server, "/v3/video-translations/job-1", HTTP_X_API_KEY="key")[0] == 200
        clock.advance(60)
    assert inbox.calls == []


def test_real_time() -> None:
    """It needs no virtual clock."""
    inbox = Inbox(VirtualClock())
    with serving(inbox) as url, MockServer(
        service="heygen", webhook=url, webhook_secret=SECRET, duration=0.01
    ) as server:
        poll(server)
        inbox.came.get(timeout=PATIENCE)
    assert [json.loads(body) for *_, body in inbox.calls] == [SUCCESS]


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"webhook": 5}, "webhook must be a str or None, not int"),
        ({"webhook_secret": b"s3cret"}, "webhook_secret must be a str or None, not bytes"),
        ({"webhook": None}, "webhook_secret must be None without a webhook"),
        ({"webhook": ""}, "webhook must be a URL such as 'http://127.0.0.1:8080/'"),
        ({"webhook": "https://127.0.0.1"}, "webhook must be a URL"),
        ({"webhook": "http://u:p@127.0.0.1"}, "webhook must be a URL"),
        ({"webhook": "http://127.0.0.1:0"}, "webhook must be a URL"),
        ({"webhook": "http://127.0.0.1:65536"}, "webhook must be a URL"),
        ({"webhook": "http://127.0.0.1/a b"}, "webhook must be a URL"),
        ({"service": None}, "service must be one of heygen, murf, sync with a webhook, not None"),
        ({"service": "azure"}, "service must be one of heygen, murf, sync with a webhook"),
        ({"service": "sync"}, "webhook_secret must be None: how sync signs is not known"),
        ({"webhook_secret": ""}, "webhook_secret must not be empty; None signs nothing"),
    ],
)
def test_settings_that_make_no_sense(settings: Any, problem: str) -> None:
    """They are refused when the server is made; no message shows the secret."""
    usual = {"service": "heygen", "webhook": "http://127.0.0.1", "webhook_secret": "s3cret"}
    with pytest.raises((TypeError, ValueError), match=f"^{problem}") as told:
        MockServer(**{**usual, **settings})
    assert "s3cret" not in str(told.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Delivery(after="soon"),  # type: ignore[arg-type]
        lambda: Delivery(after=float("inf")),
        lambda: Delivery(forged=1),  # type: ignore[arg-type]
        lambda: JobScript(webhooks=[Delivery()]),  # type: ignore[arg-type]
        lambda: JobScript(webhooks=(5,)),  # type: ignore[arg-type]
    ],
)
def test_deliveries_that_make_no_sense(make: Callable[[], Any]) -> None:
    """Likewise in a job's script."""
    with pytest.raises((TypeError, ValueError), match="^(after|forged|webhooks) must "):
        make()


def test_command(capsys: pytest.CaptureFixture[str]) -> None:
    """The command sends them, too; it checks its options together."""
    inbox = Inbox(VirtualClock())
    with serving(inbox) as url, running(
        *("--service", "heygen", "--duration", "0", "--webhook", url, "--webhook-secret", SECRET)
    ) as (_, server_url):
        request: Any = requests.Request(
            "GET", f"{server_url}/v3/video-translations/job-1", {"x-api-key": "key"}
        ).prepare()
        with requests.Session() as session:
            assert session.send(request, timeout=PATIENCE).json()["data"]["status"] == "completed"
        inbox.came.get(timeout=PATIENCE)
    [(_, target, headers, body)] = inbox.calls
    assert (target, headers["HTTP_HEYGEN_SIGNATURE"]) == ("/", mac(body))
    told = usage_error(capsys, "--webhook", "http://127.0.0.1:1")
    assert "service must be one of heygen, murf, sync with a webhook, not None" in told
