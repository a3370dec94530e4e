"""Keeps secrets, line ends and terminal commands out of what is shown of an answer.

An answer may repeat what was sent, and what it says goes into logs and onto terminals.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, Iterator, Mapping, Sequence
from urllib.parse import parse_qsl, urlsplit

from .._base.text import quote

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

# Characters of all secrets together, and their number; of a request with more (no server takes
# as much), nothing is shown.
_MOST_SECRET = 65_536
_MOST_SECRETS = 2000

# Characters that are looked at: a hostile server may send many beginnings of secrets or URLs.
_MOST_EXAMINED = 4096

# What a cut may leave of an escape.
_BEGUN_ESCAPE = r"[\\%&][\\%&#;\w]{0,12}\Z"

# How often a text is unescaped, such as a URL (1) in JSON (2) in a gateway's JSON (3).
_MOST_NESTED = 3

# One character, as JSON and JavaScript, a URL in UTF-8, or HTML escape it. A backslash before a
# letter is taken for that letter: secrets hold no line ends.
_ESCAPE = (
    r"(?is)\\u[0-9a-f]{4}|\\x[0-9a-f]{2}|\\."
    r"|%[0-7][0-9a-f]|%[c-f][0-9a-f](?:%[89ab][0-9a-f]){1,3}"
    r"|&(?:amp|lt|gt|quot|apos|\#\d{1,7}|\#x[0-9a-f]{1,6});"
)


class Secrets:
    """What was sent to get one answer, and so what is not to be shown of that.

    What it costs is bounded by the length of the secrets and of the texts.

    Args:
        path: What was asked for, a query included.
        url: All of it; what its query has beyond that of ``path`` is taken for secret.
        headers: The headers; what they hold is taken for secret, but for those of every request.
    """

    def __init__(self, path: str, url: str, headers: Mapping[str, Any]) -> None:
        values = [
            value.decode("latin-1") if isinstance(value, bytes) else value
            for name, value in headers.items()
            if name.lower() not in _HARMLESS
        ]
        query = urlsplit(url).query
        self._too_many = len(query) + sum(map(len, values)) > _MOST_SECRET
        words = [] if self._too_many else _words(path, query, values)
        # Unescaped like the texts in which they are looked for: a cookie may hold %2F.
        spelled = {plain for word in words for plain, _ in _unescapings(word)}
        found = [plain for plain in spelled if len(plain) >= _SHORTEST_SECRET]
        self._too_many |= len(found) > _MOST_SECRETS
        # By how they begin, the longest first, so that none is found as a part of another.
        self._beginnings: dict[str, list[str]] = {}
        for secret in sorted(found, key=len, reverse=True):
            self._beginnings.setdefault(secret[:_SHORTEST_SECRET], []).append(secret)
        self._quoted: tuple[bytes, str] | None = None

    def redact(self, text: str) -> str:
        """Returns the first 4096 characters of a text without secrets.

        They are found also where escapes of JSON, URLs or HTML spell them.
        """
        cut = len(text) > _MOST_EXAMINED
        if cut:
            text = re.sub(_BEGUN_ESCAPE, "", text[:_MOST_EXAMINED])
        text = self._without_secrets(text, cut)
        if cut:  # and what the cut has left of a URL
            text = re.sub(r"(?i)https?:[^\s\"'<>]*\Z", "", text)
        # What presigned URLs carry in their query, or as a user name and password.
        text = re.sub(r"(?i)(https?:(?:\\?/){2})[^\s\"'<>/\\?@]*@", r"\1***@", text)
        return re.sub(r"(?i)(https?:[^\s\"'<>?]*\?)[^\s\"'<>]*", r"\1***", text)

    def quote(self, body: bytes) -> str:
        """Returns the first 200 characters of an answer's body, without secrets.

        Made once for all jobs in a body.
        """
        if self._quoted is None or self._quoted[0] is not body:
            # Without the zeros, UTF-16 and UTF-32 hide nothing.
            text = body.replace(b"\0", b"").decode("utf-8", "replace")
            self._quoted = body, quote(self.redact(text))
        return self._quoted[1]

    def _without_secrets(self, text: str, cut: bool) -> str:
        """Returns a text without secrets, nor the beginning of one at its end if it was ``cut``."""
        if self._too_many:
            return "***"
        spans = sorted(
            (starts[begin], starts[end])
            for plain, starts in _unescapings(text)
            for begin, end in self._places(plain, cut)
        )
        pieces, done = [], 0
        for begin, end in spans:
            if begin >= done:
                pieces += [text[done:begin], "***"]
            done = max(done, end)
        return "".join([*pieces, text[done:]])

    def _places(self, text: str, cut: bool) -> Iterator[tuple[int, int]]:
        """Yields where secrets begin and end."""
        if not self._beginnings:
            return
        for begin in range(len(text) - _SHORTEST_SECRET + 1):
            for secret in self._beginnings.get(text[begin : begin + _SHORTEST_SECRET], ()):
                end = begin + len(secret)
                if end <= len(text):
                    found = text.startswith(secret, begin)
                else:
                    found = cut and secret.startswith(text[begin:])
                if found:
                    yield begin, min(end, len(text))
                    break


def _words(path: str, query: str, values: Sequence[str]) -> Iterator[str]:
    """Yields what is secret in a query and in the values of headers, whole and in parts."""
    asked = parse_qsl(urlsplit(path).query)
    yield from (value for name, value in parse_qsl(query) if (name, value) not in asked)
    for value in values:
        yield from (value, *value.split(), *re.split(r"[\s;,=\"]+", value), *_decoded(value))


def _decoded(value: str) -> list[str]:
    """Returns the user name and password of basic authentication."""
    scheme, _, credentials = value.partition(" ")
    if scheme.lower() != "basic":
        return []
    try:
        pair = base64.b64decode(credentials).decode("utf-8", "replace")
    except (ValueError, binascii.Error):
        return []
    return [pair, *pair.split(":", 1)]


def _unescapings(text: str) -> Iterator[tuple[str, Sequence[int]]]:
    """Yields a text, then without its escapes, and again without those that this reveals.

    All in lower case, and each with the places in the text at which its characters begin and
    the last one ends.
    """
    starts: Sequence[int] = range(len(text) + 1)
    for _ in range(_MOST_NESTED + 1):
        yield text.replace("\u0130", "i").lower(), starts  # one letter that has two in lower case
        plain, places = _unescaped(text)
        if plain == text:
            break
        text, starts = plain, [starts[place] for place in places]


def _unescaped(text: str) -> tuple[str, list[int]]:
    pieces: list[str] = []
    places: list[int] = []
    done = 0
    for found in re.finditer(_ESCAPE, text):
        character = _character(found.group())
        pieces += [text[done : found.start()], character]
        places += [*range(done, found.start()), *[found.start()] * len(character)]
        done = found.end()
    return "".join([*pieces, text[done:]]), [*places, *range(done, len(text) + 1)]


def _character(escape: str) -> str:
    """Returns the character that an escape stands for; for some of HTML, none."""
    if escape[0] == "%":
        return bytes.fromhex(escape.replace("%", "")).decode("utf-8", "replace")[:1]
    if escape[0] == "&":
        import html  # noqa: PLC0415 - a table of two thousand names, which few programs need

        return html.unescape(escape)[:1]
    return chr(int(escape[2:], 16)) if len(escape) > 2 else escape[1]
