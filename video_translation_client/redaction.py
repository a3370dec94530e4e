"""Keeps secrets out of what is quoted of an answer, which may repeat what was sent."""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Iterator, Mapping
from urllib.parse import parse_qsl, quote, urlsplit

# Headers whose values every request has.
_HARMLESS = frozenset(
    {"accept", "accept-encoding", "accept-language", "connection", "content-length", "user-agent"}
)

# Shorter words are no secrets, and taking them out would make a text unreadable.
_SHORTEST_SECRET = 4

_LONGEST_QUOTE = 200

# Characters in which URLs are looked for: a hostile server may send many beginnings of them.
_MOST_EXAMINED = 4096


def quoted(body: bytes, sent: Mapping[str, str], url: str) -> str:
    """Returns the first 200 characters of an answer's body, without secrets.

    Args:
        body: As it came.
        sent: The headers of the request.
        url: That of the request; the values in its query are taken for secrets.
    """
    text = body.decode("utf-8", "replace")
    # Longest first, so that none is found as a part of another.
    for secret in sorted(set(_secrets(sent, url)), key=len, reverse=True):
        text = text.replace(secret, "***")
    if len(text) > _MOST_EXAMINED:  # and what the cut has left of a URL
        text = re.sub(r"https?:\S*\Z", "", text[:_MOST_EXAMINED])
    # What presigned URLs carry in their query, or as a user name and password.
    text = re.sub(r"(https?:(?:\\?/){2})[^\s\"'<>/\\?@]*@", r"\1***@", text)
    text = re.sub(r"(https?:[^\s\"'<>?]*\?)[^\s\"'<>]*", r"\1***", text)
    shown = text[:_LONGEST_QUOTE]
    return ascii(shown) if not shown.isprintable() else repr(shown)


def _secrets(sent: Mapping[str, str], url: str) -> Iterator[str]:
    words = [value for _, value in parse_qsl(urlsplit(url).query)]
    for name, value in sent.items():
        if name.lower() not in _HARMLESS:
            text = value.decode("latin-1") if isinstance(value, bytes) else value
            words += [text, *re.split(r"[\s;,=\"]+", text)]
            words += _decoded(text)
    for word in words:
        if len(word) >= _SHORTEST_SECRET:
            yield word
            yield quote(word, safe="")
            yield json.dumps(word)[1:-1]
            yield json.dumps(word)[1:-1].replace("/", "\\/")


def _decoded(text: str) -> list[str]:
    """Returns the user name and password of basic authentication."""
    scheme, _, credentials = text.partition(" ")
    if scheme.lower() != "basic":
        return []
    try:
        pair = base64.b64decode(credentials).decode("utf-8", "replace")
    except (ValueError, binascii.Error):
        return []
    return [pair, *pair.split(":", 1)]
