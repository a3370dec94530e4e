"""The body of an answer: read whole, within limits on what it weighs and how it is packed."""

from __future__ import annotations

from typing import Any, Iterable

from urllib3.response import HTTPResponse

from .._base import internals
from .failures import TransportError

MAX_BODY = 1024 * 1024
"""Bytes of an answer, after decompression, that are read; more is a failure."""

PACKED = ("gzip", "deflate")
"""How the body may be compressed."""

_ENCODINGS = (*PACKED, "identity")

# Compressed bytes that are expanded at once: a thousandfold expansion stays at 8 MiB.
_PIECE = 8 * 1024


def read(response: Any, **_: Any) -> None:
    """Reads the body of a ``requests.Response``; a hook, as requests reads those of redirects."""
    internals.set_body(response, _whole)


def _whole(response: Any) -> bytes:
    if isinstance(response.raw, HTTPResponse):
        return body_of(response.raw)
    return _body_of(response, response.iter_content(_PIECE))  # of what an adapter may make


def body_of(answer: Any) -> bytes:
    """Returns the body of an answer of urllib3, of which none was read."""
    size = answer.length_remaining  # None where it is not said before
    if size is None or size > MAX_BODY or "Content-Encoding" in answer.headers:
        return _body_of(answer, answer.stream(_PIECE, decode_content=True))
    body: bytes = answer.read(decode_content=False)
    return body


def _body_of(answer: Any, pieces: Iterable[bytes]) -> bytes:
    # Encodings upon encodings would multiply what one small piece expands to.
    encoding = answer.headers.get("Content-Encoding", "identity")
    if encoding.strip().lower() not in _ENCODINGS:
        answer.close()
        raise TransportError(f"its Content-Encoding is not one of {', '.join(_ENCODINGS)}")
    body, size = [], 0
    for piece in pieces:
        body.append(piece)
        size += len(piece)
        if size > MAX_BODY:
            answer.close()
            raise TransportError(f"the answer's body is over {MAX_BODY} bytes")
    return b"".join(body)
