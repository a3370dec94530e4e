"""What goes wrong without an answer: whether it passes, and in whose words it may be shown.

Of the errors of other libraries, only the system's own words are repeated and chained: theirs
may hold URLs, headers, or what the server sent.
"""

from __future__ import annotations

import re
import socket
import ssl
import traceback
from http.client import HTTPException
from typing import TYPE_CHECKING

import requests
import urllib3
from requests import exceptions

from .._base.text import quote
from ..errors import PollError, RejectedError, VideoTranslationError
from .connections import WireError

if TYPE_CHECKING:
    from .transport import Answer

# Errors of libraries about the network or the server, some of which requests lets through.
_TROUBLE = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    HTTPException,
    ConnectionError,
    TimeoutError,
)

# What will be no different the next time.
_LASTING = (
    exceptions.InvalidProxyURL,
    exceptions.InvalidSchema,
    ssl.SSLCertVerificationError,
)

# How requests would call those errors of urllib3 that come of no error of the system.
_NAMES_IN_REQUESTS = (
    (urllib3.exceptions.ProtocolError, exceptions.ChunkedEncodingError),
    (urllib3.exceptions.DecodeError, exceptions.ContentDecodingError),
    (urllib3.exceptions.InvalidHeader, exceptions.InvalidHeader),
    (urllib3.exceptions.ClosedPoolError, exceptions.ConnectionError),
)

# Alerts and errors of TLS that come of how the two sides are set up. The names of reasons that
# Python has for them are those of another OpenSSL at times, so these are its words.
_LASTING_WORDS = (
    "(?i)certificate|unknown ca|access denied|handshake failure|insufficient security"
    "|protocol version|unsupported protocol|no protocols available"
)

# Characters of an error's own words that are repeated.
_MOST_WORDS = 200


class TransportError(requests.RequestException):
    """What we find wrong ourselves; its words hold no secret and nothing unquoted.

    Args:
        words: What is wrong.
        lasting: Whether it will be no different the next time.
    """

    def __init__(self, words: str, lasting: bool = False) -> None:
        super().__init__(words)
        self.lasting = lasting


def explained(error: Exception) -> Exception:
    """Returns an error of an exchange, or one of ours that says more, or holds no secret."""
    cause = error.__cause__
    if isinstance(error, TransportError):
        return error
    error = _of_requests(error)
    if isinstance(error, (exceptions.SSLError, urllib3.exceptions.SSLError)):
        inner = _innermost(error)
        if isinstance(inner, ssl.SSLCertVerificationError):
            return error
        return TransportError(f"TLS: {inner}", lasting=_lasts(inner))
    if isinstance(error, ValueError) and not isinstance(error, exceptions.InvalidProxyURL):
        # Our own request was checked, so this is of the answer's headers or body.
        return TransportError(f"the answer can't be read ({type(error).__name__})")
    if isinstance(cause, requests.RequestException) and not isinstance(error, OSError):
        # Of a session or auth object that renews its token.
        names = f"{type(error).__name__} after {type(cause).__name__}"
        return TransportError(f"the session could not make its request ({names})")
    return error


def _of_requests(error: Exception) -> Exception:
    """Returns what requests would have made of an error of urllib3, where that says more."""
    if isinstance(error, urllib3.exceptions.MaxRetryError):
        tls = isinstance(error.reason, urllib3.exceptions.SSLError)
        return exceptions.SSLError(error) if tls else error
    return next(
        (name(error) for kind, name in _NAMES_IN_REQUESTS if isinstance(error, kind)), error
    )


def failure_of(error: Exception, job_id: str | None, base_url: str) -> VideoTranslationError:
    """Returns what an error that was raised in place of an answer is for a job."""
    words, passes, cause = told(error)
    reason = f"no answer from {base_url}: {words}"
    failure = (PollError if passes else RejectedError)(reason, job_id)
    failure.__cause__ = cause
    return failure


def told(error: Exception) -> tuple[str, bool, BaseException | None]:
    """Returns what may be told of an error, whether it passes, and what may be chained."""
    trouble = isinstance(error, _TROUBLE)
    root = _root(error) if trouble else error
    if trouble:
        _clear_frames(error)
    ours = isinstance(root, (TransportError, WireError))
    # Words of the user's own code stand in the error that is chained.
    cause = _system(root) if trouble else root
    words = [] if ours else [type(root).__name__]
    words += _words(root if ours else cause)
    lasting = isinstance(error, _LASTING) or isinstance(root, _LASTING)
    lasting |= isinstance(root, TransportError) and root.lasting
    return ": ".join(words), trouble and not lasting, cause


def bug_of(error: Exception, job_id: str | None, answer: Answer) -> PollError:
    """Returns what an error in the reading of an answer is: no reason to end a wait."""
    reason = f"the answer can't be read ({type(error).__name__})"
    failure = PollError(reason, job_id, answer.status_code)
    words = "".join(traceback.format_exception_only(type(error), error))
    _make_bare(error)
    if answer.secrets.redact(words) == words:
        failure.__cause__ = error
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
        # Where http.client speaks of a tunnel, the words of the proxy follow.
        tunnel = re.match(r"Tunnel connection failed: \d+", str(error))
        return OSError(tunnel.group()) if tunnel else None
    _make_bare(error)
    return error


def _make_bare(error: BaseException) -> None:
    """Takes from an error what would keep requests, bodies and credentials in memory."""
    error.__cause__ = error.__context__ = error.__traceback__ = None


def _words(error: BaseException | None) -> list[str]:
    """Returns the words of an error of the system's or our own, if it has some."""
    words = str(error)[:_MOST_WORDS] if isinstance(error, OSError) else ""
    return [words if words.isprintable() else quote(words)] if words else []


def _innermost(error: BaseException) -> BaseException:
    """Returns what requests and urllib3 have wrapped; not all of it stands in their causes."""
    inner: object = error
    while isinstance(inner, BaseException):
        error = inner
        inner = getattr(error, "reason", None)  # of ssl's own errors it is a text
        if not isinstance(inner, BaseException):
            inner = error.args[0] if error.args else None
    return error


def _lasts(error: BaseException) -> bool:
    """Says whether each handshake will fail so, unlike one that broke off."""
    if isinstance(error, ssl.SSLError):
        return re.search(_LASTING_WORDS, str(error)) is not None
    # What urllib3 itself finds wrong: a fingerprint, or the name in a certificate.
    return isinstance(error, (ValueError, urllib3.exceptions.SSLError))
