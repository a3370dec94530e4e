"""The command ``watch``: what can stand behind it, what it is for, and how it runs.

The client checks all values. How waits go is followed in following.py, and written in lines.py
and display.py.
"""

from __future__ import annotations

import argparse
import queue
import sys
from typing import TYPE_CHECKING

from . import downloading, exit_status, own_service
from .asking import client_of
from .board import Board
from .closing import how_to_resume
from .downloading import add_output_dir, saver
from .exit_status import ExitStatus
from .following import JobIdError, View, failures, follow, submitted
from .interval import add_interval, fixed_interval
from .learning import add_learning, hints, strategy, to_repeat, with_value
from .lines import QUIET, USUAL, VERBOSE, JsonLines, Results, live_or_lines
from .options import add_pacing, given_pacing, option, setting
from .output import complain
from .parser import KEYS, NAME, Parser, program
from .targets import add_targets, parsed, url_and_job_ids

if TYPE_CHECKING:
    from .following import Events
    from .parser import Commands


def add_to(commands: Commands) -> Parser:
    """Gives the command its place in the help; returns its parser."""
    parser = commands.add_parser(
        "watch",
        help="wait for jobs and tell how they go",
        usage=_USAGE,
        description="Waits for jobs of a service and tells how they go.",
        epilog=_EPILOG,
    )
    add_targets(parser)
    own_service.add_service(parser)
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="write JSON, see below")
    output.add_argument(
        "--result",
        action="store_true",
        help="write the URLs of results alone to standard output, see below",
    )
    add_output_dir(parser)
    _add_verbosity(parser)
    add_learning(parser)
    add_interval(add_pacing(parser))
    return parser


def _add_verbosity(parser: Parser) -> None:
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "-v",
        "--verbose",
        dest="verbosity",
        action="store_const",
        const=VERBOSE,
        default=USUAL,
        help="tell of every poll that fails, with the reason, on standard error",
    )
    group.add_argument(
        "-q",
        "--quiet",
        dest="verbosity",
        action="store_const",
        const=QUIET,
        help="no display, and no lines but those of jobs that did not complete; with --json, only"
        " each job's last object. What --result writes stays",
    )


def run(parser: Parser, words: list[str]) -> ExitStatus:
    """Runs the command with the words behind its name.

    Raises:
        OutputLostError: Standard output takes nothing more.
    """
    given, positional = parsed(parser, with_value(words))
    service = own_service.service_of(parser, given)
    needs_url = own_service.needs_url(service)
    url, job_ids = url_and_job_ids(parser, positional, needs_url=needs_url)
    own_service.check_job_ids(parser, given, job_ids)
    settings = {name: setting(name, text) for name, text in given_pacing(given).items()}
    fixed, learned = fixed_interval(parser, given), strategy(parser, given)
    settings.update(service=service, strategy=fixed or learned)
    view = _view(given)
    events: Events = queue.SimpleQueue()
    if given.verbosity == VERBOSE:
        settings["on_event"] = failures(events, view)
    client = client_of(parser, url, **settings)
    try:
        board = follow(
            client,
            submitted(client, job_ids, **hints(given)),
            view,
            saver(parser, given, client),
            events,
        )
    except JobIdError as error:
        parser.error(str(error))
    finally:
        if learned is not None:
            learned.history.close()
    if board.unfinished:
        _tell_how_to_resume(given, url, board)
    return _exit_status(board, view)


def _view(given: argparse.Namespace) -> View:
    if given.json:
        return JsonLines(given.verbosity)
    return Results(given.verbosity) if given.result else live_or_lines(given.verbosity)


def _exit_status(board: Board, view: View) -> ExitStatus:
    lacks = isinstance(view, Results) and view.lacks
    return max(board.exit_status, ExitStatus.REJECTED) if lacks else board.exit_status


def _tell_how_to_resume(given: argparse.Namespace, url: str | None, board: Board) -> None:
    command = [*program(), "watch"]
    command += ["--json"] if given.json else ["--result"] if given.result else []
    command += {VERBOSE: ["--verbose"], QUIET: ["--quiet"], USUAL: []}[given.verbosity]
    command += own_service.to_repeat(given)
    command += downloading.to_repeat(given)
    command += to_repeat(given, board.elapsed)
    command += [] if given.interval is None else ["--interval", given.interval]
    for name, text in given_pacing(given).items():
        command += [option(name), text]
    encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
    downloads = given.output_dir is not None
    complain(*how_to_resume(command, url, board.unfinished, encoding, downloads=downloads))


_USAGE = """\
%(prog)s [OPTION ...] URL [JOB_ID ...]
       %(prog)s [OPTION ...] --service NAME JOB_ID ..."""

_EPILOG = f"""\
{KEYS}

output:
  On a terminal a live display, which needs rich (pip install rich). It shows no
  URLs of results, as they may open for anybody; --result and --json do.
  Elsewhere, or without rich, a line for each change of a job's status, with the
  local time:
    2026-11-28 09:30:00 job-1: pending
    2026-11-28 09:30:07 job-2: error ('codec unknown')
    2026-11-28 09:30:09 job-3: pending, likely done in 4 min (2 to 7 min)
  The statuses are pending, completed, error, rejected (the service refuses to
  tell) and timeout (not ended at the limit). All else is on standard error.

  With --json an object a line, for each change of a job's status or progress:
    job_id    the job, null if it has no name
    status    one of the words above
    progress  from 0 to 1, null where the service does not tell
    attempts  how many polls were started
    elapsed   seconds since the wait began
    eta       seconds until it is likely done; null where that is not known, and
              where it takes longer than was likely
    eta_range seconds until one job in ten is done, and nine in ten, or null
    result    what the service gives of the finished job, or null
    path      where its video was downloaded to, or null; several are a list
    error     why it ended without being completed, or null
    done      whether this is the job's last line

  With --result the URL of each completed job's result, as soon as there is
  one, and nothing else on standard output; the display, or lines, are on
  standard error. Several results of a job are a line each; one that is not text
  is JSON. The URLs of camb and elevenlabs want the service's key as well.

{exit_status.describe()}

examples:
  {NAME} watch http://127.0.0.1:5000
  {NAME} watch http://127.0.0.1:5000 job-1 job-2 --max-wait-time 600
  {NAME} watch http://127.0.0.1:5000 --json - < job-ids.txt
  {NAME} watch --service heygen job-1 job-2
  {NAME} watch --learn --service heygen --group fast/de job-1 job-2
  {NAME} watch --service heygen --output-dir videos job-1 job-2
  {NAME} watch --service heygen --result job-1 | wget -i -"""
