"""What is wrong with a TLS connection, in the words of OpenSSL, and whether it can pass."""

from __future__ import annotations

import re
import ssl

import urllib3

# Alerts and errors that come of how the two sides are set up. The names of reasons that Python
# has for them are those of another OpenSSL at times, so these are its words.
_LASTING = re.compile(
    "certificate|unknown ca|access denied|handshake failure|insufficient security"
    "|protocol version|unsupported protocol|no protocols available",
    re.IGNORECASE,
)


def innermost(error: BaseException) -> BaseException:
    """Returns what requests and urllib3 have wrapped; not all of it stands in their causes."""
    inner: object = error
    while isinstance(inner, BaseException):
        error = inner
        inner = getattr(error, "reason", None)  # of ssl's own errors it is a text
        if not isinstance(inner, BaseException):
            inner = error.args[0] if error.args else None
    return error


def can_pass(error: BaseException) -> bool:
    """Says whether another handshake may go well, as after one that broke off."""
    if isinstance(error, ssl.SSLError):
        return _LASTING.search(str(error)) is None
    # What urllib3 itself finds wrong: a fingerprint, or the name in a certificate.
    return not isinstance(error, (ValueError, urllib3.exceptions.SSLError))
