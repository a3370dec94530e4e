"""The command that keeps waiting for the jobs that had not ended when a watch did.

It is made to be pasted into a shell as it is, and holds no credentials. The ids of many jobs are
in a file, which nobody else may read.
"""

from __future__ import annotations

import contextlib
import re
import shlex
import tempfile
from pathlib import Path
from typing import Sequence

# More job ids than these are handed on in a file.
_MOST_WORDS = 10


def masked(url: str) -> str:
    """Returns a URL without its credentials."""
    return re.sub("//[^/?#]*@", "//***@", url)


def how_to_resume(
    command: list[str],
    url: str | None,
    job_ids: Sequence[str | None],
    encoding: str = "utf-8",
    folder: Path | None = None,
    *,
    downloads: bool = False,
) -> list[str]:
    """Returns the lines of the command that keeps waiting for jobs, after one that says so.

    Args:
        command: The words before the URL.
        url: Shown without its credentials; None: the service says where it stands.
        job_ids: What had not ended; None is the one unnamed job.
        encoding: Of where it is printed; what that lacks is written as bytes.
        folder: Where a file of job ids is made; None: where temporary files are.
        downloads: Whether some of them may lack no more than their file.
    """
    words, lines = [job_id for job_id in job_ids if job_id is not None], []
    path = None
    if len(words) > _MOST_WORDS or "-" in words:
        # Not everything that can be a word can be a line, and less can be one that is printed.
        fit = {word for word in words if word.strip() == word and word.isprintable()}
        path = _file([word for word in words if word in fit], folder)
        if path is None:
            fit = {word for word in fit if _shows(word, encoding)}
        lines = [word for word in words if word in fit]
        words = [*(word for word in words if word not in fit), *(["-"] if lines else [])]
    dashes = ["--"] if any(word[0] == "-" and word != "-" for word in words) else []
    where = [] if url is None else [masked(url)]
    quoted = [_quoted(word, encoding) for word in [*command, *where, *dashes, *words]]
    text = " ".join(quoted)
    state = "not ended, or not been downloaded" if downloads else "not ended"
    intro = _intro(len(job_ids), state, quoted, url)
    if not lines:
        return [intro, text]
    if path is not None:
        return [intro, f"{text} < {_quoted(path, encoding)}"]
    end = "END"
    while end in lines:
        end += "_"
    return [intro, f"{text} <<'{end}'", *lines, end]


def how_to_go_on(
    command: list[str], url: str | None, count: int, path: str, encoding: str = "utf-8"
) -> list[str]:
    """Returns the same of waits that a file keeps, so that the command names no jobs.

    Args:
        command: As above.
        url: As above.
        count: How many jobs had not ended.
        path: That of the file.
        encoding: As above.
    """
    words = [*command, *([] if url is None else [masked(url)])]
    quoted = [_quoted(word, encoding) for word in words]
    intro = _intro(count, f"not ended, and {path} keeps what is known", quoted, url)
    return [intro, " ".join(quoted)]


def _intro(count: int, state: str, quoted: Sequence[str], url: str | None) -> str:
    """Returns what is said before a command of quoted words."""
    have, them = ("1 job has", "it") if count == 1 else (f"{count:,} jobs have", "them")
    shell = ", in bash, zsh or ksh" if any(word.startswith("$'") for word in quoted) else ""
    is_masked = url is not None and masked(url) != url
    secret = ", with the credentials in place of ***" if is_masked else ""
    return f"{have} {state}; don't start (and pay for) {them} again, keep waiting{shell}{secret}:"


def _file(lines: list[str], folder: Path | None) -> str | None:
    """Returns the path of a new file with lines; None: there are none, or it can't be made."""
    if not lines:
        return None
    try:
        handle, path = tempfile.mkstemp(".txt", "video-translation-jobs-", folder)
    except OSError:
        return None
    # The mark tells what reads it, as the encoding of its standard input may be another.
    encoding = "utf-8" if "".join(lines).isascii() else "utf-8-sig"
    try:
        with open(handle, "w", encoding=encoding, newline="\n") as file:  # noqa: PTH123 - a handle
            file.writelines(f"{line}\n" for line in lines)
    except OSError:  # the disk is full
        with contextlib.suppress(OSError):
            Path(path).unlink()
        return None
    return path


def _shows(text: str, encoding: str) -> bool:
    return text.isprintable() and text.encode(encoding, "replace").decode(encoding) == text


def _quoted(word: str, encoding: str) -> str:
    if _shows(word, encoding):
        return shlex.quote(word)
    # $'...' is in POSIX since 2024, and in bash, zsh and ksh since long before.
    escaped = word.replace("\\", "\\\\").replace("'", "\\'")
    return "$'{}'".format(
        "".join(
            character
            if _shows(character, encoding)
            else "".join(f"\\{byte:03o}" for byte in character.encode())
            for character in escaped
        )
    )
