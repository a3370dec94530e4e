"""HTTP for files: any origin, any size, and nothing of the user's for others than the service.

A body is read piece by piece, without the limits of polls but with those of its ``Timed``
exchange. Whether a request is worth repeating is said here; who repeats it is not known.
"""

from __future__ import annotations

import math
import re
from typing import Any, Iterator, Mapping, NoReturn
from urllib.parse import urljoin, urlsplit, urlunsplit

import requests
from requests.structures import CaseInsensitiveDict
from urllib3.response import HTTPResponse

from .._base.text import quote
from ..clock import Clock
from .bodies import PACKED, read
from .connections import WireError, guard_connections
from .exchange import Exchange
from .failures import TransportError, explained, told
from .sessions import extended, make_session, send_by_request, sends_by_request
from .transport import MAX_REDIRECTS, origin_of, split_credentials, unauthenticated

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_WHOLE, _REST = 200, 206

# Client errors that say "not now" (RFC 9110, RFC 8470, RFC 6585), and "not that part of it".
_PASSING = frozenset({408, 416, 425, 429})

_PIECE = 64 * 1024

# Packed bytes that are expanded at once: a thousandfold expansion stays at 8 MiB.
_PACKED_PIECE = 8 * 1024

_LONGEST_SHOWN = 200


class FetchError(Exception):
    """A file did not come; the words hold no secret.

    Attributes:
        reason: What was wrong.
        url: From where, as it may be shown.
        status_code: The HTTP status; None where there was no answer.
        passes: Whether it may be different the next time.
        headers: Those of the answer.
    """

    def __init__(
        self,
        reason: str,
        url: str,
        status_code: int | None = None,
        *,
        passes: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.url = url
        self.status_code = status_code
        self.passes = passes
        self.headers = {} if headers is None else headers


class Timed(Exchange):
    """An exchange of any size that ends at a moment, though there be no end of what arrives.

    Args:
        clock: Says what time it is.
        seconds: How many there are until then; None: no end of them.
    """

    most = math.inf

    def __init__(self, clock: Clock, seconds: float | None) -> None:
        super().__init__()
        self._clock = clock
        self._deadline = clock.monotonic() + (math.inf if seconds is None else seconds)

    @property
    def left(self) -> float:
        """Seconds until then."""
        return self._deadline - self._clock.monotonic()

    def check(self) -> None:
        """Ends the exchange from then on, or once it is aborted."""
        if self.aborted:
            raise WireError("it was aborted")
        if self.left <= 0:
            raise WireError("the time that it may take (timeout) was over")


class File:
    """What comes from a URL, from some place on.

    Attributes (to be read only):
        url: Where it came from, after redirects.
        headers: Those of the answer.
        begin: Bytes before the first one that comes.
        total: Bytes of the whole file; None where the server does not tell.
        tag: What names this version of it, so that the rest may be asked for; or None.
    """

    def __init__(self, url: str, response: requests.Response, exchange: Timed) -> None:
        self.url, self.headers = url, response.headers
        self._response, self._exchange = response, exchange
        self.begin, self.total = _extent(response)
        tag = response.headers.get("ETag", "")
        self.tag = tag if self._encoding == "identity" and tag.startswith('"') else None

    @property
    def _encoding(self) -> str:
        return str(self.headers.get("Content-Encoding", "identity")).strip().lower()

    def pieces(self) -> Iterator[bytes]:
        """Yields the bytes; the last one only where all have come.

        Raises:
            FetchError: They broke off, or can't be read.
        """
        try:
            # What is without end, but not of a connection that is looked after, ends here.
            for piece in self._received():
                self._exchange.check()
                yield piece
        except Exception as error:  # noqa: BLE001 - of the server's, or of an adapter's
            _fail(error, self.url, self._response.status_code, "it broke off: ")

    def _received(self) -> Iterator[bytes]:
        if self._encoding not in (*PACKED, "identity"):
            raise TransportError("its Content-Encoding is one that was not asked for", lasting=True)
        size = _PIECE if self._encoding == "identity" else _PACKED_PIECE
        raw = self._response.raw
        if not isinstance(raw, HTTPResponse):  # of what an adapter may make
            yield from self._response.iter_content(size)
            return
        yield from raw.stream(size, decode_content=True)
        if raw.length_remaining:  # which urllib3 before 2 leaves to others
            raise TransportError(f"{raw.length_remaining} bytes before its end")

    def close(self) -> None:
        """Gives up the connection."""
        self._response.close()


class Files:
    """Fetches files for one download, on one thread; a context manager.

    At the service's own origin a request is like a poll: with the service's headers and the
    session's, its ``auth`` and cookies. Others get nothing of these, and neither does the
    service once another origin has sent the request there. All have the session's adapters,
    proxies and verification.

    Args:
        session: The user's, which is left open; None makes one.
        base_url: Where the service stands; credentials in it become basic authentication.
        headers: What the service wants, its key included.
        timeout: Seconds to wait for a connection, and for each piece of what is fetched.
        exchange: What all goes through.
    """

    def __init__(
        self,
        session: requests.Session | None,
        base_url: str,
        headers: Mapping[str, str],
        timeout: float,
        exchange: Timed,
    ) -> None:
        self._session = make_session(1) if session is None else session
        self._owns_session = session is None
        self._base_url, self._url_auth = split_credentials(base_url)
        self._origin = origin_of(self._base_url)
        self._headers = {**headers, "Accept": "*/*", "Accept-Encoding": "identity"}
        self._timeout, self._exchange = timeout, exchange
        self._by_request = sends_by_request(self._session)
        if self._by_request:
            self._session = extended(self._session, self._authenticate, self._bound)

    def __enter__(self) -> Files:
        self._exchange.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._exchange.__exit__(*error)
        if self._owns_session:
            self._session.close()

    def open(self, url: str, begin: int = 0, tag: str | None = None) -> File:
        """Returns the file at a URL, from its beginning or from a later byte on.

        Args:
            url: Also a path at the service.
            begin: How many bytes are there already; the server may send them again.
            tag: Of which version of the file.

        Raises:
            FetchError: It did not come.
        """
        wanted = {} if tag is None else {"Range": f"bytes={begin}-", "If-Range": tag}
        at, trusted, secure = self._base_url + "/", True, False
        for _ in range(MAX_REDIRECTS + 1):
            try:
                at, origin = _joined(at, url)
                if secure and origin.startswith("http:"):
                    raise TransportError(
                        "a redirect away from https was not followed", lasting=True
                    )
                secure, trusted = origin.startswith("https:"), trusted and origin == self._origin
                self._exchange.check()
                response = self._send(at, wanted) if trusted else self._send_bare(at, wanted)
            except Exception as error:  # noqa: BLE001 - also of an auth object of the user's
                _fail(error, at)
            code, headers = response.status_code, response.headers
            if code == _WHOLE or (code == _REST and tag is not None):
                return File(at, response, self._exchange)
            response.close()
            if code not in _REDIRECTS or "Location" not in headers:
                passes = code < 300 or code in _PASSING or code >= 500
                problem = f"HTTP status {code}"
                raise FetchError(problem, shown(at), code, passes=passes, headers=headers)
            url = headers["Location"]
        raise FetchError(f"more than {MAX_REDIRECTS} redirects", shown(at), code)

    def _send(self, url: str, wanted: Mapping[str, str]) -> requests.Response:
        """Sends a request to the service."""
        request = requests.Request("GET", url, headers={**self._headers, **wanted})
        if self._by_request:
            response: requests.Response = send_by_request(self._session, request, self._patience)
            if not isinstance(response, requests.Response):
                raise TransportError("the session's request() returned no Response", lasting=True)
            return response
        request.auth = self._session.auth
        self._authenticate(request)
        prepared = self._session.prepare_request(request)
        settings = self._bound(prepared, {})
        return self._session.send(prepared, timeout=self._patience, **settings)

    def _authenticate(self, request: requests.Request) -> None:
        """Adds the credentials of the base URL, where nothing else does."""
        if request.auth or self._session.auth or origin_of(str(request.url)) != self._origin:
            return
        # Or else requests would have .netrc replace what is there.
        given = "Authorization" in CaseInsensitiveDict(request.headers or {})
        request.auth = unauthenticated if given else self._url_auth

    def _bound(self, request: requests.PreparedRequest, settings: dict[str, Any]) -> dict[str, Any]:
        """Returns the settings with which a request is sent to the service."""
        hooks = request.hooks.setdefault("response", [])
        url = str(request.url)
        is_own = origin_of(url) == self._origin
        hooks.insert(0, _read_unless_file if is_own else read)
        settings = {**self._settings(url), **settings, "stream": True}
        if is_own:
            settings["allow_redirects"] = False
        guard_connections(self._session, request, settings)
        return settings

    def _send_bare(self, url: str, wanted: Mapping[str, str]) -> requests.Response:
        """Sends a request to anybody, past what the session would add for the service."""
        agent = {"User-Agent": "video-translation-client", "Accept": "*/*"}
        headers = {**agent, "Accept-Encoding": "identity", **wanted}
        prepared = requests.Request("GET", url, headers=headers).prepare()
        settings = {**self._settings(url), "cert": None}
        guard_connections(self._session, prepared, settings)
        adapter = self._session.get_adapter(url)
        return adapter.send(prepared, timeout=self._patience, **settings)

    @property
    def _patience(self) -> float:
        """Seconds to wait for anything to arrive."""
        return max(0.001, min(self._timeout, self._exchange.left))

    def _settings(self, url: str) -> dict[str, Any]:
        # Alone, requests would have REQUESTS_CA_BUNDLE override what the session says.
        verify = None if self._session.verify is True else self._session.verify
        found = self._session.merge_environment_settings(
            url, {}, stream=True, verify=verify, cert=None
        )
        return dict(found)


def shown(url: str) -> str:
    """Returns a URL that may be shown: those of results are secrets by their query."""
    parts = urlsplit(url)
    plain = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    plain = plain[:_LONGEST_SHOWN]
    return plain if re.fullmatch("[!-~]+", plain) else quote(plain)


def _joined(base: str, url: str) -> tuple[str, str]:
    """Returns where a URL leads from another one, and the origin of that; it is one of HTTP."""
    try:
        whole = urljoin(base, url)
        parts, origin = urlsplit(whole), origin_of(whole)
    except ValueError:
        raise TransportError("the URL is malformed", lasting=True) from None
    if "\\" in whole:  # no part of a URL (RFC 3986), and urllib3 takes it for the end of the host
        raise TransportError("the URL is malformed", lasting=True)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise TransportError("the URL is not one of http or https", lasting=True)
    return whole, origin


def _read_unless_file(response: requests.Response, **_: Any) -> None:
    """Reads what is no file within the limits of polls; a hook, as auth objects read it all."""
    if response.status_code not in (_WHOLE, _REST):
        read(response)


def _extent(response: requests.Response) -> tuple[int, int | None]:
    """Returns how many bytes come before those of an answer, and how many there are in all."""
    if response.status_code == _REST:
        told = str(response.headers.get("Content-Range", ""))
        found = re.fullmatch(r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18}|\*)", told.strip())
        if found is None:
            return -1, None
        return int(found[1]), None if found[2] == "*" else int(found[2])
    length = str(response.headers.get("Content-Length", ""))
    # Of chunks, the length says nothing (RFC 9112, 6.3), and of what is unpacked, nothing here.
    counts = not {"Content-Encoding", "Transfer-Encoding"}.intersection(response.headers)
    known = counts and re.fullmatch("[0-9]{1,18}", length)
    return 0, int(length) if known else None


def _fail(
    error: Exception, url: str, status_code: int | None = None, before: str = "no answer: "
) -> NoReturn:
    """Raises a FetchError: what an error was for the file."""
    words, passes, cause = told(explained(error))
    reason = f"{before}{words}" if passes else words
    raise FetchError(reason, shown(url), status_code, passes=passes) from cause
