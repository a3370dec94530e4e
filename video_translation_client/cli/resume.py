"""The command that waits on for the jobs that had not ended when a watch did.

It is made to be pasted into a shell as it is, and holds no credentials.
"""

from __future__ import annotations

import re
import shlex
from typing import Sequence

# More job ids than these are handed on as a here-document.
_MOST_WORDS = 20


def masked(url: str) -> str:
    """Returns a URL without its credentials."""
    return re.sub("//[^/?#]*@", "//***@", url)


def how_to_resume(command: list[str], url: str, job_ids: Sequence[str | None]) -> str:
    """Returns the command that waits on for jobs, with a line before it that says so."""
    count = "1 job has" if len(job_ids) == 1 else f"{len(job_ids):,} jobs have"
    intro = f"{count} not ended; to wait on:"
    if masked(url) != url:
        intro = f"{count} not ended; to wait on, with the credentials in place of ***:"
    words, lines = [job_id for job_id in job_ids if job_id is not None], []
    if len(words) > _MOST_WORDS or "-" in words:
        # Not everything that can be a word can be a line.
        lines = [word for word in words if _fits_a_line(word)]
        words = [*(word for word in words if not _fits_a_line(word)), "-"]
    dashes = ["--"] if any(word[0] == "-" and word != "-" for word in words) else []
    text = " ".join(map(_quoted, [*command, masked(url), *dashes, *words]))
    if not lines:
        return f"{intro}\n{text}"
    end = "END"
    while end in lines:
        end += "_"
    return "\n".join([intro, f"{text} <<'{end}'", *lines, end])


def _fits_a_line(word: str) -> bool:
    return word.strip() == word and word.isprintable()


def _quoted(word: str) -> str:
    if word.isprintable():
        return shlex.quote(word)
    # $'...' is in POSIX since 2024, and in bash, zsh and ksh since long before.
    escaped = word.replace("\\", "\\\\").replace("'", "\\'")
    return "$'{}'".format(
        "".join(
            character
            if character.isprintable()
            else "".join(f"\\{byte:03o}" for byte in character.encode())
            for character in escaped
        )
    )
