"""Standard output and standard error: a line at a time, at once, and harmless to a terminal."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ..clock import Clock

if TYPE_CHECKING:
    from typing import TextIO


class OutputLostError(Exception):
    """Standard output takes nothing more, for instance because a pipe was closed."""


def write_line(text: str) -> None:
    """Writes one line to standard output, at once; what can't be shown is escaped.

    Raises:
        OutputLostError: It could not be written.
    """
    try:
        _write(sys.stdout, printable(text))
    except OSError as error:
        raise OutputLostError(error.strerror or str(error)) from error


def complain(*lines: str) -> None:
    """Writes lines to standard error, at once, as far as that is possible.

    Each stays one line, whatever is in it.
    """
    try:
        _write(sys.stderr, "\n".join(map(printable, lines)))
    except OSError:
        give_up(sys.stderr)


def give_up(stream: TextIO) -> None:
    """Sends what is left in a stream's buffer nowhere: it would raise once more at exit."""
    with Path(os.devnull).open("wb") as nowhere, contextlib.suppress(OSError):
        os.dup2(nowhere.fileno(), stream.fileno())


def timestamp() -> str:
    """Returns the local time, as lines begin with it."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(Clock().time()))


def printable(text: str) -> str:
    """Returns ``text`` with line ends, terminal commands and the like as escapes."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def _write(stream: TextIO | None, text: str) -> None:
    if stream is not None:  # None: closed when the process started
        encoding = stream.encoding or "utf-8"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
        stream.flush()
