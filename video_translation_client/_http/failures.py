"""What an exchange without an answer comes to: an error that passes or one for good, and its words.

Of the errors of other libraries, only the system's own words are repeated and chained: theirs
may hold URLs, headers, or what the server sent.
"""

from __future__ import annotations

import re
import socket
import ssl
import traceback
from http.client import HTTPException

import requests
import urllib3
from requests import exceptions

from .._base.text import quote
from ..errors import PollError, RejectedError, VideoTranslationError
from .connections import WireError
from .transport import HeaderError, RedirectError, SessionError, TransportError, UntrustedError

# Errors of libraries that tell of the network or the server, some of which requests lets through.
_TROUBLE = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    HTTPException,
    ConnectionError,
    TimeoutError,
)

# What will be no different the next time.
_HOPELESS = (
    RedirectError,
    HeaderError,
    SessionError,
    UntrustedError,
    exceptions.InvalidProxyURL,
    exceptions.InvalidSchema,
    ssl.SSLCertVerificationError,
)

# Errors with words of our own.
_OURS = (TransportError, WireError)

# Characters of an error's own words that are repeated.
_MOST_WORDS = 200


def failure_of(error: Exception, job_id: str | None, base_url: str) -> VideoTranslationError:
    """Returns what an error that was raised in place of an answer is for a job."""
    trouble = isinstance(error, _TROUBLE)
    root = _root(error) if trouble else error
    if trouble:
        _clear_frames(error)
    # Words of the user's own code stand in the error that is chained.
    cause = _system(root) if trouble else root
    words = _words(root if isinstance(root, _OURS) else cause)
    reason = f"no answer from {base_url}: {type(root).__name__}{words}"
    final = not trouble or isinstance(error, _HOPELESS) or isinstance(root, _HOPELESS)
    failure = RejectedError(reason, job_id) if final else PollError(reason, job_id)
    failure.__cause__ = cause
    return failure


def _root(error: BaseException) -> BaseException:
    """Returns what lies deepest in a chain of the system's or the protocol's own errors.

    Libraries on the way wrap these, and may have stumbled over others that explain nothing.
    """
    if isinstance(error, TransportError):
        return error  # which says it all
    root, seen = error, {id(error)}
    inner = error.__cause__ or error.__context__
    while inner is not None and id(inner) not in seen:
        if isinstance(inner, (OSError, HTTPException)):
            root = inner
        seen.add(id(inner))
        inner = inner.__cause__ or inner.__context__
    return root


def _clear_frames(error: BaseException | None) -> None:
    """Clears what urllib3 leaves in its frames: the error that holds them, and so each other.

    By the frames that called them they hold the future, until the garbage collector runs.
    """
    seen: set[int] = set()
    errors = [error]
    while errors:
        error = errors.pop()
        if error is not None and id(error) not in seen:
            seen.add(id(error))
            traceback.clear_frames(error.__traceback__)
            errors += [error.__cause__, error.__context__]


def _system(error: BaseException) -> OSError | None:
    """Returns an error that has the system's words alone, and no other one chained; or None.

    The words of others may repeat URLs, headers, or what the server sent.
    """
    if not isinstance(error, OSError) or isinstance(error, requests.RequestException):
        return None
    worded = (TimeoutError, socket.timeout, ssl.SSLCertVerificationError)
    if not isinstance(error.errno, int) and not isinstance(error, worded):
        # Where http.client tells of a tunnel, the words of the proxy follow.
        tunnel = re.match(r"Tunnel connection failed: \d+", str(error))
        return OSError(tunnel.group()) if tunnel else None
    make_bare(error)
    return error


def make_bare(error: BaseException) -> None:
    """Takes from an error what would keep requests, bodies and credentials in memory."""
    error.__cause__ = error.__context__ = error.__traceback__ = None


def _words(error: BaseException | None) -> str:
    """Returns what follows the type of an error of the system's or our own: its words."""
    words = str(error)[:_MOST_WORDS] if isinstance(error, OSError) else ""
    return f": {words if words.isprintable() else quote(words)}" if words else ""
