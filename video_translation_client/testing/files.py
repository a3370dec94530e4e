"""The files that the URLs of results give: whole, slowly, cut off, expired, for a key alone.

Like all that the mock service does, it follows from scripts: nothing here keeps a state.
"""

from __future__ import annotations

import hashlib
import math
import re
import socket
from dataclasses import dataclass
from typing import Any, Callable, Iterable, Iterator, Mapping, NamedTuple
from urllib.parse import parse_qs, quote, urlencode

from .._base import arguments
from .faults import Answer, close

PATH = "/results/"

_PIECES = 8

_TYPES = {"mp4": "video/mp4", "mp3": "audio/mpeg", "srt": "application/x-subrip", "vtt": "text/vtt"}


@dataclass(frozen=True)
class ResultFile:
    """What the URL of a job's result gives, at the mock server itself.

    Attributes:
        content: Its bytes.
        seconds: How long it takes to send them, 0 or more.
        cut_off: How often, from the first time on, the connection closes in the middle.
        expires: Seconds after which a URL gives a 403, above 0, and the next answer about the job
            tells another one; None: it never does.
        needs_key: Whether it is a 401 without a key, in ``Authorization`` or a header such as
            ``x-api-key``.
    """

    content: bytes = b"Not really a video.\n" * 5000
    seconds: float = 0.0
    cut_off: int = 0
    expires: float | None = None
    needs_key: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.content, bytes):
            raise TypeError(f"content must be bytes, not {self.content!r}")
        arguments.number("seconds", self.seconds, least=0)
        arguments.count("cut_off", self.cut_off, least=0)
        arguments.optional_number("expires", self.expires, above=0, none="never")
        if not isinstance(self.needs_key, bool):
            raise TypeError(f"needs_key must be True or False, not {self.needs_key!r}")

    @property
    def tag(self) -> str:
        """What names its content (ETag, RFC 9110, 8.8.3)."""
        return f'"{hashlib.sha256(self.content).hexdigest()[:16]}"'


class Target(NamedTuple):
    """What a request for a file asks.

    Attributes:
        name: The name of the file.
        job_id: The job.
        expires: Until when it is good, in the clock's seconds; infinity: for ever.
    """

    name: str
    job_id: str | None
    expires: float = math.inf


def file_of(value: Any) -> ResultFile | None:
    """Returns what a script has as ``result``: a file, the bytes of one, or None."""
    if isinstance(value, bytes):
        return ResultFile(value)
    if value is not None and not isinstance(value, ResultFile):
        raise TypeError(f"result must be a ResultFile, bytes or None, not {value!r}")
    return value


def url_of(target: Target, seed: int) -> str:
    """Returns the URL, without its origin, that says this, signed."""
    job = {} if target.job_id is None else {"job": target.job_id}
    query = {**job, "expires": repr(target.expires), "signature": _signature(target, seed)}
    return f"{PATH}{quote(target.name, safe='')}?{urlencode(query)}"


def read_url(path: str, query: str, seed: int) -> Target | None:
    """Returns what a URL of a result asks; None: it is none of ours."""
    fields = {name: values[-1] for name, values in parse_qs(query).items()}
    try:
        expires = float(fields.get("expires", ""))
    except ValueError:
        return None
    target = Target(path[len(PATH) :], fields.get("job"), expires)
    return target if fields.get("signature") == _signature(target, seed) else None


def has_key(headers: Mapping[str, str]) -> bool:
    """Says whether a request brings some key; header names are as in ``X-Api-Key``."""
    return any(name == "Authorization" or name.endswith("Key") for name in headers)


def answer(file: ResultFile, name: str, headers: Mapping[str, str]) -> Answer:
    """Returns the answer with a file, or with the rest of it (Range, RFC 9110, 14)."""
    size, code, begin = len(file.content), 200, 0
    told = [
        ("Content-Type", _TYPES.get(name.rpartition(".")[2], "application/octet-stream")),
        ("ETag", file.tag),
    ]
    found = re.fullmatch("bytes=([0-9]{1,18})-", headers.get("Range", ""))
    if found and int(found[1]) < size and headers.get("If-Range", file.tag) == file.tag:
        code, begin = 206, int(found[1])
        told.append(("Content-Range", f"bytes {begin}-{size - 1}/{size}"))
    told.append(("Content-Length", str(size - begin)))
    return Answer(code, tuple(told), [file.content[begin:]])


def sent(
    body: Iterable[bytes],
    file: ResultFile,
    is_cut: bool,
    connection: socket.socket | None,
    sleep: Callable[[float], None],
) -> Iterator[bytes]:
    """Yields a body as its script wants it.

    Raises:
        ConnectionError: It is cut off, or the other side has closed the connection.
    """
    content = b"".join(body)
    if is_cut:
        content = content[: len(content) // 2]
    step = max(1, -(-len(content) // _PIECES))
    for begin in range(0, len(content), step):
        if file.seconds:
            sleep(file.seconds / _PIECES)
        yield content[begin : begin + step]
    if is_cut and connection is not None:
        close(connection)
    if is_cut:
        raise ConnectionAbortedError("cut off, as the script has it")


def _signature(target: Target, seed: int) -> str:
    return hashlib.sha256(f"{seed}/{target!r}".encode()).hexdigest()[:32]
