"""Keeps secrets out of what is quoted of an answer, which may repeat what was sent."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, Iterator, Mapping, NamedTuple
from urllib.parse import parse_qsl, urlsplit

# Headers whose values every request has.
_HARMLESS = frozenset(
    {
        "accept",
        "accept-encoding",
        "accept-language",
        "cache-control",
        "connection",
        "content-length",
        "user-agent",
    }
)

# Shorter words are no secrets, and taking them out would make a text unreadable.
_SHORTEST_SECRET = 4

_LONGEST_QUOTE = 200

# Characters in which secrets are looked for, and of one of theirs, as JSON or a URL may spell it.
_MOST_SEARCHED = 65_536
_LONGEST_SPELLING = 12

# Characters in which URLs are looked for: a hostile server may send many beginnings of them.
_MOST_EXAMINED = 4096


class Sent(NamedTuple):
    """What was sent to get an answer.

    Attributes:
        path: What was asked for, a query included.
        url: All of it; what its query has beyond that of ``path`` is taken for secret.
        headers: The headers; what they hold is taken for secret, but for those of every request.
    """

    path: str
    url: str
    headers: Mapping[str, Any]


def quoted(body: bytes, sent: Sent) -> str:
    """Returns the first 200 characters of an answer's body, without secrets."""
    # Without the zeros, UTF-16 and UTF-32 hide nothing.
    text = body.replace(b"\0", b"").decode("utf-8", "replace")
    shown = redacted(text, sent)[:_LONGEST_QUOTE]
    return ascii(shown) if not shown.isprintable() else repr(shown)


def redacted(text: str, sent: Sent) -> str:
    """Returns the first 4096 characters of a text without secrets, however they are spelled."""
    # Longest first, so that none is found as a part of another.
    secrets = sorted(set(_secrets(sent)), key=len, reverse=True)
    if secrets:
        spelled = "|".join("".join(map(_spelled, secret)) for secret in secrets)
        beginning = re.sub(f"(?i){spelled}", "***", text[:_MOST_SEARCHED])
        if len(text) > _MOST_SEARCHED:  # and what the cut has left of a secret
            beginning = beginning[: -_LONGEST_SPELLING * len(secrets[0])]
        text = beginning
    if len(text) > _MOST_EXAMINED:  # and what the cut has left of a URL
        text = re.sub(r"(?i)https?:[^\s\"'<>]*\Z", "", text[:_MOST_EXAMINED])
    # What presigned URLs carry in their query, or as a user name and password.
    text = re.sub(r"(?i)(https?:(?:\\?/){2})[^\s\"'<>/\\?@]*@", r"\1***@", text)
    return re.sub(r"(?i)(https?:[^\s\"'<>?]*\?)[^\s\"'<>]*", r"\1***", text)


def _spelled(character: str) -> str:
    """Returns a pattern of one character as it is, and as JSON and URLs may escape it."""
    plain = re.escape(character)
    octets = "".join(f"%{octet:02x}" for octet in character.encode("utf-8", "replace"))
    return rf"(?:\\{plain}|\\u{ord(character):04x}|{octets}|{plain})"


def _secrets(sent: Sent) -> Iterator[str]:
    asked = parse_qsl(urlsplit(sent.path).query)
    words = [
        value for name, value in parse_qsl(urlsplit(sent.url).query) if (name, value) not in asked
    ]
    for name, value in sent.headers.items():
        if name.lower() not in _HARMLESS:
            text = value.decode("latin-1") if isinstance(value, bytes) else value
            words += [text, *text.split(), *re.split(r"[\s;,=\"]+", text)]
            words += _decoded(text)
    for word in words:
        if len(word) >= _SHORTEST_SECRET:
            yield word


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
