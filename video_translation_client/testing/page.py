"""The page that a mock server shows to a browser: its jobs, and on a line of time their polls.

All that the page is told comes from what the service keeps of its requests anyway, so it costs
nothing while nobody looks. It is never told headers, paths or queries, where a key could be.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Iterable
from urllib.parse import parse_qs

from .faults import Answer

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from .received import Look, ReceivedRequest

# No language of a service has such a path.
_DATA = "/_page/polls"
_MOST_POLLS = 5000

# Faults behind which the ordinary answer comes as well.
_HARMLESS = ("slow", "drip", "stale", "interim", "surplus", "cookies")

_ALWAYS = (
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
)


class Page:
    """A WSGI app: a page about a mock service for browsers, and for all others that service.

    It remembers nothing of those who look, so any number may, on any threads.

    Args:
        service: The service.
        look: Returns what is kept of the service's requests from a number on.
    """

    def __init__(self, service: WSGIApplication, look: Callable[[int], Look]) -> None:
        self._service = service
        self._look = look
        # So that a page notices that another server has taken the place of its own.
        self._name = os.urandom(8).hex()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answers one request, as WSGI (PEP 3333) wants it."""
        if environ["REQUEST_METHOD"] == "GET":
            path = environ.get("PATH_INFO")
            # Clients of a service send */* or application/json: for them "/" is the service's.
            if path == "/" and "text/html" in environ.get("HTTP_ACCEPT", ""):
                return _page().send(start_response)
            if path == _DATA:
                return self._news(environ.get("QUERY_STRING", "")).send(start_response)
        return self._service(environ, start_response)

    def _news(self, query: str) -> Answer:
        """Returns what is new since a look, as the query names it; all if that was elsewhere."""
        fields = parse_qs(query)
        since = fields.get("since", ["0"])[0]
        if not re.fullmatch("[0-9]{1,15}", since):
            return _json(400, {"error": "since must be a whole number"})
        if fields.get("server") != [self._name]:
            since = "0"
        look = self._look(int(since))
        requests: list[list[Any]] = []
        polls = 0
        for request in look.requests:
            polls += len(request.polls)
            if requests and polls > _MOST_POLLS:
                break
            requests.append(_told(request))
        after = look.first + len(requests)
        news = {
            "server": self._name,
            "now": look.now,
            "missed": look.first - int(since),
            "next": after,
            "more": after < look.received,
            "requests": requests,
            "jobs": [[plan.job_id, plan.first_seen, plan.ends_at] for plan in look.plans],
        }
        return _json(200, news)


def _told(request: ReceivedRequest) -> list[Any]:
    """Returns when it came, what was wrong with its answer or None, and its polls."""
    wrong = None
    if request.fault is not None and request.fault.kind not in _HARMLESS:
        wrong = request.fault.kind
    elif request.code != 200:
        wrong = f"HTTP {request.code}"
    return [
        request.time,
        wrong,
        [[poll.job_id, poll.number, poll.status] for poll in request.polls],
    ]


def _json(code: int, payload: dict[str, Any]) -> Answer:
    body = json.dumps(payload, separators=(",", ":")).encode()
    return _answer(code, "application/json", body)


def _answer(code: int, kind: str, body: bytes, *headers: tuple[str, str]) -> Answer:
    sized = (("Content-Type", kind), ("Content-Length", str(len(body))))
    return Answer(code, (*sized, *_ALWAYS, *headers), [body])


@functools.lru_cache(maxsize=None)
def _page() -> Answer:
    """Returns the page, which may run and load nothing but what it has in it."""
    body = Path(__file__).with_name("page.html").read_bytes()
    allowed = {
        tag.decode(): base64.b64encode(hashlib.sha256(text).digest()).decode()
        for tag, text in re.findall(rb"<(script|style)>(.*?)</\1>", body, re.DOTALL)
    }
    policy = (
        "default-src 'none'; connect-src 'self'; img-src data:; base-uri 'none';"
        f" form-action 'none'; frame-ancestors 'none'; script-src 'sha256-{allowed['script']}';"
        f" style-src 'sha256-{allowed['style']}'"
    )
    return _answer(200, "text/html; charset=utf-8", body, ("Content-Security-Policy", policy))
