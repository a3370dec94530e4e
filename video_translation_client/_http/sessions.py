"""The sessions that polls go through: one of our own, or a user's.

What the class of a user's session does in ``request``, such as adding the token of OAuth 2, a
request that is prepared elsewhere would miss.
"""

from __future__ import annotations

import inspect
from http.cookiejar import Cookie, DefaultCookiePolicy
from typing import Any, Callable

import requests
from requests.adapters import HTTPAdapter
from requests.cookies import RequestsCookieJar
from requests.utils import default_user_agent

from .._base.version import __version__

# What every user agent keeps (RFC 6265, 6.1), and so what a service may count on.
_MOST_COOKIES = 50
_LARGEST_COOKIE = 4096


def make_session(connections: int) -> requests.Session:
    """Returns a session of our own, which keeps no cookies from one poll to the next.

    Args:
        connections: How many it keeps open.
    """
    session = requests.Session()
    session.headers["User-Agent"] = f"video-translation-client/{__version__} {default_user_agent()}"
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_connections=1, pool_maxsize=connections))
    return session


class ChainCookies(RequestsCookieJar):
    """The cookies of one poll, which follow its redirects; those beyond its bounds are dropped."""

    def set_cookie(self, cookie: Cookie, *args: Any, **settings: Any) -> None:
        """Takes a cookie, where there is room for it."""
        place = (cookie.domain, cookie.path, cookie.name)
        others = sum((each.domain, each.path, each.name) != place for each in self)
        size = len(cookie.value or "") + sum(map(len, place))
        if size <= _LARGEST_COOKIE and others < _MOST_COOKIES:
            super().set_cookie(cookie, *args, **settings)

    def copy(self) -> ChainCookies:
        """Returns another jar of the same cookies."""
        jar = ChainCookies()
        jar.update(self)
        return jar


def sends_by_request(session: requests.Session) -> bool:
    """Says whether the class of a session does something of its own to what ``request`` sends."""
    kind, plain = type(session), requests.Session
    return kind.request is not plain.request or kind.prepare_request is not plain.prepare_request


def check_request(session: requests.Session) -> None:
    """Refuses a session whose own ``request`` polls can't go through.

    Raises:
        ValueError: It takes other arguments, or a part of the session can't be shared.
    """
    kind: Any = type(session)
    try:
        inspect.signature(kind.request).bind(
            session, "GET", "", headers={}, timeout=1.0, allow_redirects=False, verify=True
        )
        unfit = inspect.iscoroutinefunction(kind.request)
    except TypeError:
        unfit = True
    unfit |= any(vars(base).get("__slots__") for base in kind.__mro__)
    if unfit or {"prepare_request", "send"} & vars(session).keys():
        raise ValueError(
            f"session must have a request() as that of requests.Session, which {kind.__name__} has"
            " not; if it authenticates, have a plain session do so, as in"
            " session.auth = OAuth2(token=...)"
        )


def send_by_request(session: requests.Session, request: requests.Request, timeout: float) -> Any:
    """Returns what the ``request`` of the session's class does; it may be no Response.

    Raises:
        Exception: What that raises, but for an answer whose status it did not like.
    """
    try:
        return type(session).request(
            session,
            str(request.method),
            str(request.url),
            headers=dict(request.headers),
            timeout=timeout,
            allow_redirects=False,
            # Alone, requests would have REQUESTS_CA_BUNDLE override what the session says.
            verify=None if session.verify is True else session.verify,
        )
    except requests.HTTPError as error:
        answer = error.response
        if answer is None or not str(answer.url).startswith(str(request.url)):
            raise
        return answer


def extended(
    session: requests.Session,
    authenticate: Callable[[requests.Request], None],
    bind: Callable[[requests.PreparedRequest, Any], Any],
) -> requests.Session:
    """Returns the same session, each request of which goes through two functions of ours.

    Its ``request`` stays what it is, and may send others, as for a new token.

    Args:
        session: It shares all that it is and has with the one that is returned.
        authenticate: Called with what is about to be prepared.
        bind: Called with what is about to be sent, and with the settings that ``send`` got for
            it; returns those that it is to have.
    """
    kind: Any = type(session)

    class Extended(kind):  # type: ignore[misc]
        def prepare_request(self, request: requests.Request) -> Any:
            authenticate(request)
            return super().prepare_request(request)

        def send(self, request: requests.PreparedRequest, **settings: Any) -> Any:
            return super().send(request, **bind(request, settings))

        def __del__(self) -> None:
            """Closes nothing, whatever the session's class does when the session is dropped."""

    # Neither __init__ nor a copy, which would be another session that loses what requests does
    # not know of: the user's may change at any time, and changes itself.
    twin: requests.Session = object.__new__(Extended)
    twin.__dict__ = session.__dict__
    return twin
