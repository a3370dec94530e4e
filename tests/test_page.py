"""The mock server's page: who gets it, what it is told, and what it costs where nobody looks."""

from __future__ import annotations

import collections
import http.client
import json
import re
import sys
from contextlib import closing
from typing import Any, Iterator
from wsgiref.util import setup_testing_defaults

import pytest
from conftest import PATIENCE

from video_translation_client.testing import Fault, MockServer, MockService, VirtualClock
from video_translation_client.testing.languages import LANGUAGES
from video_translation_client.testing.page import Page

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8"


@pytest.fixture
def clock() -> VirtualClock:
    """One that only moves when a test says so: nobody waits on it here."""
    return VirtualClock()


@pytest.fixture
def server(clock: VirtualClock) -> Iterator[MockServer]:
    """A mock server whose jobs take ten seconds."""
    with MockServer(duration=10, clock=clock) as server:
        yield server


def get(
    server: MockServer, target: str, method: str = "GET", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """Returns the status, the headers and the body of an answer."""
    connection = http.client.HTTPConnection(server.host, server.port, timeout=PATIENCE)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    with closing(connection):
        connection.request(method, target, headers=sent)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()


def look(server: MockServer, before: Any = None) -> Any:
    """Returns what the page is told at a look, which may be the one after another."""
    query = f"?since={before['next']}&server={before['server']}" if before else ""
    code, headers, body = get(server, f"/_page/polls{query}")
    assert (code, headers["Content-Type"]) == (200, "application/json")
    return json.loads(body)


def test_a_browser_gets_the_page(server: MockServer) -> None:
    """It is one file that names no other, and may load and run nothing but what is in it."""
    code, headers, body = get(server, "/", Accept=BROWSER)
    page = body.decode()
    assert (code, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert page.startswith("<!doctype html>")
    assert set(re.findall(r'\b(?:src|href|action)="([a-z]*)', page)) == {"data"}
    assert not re.findall(r"url\(|@import|innerHTML|insertAdjacentHTML|document\.write|eval", page)
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["connect-src"] == "'self'"
    assert re.fullmatch(r"'sha256-[\w+/]{43}='", policy["script-src"])
    assert re.fullmatch(r"'sha256-[\w+/]{43}='", policy["style-src"])
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("method", "target", "accept"),
    [
        ("GET", "/", "*/*"),
        ("GET", "/", "application/json"),
        ("HEAD", "/", BROWSER),
        ("POST", "/", BROWSER),
        ("GET", "/status", BROWSER),
        ("GET", "/index.html", BROWSER),
        ("POST", "/_page/polls", BROWSER),
    ],
)
def test_all_else_is_the_services(
    server: MockServer, method: str, target: str, accept: str
) -> None:
    """A client of the service never gets the page, and a browser only at its one path."""
    _, headers, body = get(server, target, method, Accept=accept)
    assert headers["Content-Type"] == "application/json"
    assert len(server.requests) == 1
    assert b"html" not in body


@pytest.mark.parametrize("service", LANGUAGES)
def test_in_every_language(service: str) -> None:
    """The page stands beside the service, whichever it speaks like, and needs no key."""
    with MockServer(service=service) as server:
        assert get(server, "/", Accept=BROWSER)[2].startswith(b"<!doctype html>")
        assert get(server, "/", Accept="*/*")[0] in (404, 401)
        assert look(server)["requests"][0][1] in ("HTTP 404", "HTTP 401")


def test_it_does_not_ask_the_service(server: MockServer) -> None:
    """Neither the page nor its looks are among the requests of the service."""
    get(server, "/", Accept=BROWSER)
    assert look(server)["requests"] == []
    assert server.requests == []


def test_it_is_told_what_is_new(server: MockServer, clock: VirtualClock) -> None:
    """A look tells the requests since the one before, and what the jobs in them do."""
    get(server, "/status/a")
    first = look(server)
    assert first["requests"] == [[0, None, [["a", 1, "pending"]]]]
    assert first["jobs"] == [["a", 0, 10]]
    assert (first["missed"], first["next"], first["more"]) == (0, 1, False)
    clock.advance(12)
    get(server, "/status?ids=a,b")
    get(server, "/status")
    second = look(server, first)
    assert second["requests"] == [
        [12, None, [["a", 2, "completed"], ["b", 1, "pending"]]],
        [12, None, [[None, 1, "pending"]]],
    ]
    assert sorted(second["jobs"], key=str) == [["a", 0, 10], ["b", 12, 22], [None, 12, 22]]
    assert second["now"] == 12
    assert look(server, second)["requests"] == []


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Fault.http(429), "HTTP 429"),
        (Fault.drop(), "drop"),
        (Fault.not_json(), "not JSON"),
        (Fault.slow(0), None),
        (Fault.surplus(), None),
    ],
)
def test_bad_answers(server: MockServer, fault: Fault, told: str | None) -> None:
    """What was wrong with an answer is told, if the ordinary one did not come as well."""
    server.job("a", faults={1: fault})
    try:
        get(server, "/status/a")
    except http.client.RemoteDisconnected:
        assert told == "drop"
    assert look(server)["requests"] == [[0, told, [["a", 1, "pending"]]]]


def test_requests_for_no_job(server: MockServer) -> None:
    """A request that asks for no job is told with the status that it got."""
    get(server, "/elsewhere")
    assert look(server)["requests"] == [[0, "HTTP 404", []]]


def test_nothing_secret_is_told() -> None:
    """Neither headers nor queries nor paths, but the job ids."""
    with MockServer(service="heygen") as server:
        target = "/v3/video-translations/job-1?token=secret-1"
        assert get(server, target, X_Api_Key="secret-2", Cookie="secret-3")[0] == 200
        get(server, "/secret-4", Authorization="Bearer secret-5")
        told = json.dumps(look(server))
    assert "job-1" in told
    assert "secret" not in told
    assert "video-translations" not in told


@pytest.mark.parametrize("job_id", ["<img src=x onerror=alert(1)>", "</script><script>", "é 日"])
def test_a_job_id_is_data(server: MockServer, job_id: str) -> None:
    """It is told in JSON that no browser takes for a page, and is never part of the page."""
    get(server, "/status/" + "".join(f"%{byte:02x}" for byte in job_id.encode()))
    _, headers, body = get(server, "/_page/polls", Accept=BROWSER)
    assert (headers["Content-Type"], headers["X-Content-Type-Options"]) == (
        "application/json",
        "nosniff",
    )
    assert json.loads(body)["jobs"][0][0] == job_id
    assert job_id not in get(server, "/", Accept=BROWSER)[2].decode()


def test_another_server_in_its_place(server: MockServer) -> None:
    """A page that looked at another server is told everything from the start."""
    get(server, "/status/a")
    before = look(server)
    assert look(server, {**before, "server": "another"}) == before
    server.stop()
    server.start()
    again = look(server, before)
    assert again["server"] != before["server"]
    assert again["requests"] == before["requests"]


def test_what_is_not_kept_is_counted(clock: VirtualClock) -> None:
    """A look tells how many requests came since the last that the service no longer has."""
    with MockServer(keep_requests=3, clock=clock) as server:
        for _ in range(2):
            get(server, "/status")
        before = look(server)
        assert (before["missed"], len(before["requests"])) == (0, 2)
        for _ in range(5):
            get(server, "/status")
        after = look(server, before)
    assert (after["missed"], after["next"]) == (2, 7)
    assert [polls[0][1] for _, _, polls in after["requests"]] == [5, 6, 7]


def test_a_job_that_is_forgotten(clock: VirtualClock) -> None:
    """The polls of a job that the service does not remember are told without its end."""
    with MockServer(duration=0, keep_jobs=1, clock=clock) as server:
        get(server, "/status/a")
        get(server, "/status/b")
        told = look(server)
    assert [polls[0][0] for _, _, polls in told["requests"]] == ["a", "b"]
    assert [job[0] for job in told["jobs"]] == ["b"]


def test_much_is_told_in_parts(server: MockServer) -> None:
    """A look tells some thousand polls, or one request's, and that there is more."""
    for part in range(3):
        ids = ",".join(f"job-{part}-{number}" for number in range(4000))
        get(server, f"/status?ids={ids}")
    for _ in range(1001):
        get(server, "/status")
    told: Any = None
    parts = []
    while told is None or told["more"]:
        told = look(server, told)
        parts.append((len(told["requests"]), sum(len(polls) for _, _, polls in told["requests"])))
    assert parts == [(1, 4000), (1, 4000), (1000, 4999), (2, 2)]


@pytest.mark.parametrize("since", ["x", "-1", "1" * 16])
def test_a_bad_number(server: MockServer, since: str) -> None:
    """It is refused, and says so."""
    code, _, body = get(server, f"/_page/polls?since={since}")
    assert (code, json.loads(body)) == (400, {"error": "since must be a whole number"})


def calls(app: Any, times: int) -> int:
    """Returns how many functions are called in answering requests with an app."""
    counted: collections.Counter[str] = collections.Counter()

    def count(frame: Any, event: str, argument: Any) -> None:
        counted[event] += 1

    environ: dict[str, Any] = {"PATH_INFO": "/status/a"}
    setup_testing_defaults(environ)
    sys.setprofile(count)
    try:
        for _ in range(times):
            app(environ, lambda *_: None)
    finally:
        sys.setprofile(None)
    return counted["call"]


def test_it_costs_nothing_while_nobody_looks(clock: VirtualClock) -> None:
    """A request is handed on with one call more, and nothing is kept of it for the page."""
    looked: list[int] = []
    service = MockService(clock=clock, keep_requests=10)
    page = Page(service, looked.append)  # type: ignore[arg-type]
    before = dict(vars(page))
    calls(service, 1)
    assert calls(page, 100) == calls(service, 100) + 100
    assert vars(page) == before
    assert looked == []
    assert len(service.requests) == 10
