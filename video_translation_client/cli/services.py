"""The command ``services``: those that are known by name, for people, for grep, for programs."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from typing import TYPE_CHECKING, Iterable, Iterator, Sequence

from .. import services
from ..services._definition import Patterns, Service
from .exit_status import ExitStatus
from .output import write_line
from .parser import NAME, Parser

if TYPE_CHECKING:
    from .parser import Commands

_HEADING = ("NAME", "KEY", "BATCH", "PENDING|COMPLETED|ERROR", "SOURCE")
_LEGEND = "states: pending | completed | error; batch: how many jobs one request asks for"


def add_to(commands: Commands) -> Parser:
    """Gives the command its place in the help; returns its parser."""
    parser = commands.add_parser(
        "services",
        help="list the services that are known by name",
        description="Lists the services that --service knows, and where its facts stand.",
        epilog=_EPILOG,
    )
    parser.add_argument("--json", action="store_true", help="write a JSON object a line")
    return parser


def run(parser: Parser, words: list[str]) -> ExitStatus:
    """Writes all presets to standard output.

    On a terminal that is a block each, as one line would be too long; elsewhere a line each, in
    columns without spaces inside; with ``--json``, an object a line. None breaks a URL.

    Raises:
        OutputLostError: Standard output takes nothing more.
    """
    known = services.known()
    lines: Iterable[str]
    if parser.parse_args(words).json:
        lines = map(_object, known)
    elif sys.stdout is not None and sys.stdout.isatty():
        lines = _blocks(known, shutil.get_terminal_size().columns)
    else:
        lines = columns([_HEADING, *map(_row, known)])
    for line in lines:
        write_line(line)
    return ExitStatus.COMPLETED


def _object(service: Service) -> str:
    fields = {
        "name": service.name,
        "base_url": service.base_url,
        "variables": _variables(service),
        "pending": service.words.pending,
        "completed": service.words.completed,
        "error": service.words.error,
        "batch": service.batch and service.batch.limit,
        "source": service.source,
    }
    return json.dumps(fields)


def _blocks(known: Sequence[Service], width: int) -> Iterator[str]:
    yield _LEGEND
    for service in known:
        yield ""
        yield service.name
        for label, text in (
            ("key", ", ".join(_variables(service))),
            ("states", _states(service, ", ", " | ")),
            ("batch", _batch(service)),
        ):
            yield from textwrap.wrap(
                f"{label:<7} {text}",
                max(40, width - 1),
                initial_indent=" " * 2,
                subsequent_indent=" " * 10,
                break_long_words=False,
                break_on_hyphens=False,
            )
        yield f"  {service.source}"


def columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yields rows as lines of columns, which have no ends but spaces."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip()


def _row(service: Service) -> tuple[str, ...]:
    variables = ",".join(_variables(service))
    return service.name, variables, _batch(service), _states(service, ",", "|"), service.source


def _variables(service: Service) -> list[str]:
    """Returns the environment variables that the service wants, that of its key first."""
    return [variable for _, variable in service.variables]


def _states(service: Service, comma: str, bar: str) -> str:
    def joined(patterns: Patterns) -> str:
        return comma.join(map(str, patterns)) or "-"

    words = service.words
    return bar.join(map(joined, (words.pending, words.completed, words.error)))


def _batch(service: Service) -> str:
    return "-" if service.batch is None else str(service.batch.limit)


_EPILOG = f"""\
On a terminal it is made for people to read; elsewhere it is one line for each
service, for grep. Between bars stand the service's words for a job that is
pending, completed or failed; * is any other word. The batch is how many jobs one
request asks for.

examples:
  {NAME} services
  {NAME} services | grep azure
  {NAME} services --json"""
