"""The short way of a poll: from the pool of a session of our own, past what no poll needs.

What requests makes of each request and answer (copies, jars, hooks, the pool looked up anew) costs
about as much as the exchange itself. Libraries that watch or answer what requests sends put
functions of theirs in the place of its own; while one stands there, each poll goes its way.
"""

from __future__ import annotations

from types import FunctionType, ModuleType
from typing import Any, Mapping

import requests
from requests import adapters, sessions
from requests.adapters import HTTPAdapter
from requests.utils import select_proxy
from urllib3.util import Timeout

from .._base import internals
from .bodies import read

_REDIRECTS = frozenset({301, 302, 303, 307, 308})


def is_possible(session: requests.Session, url: str, proxies: Any) -> bool:
    """Says whether a session would do no more than a shortcut; if not, it never will."""
    # A proxy that is no tunnel is asked for whole URLs.
    forwarded = url.startswith("http:") and select_proxy(url, proxies)
    # Where others have put a class of theirs in the place of requests.Session, it has more.
    extras = session.auth or session.params or any(session.hooks.values())
    return type(session.get_adapter(url)) is HTTPAdapter and not (forwarded or extras)


def is_free(session: requests.Session) -> bool:
    """Says whether what a session sends passes through functions of requests alone, for now."""
    kind: Any = type(session)
    return (
        _is_own(kind.send, sessions)
        and _is_own(kind.get_adapter, sessions)
        and _is_own(HTTPAdapter.send, adapters)
    )


class Shortcut:
    """Sends one request to different paths; safe for use from many threads.

    Args:
        session: It would do no more.
        request: What is sent; to its URL, paths are appended.
        settings: How the session would send it.
        timeout: Seconds to wait for a connection, and for each piece of the answer.
        pool: Where the session would find its connections.

    Raises:
        OSError: There is no such bundle of certificates.
    """

    def __init__(
        self,
        session: requests.Session,
        request: requests.PreparedRequest,
        settings: Mapping[str, Any],
        timeout: float,
        pool: Any,
    ) -> None:
        self._session, self._settings, self._pool = session, settings, pool
        self._method, self.headers = request.method, dict(request.headers)
        adapter: Any = session.get_adapter(str(request.url))
        adapter.cert_verify(pool, request.url, settings["verify"], settings["cert"])
        self._adapter = adapter
        self._base: str = adapter.request_url(request, settings["proxies"]).rstrip("/")
        self._timeout = _Timeout(connect=timeout, read=timeout)

    def get(self, path: str) -> Any:
        """Returns the answer of urllib3 for one path; its body is still to be read.

        Raises:
            Exception: What urllib3 raises.
        """
        return self._pool.urlopen(
            self._method,
            self._base + path,
            headers=self.headers.copy(),  # whoever watches urllib3 may add to them
            retries=self._adapter.max_retries,
            redirect=False,
            assert_same_host=False,
            timeout=self._timeout,
            preload_content=False,
            decode_content=False,
        )

    def replay(self, answer: Any, request: requests.PreparedRequest) -> requests.Response:
        """Returns what the session would have returned for an answer, its body read."""
        response: requests.Response = self._adapter.build_response(request, answer)
        read(response)
        following = self._session.resolve_redirects(
            response, request, yield_requests=True, **self._settings
        )
        internals.set_next(response, next(following, None))
        return response


def redirects(answer: Any) -> bool:
    """Says whether an answer of urllib3 sends its reader elsewhere."""
    return answer.status in _REDIRECTS and "Location" in answer.headers


class _Timeout(Timeout):
    """One for all requests: without a limit on their sum, it has nothing to remember of one."""

    def clone(self) -> _Timeout:
        return self

    def start_connect(self) -> float:
        return 0.0


def _is_own(function: Any, module: ModuleType) -> bool:
    # Wrappers take on the name and module of what they wrap; but not its globals, or its type.
    return type(function) is FunctionType and function.__globals__ is module.__dict__
