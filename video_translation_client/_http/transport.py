"""One HTTP exchange through a ``requests.Session``: timeouts, size limit and redirects.

What the session can do keeps working: authentication, hooks, mounted adapters, proxies,
``.netrc`` and certificates. The transport knows no job and judges no answer.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, Mapping
from urllib.parse import unquote, urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth
from requests.cookies import RequestsCookieJar
from requests.structures import CaseInsensitiveDict
from requests.utils import get_netrc_auth, prepend_scheme_if_needed, select_proxy

from .._base import internals
from .._base.text import quote
from .bodies import PACKED, body_of, read
from .connections import Guard, guard_connections, leave_connections
from .exchange import Exchange
from .failures import TransportError, explained
from .redaction import Secrets
from .sessions import (
    ChainCookies,
    check_request,
    extended,
    make_session,
    send_by_request,
    sends_by_request,
)
from .shortcut import Shortcut, is_free, is_possible, redirects

MAX_REDIRECTS = 5
"""Redirects that are followed within one exchange."""


class Answer:
    """What came back.

    Attributes (to be read only):
        status_code: The HTTP status.
        headers: The headers.
        body: The body, whole.
        make_secrets: Says what was sent; called if something of the answer is to be shown.
        redirects: The headers of redirects on the way.
    """

    def __init__(
        self,
        status_code: int,
        headers: Mapping[str, str],
        body: bytes,
        make_secrets: Callable[[], Secrets],
        redirects: tuple[Mapping[str, str], ...] = (),
    ) -> None:
        self.status_code = status_code
        self.headers = headers
        self.body = body
        self.make_secrets = make_secrets
        self.redirects = redirects
        self._secrets: Secrets | None = None

    @property
    def secrets(self) -> Secrets:
        """What must not be shown of it."""
        if self._secrets is None:
            self._secrets = self.make_secrets()
        return self._secrets


class Transport:
    """Sends requests to one origin; safe for use from many threads.

    The request is prepared once, when the transport is made, from the session's headers and
    hooks as they are then. What may change between two polls is applied to each: the session's
    ``auth`` (digests, signatures, tokens), its parameters and its cookies. Where its class does
    more in ``request``, each poll goes through that.

    Args:
        session: Used as it is and left open; None makes one that ``close()`` closes.
        base_url: A checked URL; credentials in it become basic authentication.
        method: ``GET`` or ``POST``; there is no body.
        headers: Sent with every request.
        request_timeout: Seconds to wait for a connection, and for each piece of the answer;
            how long all of it takes is bounded by who aborts the exchange.
        connections: How many exchanges go on at once; kept open by a session made here.

    Raises:
        requests.RequestException: No request can be made of these.
        ValueError: Polls can't go through the session.
    """

    def __init__(
        self,
        session: requests.Session | None,
        base_url: str,
        method: str,
        headers: dict[str, str],
        request_timeout: float,
        connections: int,
    ) -> None:
        self.base_url, url_auth = split_credentials(base_url)
        self._owns_session = session is None
        self._session = make_session(connections) if session is None else session
        self._timeout = request_timeout
        headers = {"Accept-Encoding": ", ".join(PACKED), **headers}
        if "Cache-Control" not in self._session.headers:  # a stored answer is no news
            headers = {"Cache-Control": "no-cache", **headers}
        request = requests.Request(method, self.base_url, headers=headers, auth=unauthenticated)
        self._prepared = self._session.prepare_request(request)
        # Alone, requests would have REQUESTS_CA_BUNDLE override what the session says.
        verify = None if self._session.verify is True else self._session.verify
        self._settings = self._session.merge_environment_settings(
            self.base_url, {}, stream=True, verify=verify, cert=None
        )
        self._auth: Any = url_auth
        if url_auth is None and self._session.trust_env and "Authorization" not in headers:
            self._auth = get_netrc_auth(self.base_url)
        self._headers, self._url_auth = headers, url_auth
        self._by_request = sends_by_request(self._session)
        if self._by_request:
            check_request(self._session)
            self._session = extended(self._session, self._authenticate, self._bound)
        self._may_be_short = (
            self._owns_session
            and not self._by_request
            and is_possible(self._session, self.base_url, self._settings["proxies"])
        )
        self._shortcut: Shortcut | None = None
        self._guard = Guard(self._session, self._prepared, self._settings)

    def get(self, path: str, exchange: Exchange) -> Answer:
        """Returns the answer of the base URL with ``path`` appended.

        Redirects are followed within the origin.

        Args:
            path: What is appended.
            exchange: Through which another thread may abort it.

        Raises:
            requests.RequestException: There was no whole answer.
        """
        shortcut, request = self._way_past(), None
        if shortcut is None:
            # An auth object of the user's may send requests of its own here.
            request = self._request(self.base_url + path)
            self._guard.renew()
        try:
            with exchange:
                if shortcut is None:
                    answer = self._followed(path, request, self._send, exchange)
                else:
                    answer = self._past(shortcut, path, exchange)
        except Exception as error:
            if exchange.aborted:
                raise self._aborted() from None
            known = explained(error)
            if known is error:
                raise
            raise known from None
        if exchange.aborted:  # its headers may have seemed to end there
            raise self._aborted()
        return answer

    def _aborted(self) -> TransportError:
        return TransportError(f"no whole answer within {self._timeout:g} s")

    def _way_past(self) -> Shortcut | None:
        """Returns the shortcut that a poll may take now."""
        if not self._may_be_short or not is_free(self._session):
            return None
        if self._shortcut is None:
            request: Any = self._request(self.base_url)
            pool = self._guard.renew()
            self._shortcut = pool and Shortcut(
                self._session, request, self._settings, self._timeout, pool
            )
        return self._shortcut

    def _past(self, shortcut: Shortcut, path: str, exchange: Exchange) -> Answer:
        first = shortcut.get(path)
        if redirects(first):
            request = self._request(self.base_url + path)
            return self._followed(path, request, partial(shortcut.replay, first), exchange)
        secrets = partial(self._secrets_of, path, self.base_url + path, shortcut.headers)
        return Answer(first.status, first.headers, body_of(first), secrets)

    def _followed(
        self, path: str, request: Any, send: Callable[[Any], Any], exchange: Exchange
    ) -> Answer:
        """Returns the answer at the end of all redirects; ``send`` sends the first request."""
        found: tuple[Mapping[str, str], ...] = ()
        for _ in range(MAX_REDIRECTS + 1):
            if exchange.aborted:  # adapters of other kinds don't hear of it
                raise self._aborted()
            with send(request) as response:
                following = response.next
                sent = response.request or request  # that of the last step of a digest
                code, headers, body = response.status_code, response.headers, response.content
                secrets = partial(self._secrets_of, path, str(sent.url), sent.headers)
                answer = Answer(code, headers, body, secrets, found)
                if following is None:
                    return answer
                found += (headers,)
            if isinstance(request, requests.Request):
                request = sent
            if _origin(following) != _origin(request):
                origin = quote(answer.secrets.redact(_origin(following)))
                raise TransportError(f"a redirect to {origin} was not followed", lasting=True)
            if "Authorization" in request.headers:  # requests may have put another in its place
                following.headers["Authorization"] = request.headers["Authorization"]
            request, send = following, self._send
        raise TransportError(f"more than {MAX_REDIRECTS} redirects", lasting=True)

    def _secrets_of(self, path: str, url: str, sent: Mapping[str, Any]) -> Secrets:
        """Returns what was sent, with what the adapter has added for a proxy."""
        headers = dict(sent)
        adapter = self._session.get_adapter(url)
        proxy = select_proxy(url, self._settings["proxies"])
        if proxy and isinstance(adapter, HTTPAdapter):
            headers.update(adapter.proxy_headers(prepend_scheme_if_needed(proxy, "http")))
        return Secrets(path, url, headers)

    def after_fork(self) -> None:
        """Leaves the connections to the parent, in a forked child."""
        self._shortcut = None
        leave_connections()
        adapters = self._session.adapters.values()
        for adapter in [one for one in adapters if isinstance(one, HTTPAdapter)]:
            internals.renew_pools(adapter)
        cookies = self._session.cookies
        # A copy has a lock of its own.
        self._session.cookies = (
            cookies.copy() if isinstance(cookies, RequestsCookieJar) else cookies
        )

    def close(self) -> None:
        """Closes a session that was made here."""
        if self._owns_session:
            for adapter in self._session.adapters.values():
                internals.close_pools(adapter)
            self._session.close()

    def _request(self, url: str) -> requests.PreparedRequest | requests.Request:
        """Returns a request; one that is not prepared is for the session's own ``request``."""
        if self._by_request:
            return requests.Request(self._prepared.method, url, headers=self._headers)
        request = self._prepared.copy()
        if self._session.params:
            request.prepare_url(url, self._session.params)
        else:
            request.url = url
        # copy() shares the hooks, to which an auth object adds its own.
        request.hooks = {event: list(hooks) for event, hooks in self._prepared.hooks.items()}
        if self._owns_session:
            request.prepare_cookies(ChainCookies())
        elif self._session.cookies and "Cookie" not in self._session.headers:
            request.headers.pop("Cookie", None)
            request.prepare_cookies(self._session.cookies)
        auth = self._session.auth or self._auth
        if auth is not None:
            request.prepare_auth(auth, url)
        _secure(request)
        return request

    def _send(self, request: requests.PreparedRequest | requests.Request) -> requests.Response:
        if isinstance(request, requests.PreparedRequest):
            return self._session.send(
                request, timeout=self._timeout, allow_redirects=False, **self._settings
            )
        response = send_by_request(self._session, request, self._timeout)
        if not isinstance(response, requests.Response):
            raise TransportError(
                f"the session's request() returned a {type(response).__name__}, not a Response;"
                " give a plain session, with session.auth= for what this one adds",
                lasting=True,
            )
        return response

    def _authenticate(self, request: requests.Request) -> None:
        """Adds the credentials of the base URL, where the session's own class adds nothing."""
        if request.auth or self._session.auth or _origin(request) != _origin(self._prepared):
            return
        # Or else requests would have .netrc replace what is there.
        given = "Authorization" in CaseInsensitiveDict(request.headers or {})
        request.auth = unauthenticated if given else self._url_auth

    def _bound(self, request: requests.PreparedRequest, settings: dict[str, Any]) -> dict[str, Any]:
        """Returns the settings with which one of the session's own requests is sent."""
        _secure(request)
        guard_connections(self._session, request, {**self._settings, **settings})
        if _origin(request) == _origin(self._prepared):
            settings["allow_redirects"] = False
        return {**settings, "stream": True}


def unauthenticated(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keeps authentication out of the prepared request; each poll has its own."""
    return request


def split_credentials(url: str) -> tuple[str, HTTPBasicAuth | None]:
    """Returns a URL without its user name and password, and these."""
    parts = urlsplit(url)
    user, separator, host = parts.netloc.rpartition("@")
    if not separator:
        return url, None
    name, _, password = user.partition(":")
    # As bytes, because requests would encode text as Latin-1.
    auth = HTTPBasicAuth(unquote(name).encode(), unquote(password).encode())
    return urlunsplit(parts._replace(netloc=host)), auth


def _origin(request: requests.PreparedRequest | requests.Request) -> str:
    return origin_of(str(request.url))


def origin_of(url: str) -> str:
    """Returns the scheme, host and port of a URL.

    Raises:
        ValueError: Its port is no number.
    """
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return f"{parts.scheme}://{parts.hostname}:{port}"


def _secure(request: requests.PreparedRequest) -> None:
    """Checks the headers, and has the body read within its limit, whatever hooks were added.

    Before all others, which may look at the body, and after them, as they may answer with
    another response. Whoever asks for the body later finds it read.
    """
    for name, value in request.headers.items():
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        if "\r" in text or "\n" in text:
            raise TransportError(f"the header {name} holds a line end", lasting=True)
    hooks = request.hooks.setdefault("response", [])
    others = [hook for hook in hooks if hook is not read]
    hooks[:] = [read, *others, read] if others else [read]
