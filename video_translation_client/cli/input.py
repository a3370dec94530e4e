"""Text from standard input and files, whatever wrote it."""

from __future__ import annotations

import codecs
import io
import sys
from typing import Iterator

# With these, a text says how it is encoded; Windows PowerShell writes UTF-16 with ``>``. That of
# UTF-32 in little-endian order begins as that of UTF-16 does.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decoded(content: bytes, encoding: str = "utf-8", errors: str = "strict") -> str:
    """Returns text without the mark that it may begin with, which says its encoding.

    Args:
        content: The text.
        encoding: Of a text without such a mark.
        errors: What to do about what is not in that encoding.

    Raises:
        UnicodeDecodeError: It is no such text.
    """
    marked = next((name for mark, name in _MARKS if content.startswith(mark)), None)
    return content.decode(encoding, errors) if marked is None else content.decode(marked)


def standard_input() -> Iterator[str]:
    """Yields the lines of standard input without white space around them, all but empty ones.

    Raises:
        OSError: It can't be read.
        UnicodeDecodeError: It is no text.
    """
    if sys.stdin is None:  # closed when the process started
        return
    text = decoded(sys.stdin.buffer.read(), sys.stdin.encoding, sys.stdin.errors or "strict")
    lines = (line.strip() for line in io.StringIO(text, newline=None))
    yield from filter(None, lines)
