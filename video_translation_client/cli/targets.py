"""What ``watch`` and ``check`` are to ask for: the URL and the job ids among their words."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Sequence

from .._base import arguments
from .input import standard_input
from .output import complain
from .parser import Parser
from .wording import refused

if TYPE_CHECKING:
    import argparse

_END = "Ctrl-Z and Enter end" if sys.platform == "win32" else "Ctrl-D ends"

# A host that nobody would call a job: this machine, an address, or a name with dots and a port.
_HOST = re.compile(
    r"(localhost|\d+(\.\d+){3}|\[[\da-f:.]+\])(:\d+)?(/.*)?|[\w-]+(\.[\w-]+)*\.[a-z]{2,}:\d+(/.*)?",
    re.IGNORECASE | re.ASCII,
)


def add_targets(parser: Parser) -> None:
    """Gives a parser the URL and the job ids."""
    parser.add_argument(
        "url",
        metavar="URL",
        nargs="?",
        help="where the service stands; with --service it may be left out, and is there for"
        " gateways and mock servers",
    )
    parser.add_argument(
        "job_ids",
        metavar="JOB_ID",
        nargs="*",
        help="a job; without any, the one unnamed job of the service at URL. '-' reads job ids"
        " from standard input, one a line",
    )


def parsed(parser: Parser, words: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Returns the options among the words of a command, and its other words."""
    # What follows "--" is kept from argparse, whose versions differ in what they make of it.
    cut = words.index("--") if "--" in words else len(words)
    given = parser.parse_intermixed_args(words[:cut])
    url = [] if given.url is None else [given.url]
    return given, [*url, *given.job_ids, *words[cut + 1 :]]


def url_and_job_ids(
    parser: Parser, words: list[str], *, needs_url: bool
) -> tuple[str | None, list[str | None]]:
    """Returns where to ask, and for what, or ends the process.

    Args:
        parser: That of the command.
        words: The URL and job ids, in this order.
        needs_url: Whether there must be a URL, as no service says where it stands.
    """
    if needs_url and not words:
        parser.error("the following arguments are required: URL, or --service NAME")
    for word in words[:1]:
        if _HOST.fullmatch(word):
            parser.error(f"URL must start with http:// or https://, as in 'http://{word}'")
    has_url = needs_url or any(
        word.lower().startswith(("http://", "https://")) for word in words[:1]
    )
    url = parser.checked_url(words[0]) if has_url else None
    job_ids = _job_ids(parser, words[1:] if has_url else words)
    if url is None and any("://" in job_id for job_id in job_ids if job_id is not None):
        parser.error("URL must start with http:// or https://, and stand before the JOB_IDs")
    return url, job_ids


def _job_ids(parser: Parser, words: Sequence[str]) -> list[str | None]:
    """Returns the job ids, each once, those of standard input in the place of ``-``."""
    job_ids: dict[str | None, None] = {}
    for word in words:
        job_ids.update(dict.fromkeys(_read(parser) if word == "-" else [word]))
    try:
        return [arguments.job_id(job_id) for job_id in job_ids] or [None]
    except ValueError as error:
        parser.error(refused(error))


def _read(parser: Parser) -> list[str]:
    if sys.stdin is not None and sys.stdin.isatty():
        complain(f"Type job ids, one a line; {_END} them.")
    try:
        job_ids = list(standard_input())
    except (OSError, UnicodeError) as error:
        parser.error(f"argument JOB_ID: standard input ('-') can't be read: {error}")
    if not job_ids:
        parser.error("argument JOB_ID: standard input ('-') holds no job id")
    return job_ids
