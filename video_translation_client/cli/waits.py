"""The command ``waits``: what a file keeps, for people, for grep, for programs."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Iterator, Sequence

from .board import PENDING
from .exit_status import ExitStatus
from .keeping import add_store, kept
from .output import complain, write_line
from .parser import NAME, Parser
from .resume import Whose, whose_is
from .services import columns

if TYPE_CHECKING:
    from ..store import StoredWait
    from .parser import Commands

_HEADING = ("JOB_ID", "SINCE", "STATUS", "PROGRESS", "POLLS", "NEXT_POLL", "PROCESS", "LAST_ERROR")


def add_to(commands: Commands) -> Parser:
    """Gives the command its place in the help; returns its parser."""
    parser = commands.add_parser(
        "waits",
        help="list the waits that a file keeps",
        description="Lists the waits that a file keeps, and asks no service for anything.",
        epilog=_EPILOG,
    )
    add_store(parser, "the file, as for watch", required=True)
    parser.add_argument("--json", action="store_true", help="write a JSON object a wait")
    return parser


def run(parser: Parser, words: list[str]) -> ExitStatus:
    """Writes all waits of a file to standard output, the first that was submitted first.

    Those of each service, place and account are a table of their own; with ``--json``, each wait
    is an object in a line.

    Raises:
        OutputLostError: Standard output takes nothing more.
    """
    given = parser.parse_args(words)
    waits = kept(parser, given.store)
    for line in map(_object, waits) if given.json else _tables(waits):
        write_line(line)
    if not waits:
        complain(f"Nothing waits in {given.store}.")
    return ExitStatus.COMPLETED


def _object(wait: StoredWait) -> str:
    fields = {
        "job_id": wait.job_id,
        "service": wait.service,
        "base_url": wait.base_url,
        "account": wait.account,
        "submitted_at": round(wait.submitted_at, 3),
        "elapsed": round(wait.elapsed, 3),
        "attempts": wait.attempts,
        "status": _status(wait),
        "progress": _progress(wait),
        "next_poll": None if wait.next_poll is None else round(wait.next_poll, 3),
        "last_error": wait.last_error,
        "done": wait.end is not None,
        "is_waited_for": wait.is_waited_for,
    }
    return json.dumps(fields)


def _tables(waits: Sequence[StoredWait]) -> Iterator[str]:
    tables: dict[Whose, list[StoredWait]] = {}
    for wait in waits:
        tables.setdefault(whose_is(wait), []).append(wait)
    for number, (whose, rows) in enumerate(tables.items()):
        yield from ([""] if number else [])
        yield f"{whose}:"
        yield from columns([_HEADING, *map(_row, rows)])


def _row(wait: StoredWait) -> tuple[str, ...]:
    progress = _progress(wait)
    return (
        wait.job_id or "-",
        time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(wait.submitted_at)),
        _status(wait) or "-",
        "-" if progress is None else f"{progress:.0%}",
        str(wait.attempts),
        "-" if wait.next_poll is None else f"{wait.next_poll:.0f}s",
        "yes" if wait.is_waited_for else "no",
        wait.last_error or "-",
    )


def _status(wait: StoredWait) -> str | None:
    if wait.end is not None:
        return str(wait.end.status)
    return None if wait.report is None else PENDING


def _progress(wait: StoredWait) -> float | None:
    return None if wait.report is None else wait.report.progress


_EPILOG = f"""\
A line a wait, after one of headings:
  JOB_ID      '-' for a service with one unnamed job
  SINCE       the local time at which it was submitted
  STATUS      pending; '-' before the first answer; or how it ended, where nobody
              was told so far: `{NAME} resume` does
  PROGRESS    what the service tells of it
  POLLS       how many were started
  NEXT_POLL   in how many seconds
  PROCESS     whether a living process waits for it
  LAST_ERROR  why the latest poll that failed in passing did

examples:
  {NAME} waits --store waits.sqlite3
  {NAME} waits --store waits.sqlite3 --json"""
