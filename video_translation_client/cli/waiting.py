"""What ``watch`` and ``resume`` have in common: options, and how waits are followed to their end.

The client checks all values. How waits go is followed in following.py, and written in lines.py
and display.py.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Callable

from . import downloading, keeping, learning, own_service, receiving
from .asking import client_of
from .closing import how_to_go_on, how_to_resume
from .downloading import add_output_dir, saver
from .exit_status import ExitStatus
from .following import Follower, JobIdError, View
from .interval import fixed_interval
from .learning import strategy
from .lines import QUIET, USUAL, VERBOSE, JsonLines, Results, live_or_lines
from .options import LIMITS, given_pacing, option, setting
from .output import complain
from .parser import program

if TYPE_CHECKING:
    import argparse

    from ..client import VideoTranslationClient
    from ..services._definition import Service
    from .board import Board
    from .following import Waits
    from .parser import Parser


def add_output(parser: Parser) -> None:
    """Gives a parser the options about what is written."""
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="write JSON, see below")
    output.add_argument(
        "--result",
        action="store_true",
        help="write the URLs of results alone to standard output, see below",
    )
    add_output_dir(parser)
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


def wait(
    parser: Parser,
    given: argparse.Namespace,
    url: str | None,
    service: Service | None,
    waits_of: Callable[[VideoTranslationClient], Waits],
) -> ExitStatus:
    """Follows the waits of a client to their end, and tells how to keep waiting for others.

    Args:
        parser: That of the command.
        given: Its options.
        url: Where the service stands, or None where that says it itself.
        service: It, or None for the default one.
        waits_of: Returns what is to be followed.

    Raises:
        OutputLostError: Standard output takes nothing more.
    """
    settings = {name: setting(name, text) for name, text in given_pacing(given).items()}
    fixed, learned = fixed_interval(parser, given), strategy(parser, given)
    settings.update(service=service, strategy=fixed or learned, **keeping.settings(parser, given))
    view = _view(given)
    follower = Follower(view, tells_failures=given.verbosity == VERBOSE)
    client = client_of(parser, url, on_event=follower.hear, **settings)
    try:
        with receiving.webhooks(parser, given, client):
            board = follower.follow(client, waits_of(client), saver(parser, given, client))
    except JobIdError as error:
        parser.error(str(error))
    finally:
        if learned is not None:
            learned.history.close()
    if board.unfinished:
        _tell_how_to_go_on(given, url, board)
    return _exit_status(board, view)


def _view(given: argparse.Namespace) -> View:
    if given.json:
        return JsonLines(given.verbosity)
    return Results(given.verbosity) if given.result else live_or_lines(given.verbosity)


def _exit_status(board: Board, view: View) -> ExitStatus:
    lacks = isinstance(view, Results) and view.lacks
    return max(board.exit_status, ExitStatus.REJECTED) if lacks else board.exit_status


def _tell_how_to_go_on(given: argparse.Namespace, url: str | None, board: Board) -> None:
    encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
    if board.waits_go_on and keeping.keeps(given, board.unfinished):
        command = [*program(), "resume", *_options(given, board, resumes=True)]
        count = len(board.unfinished)
        complain(*how_to_go_on(command, url, count, given.store, encoding))
        return
    command = [*program(), "watch", *_options(given, board, resumes=False)]
    downloads = given.output_dir is not None
    complain(*how_to_resume(command, url, board.unfinished, encoding, downloads=downloads))


def _options(given: argparse.Namespace, board: Board, *, resumes: bool) -> list[str]:
    """Returns the options that are to be repeated; what a kept wait has of its own is not."""
    words = ["--json"] if given.json else ["--result"] if given.result else []
    words += {VERBOSE: ["--verbose"], QUIET: ["--quiet"], USUAL: []}[given.verbosity]
    words += own_service.to_repeat(given)
    words += keeping.to_repeat(given)
    words += downloading.to_repeat(given)
    words += learning.to_repeat(given, None if resumes else board.elapsed)
    words += [] if given.interval is None else ["--interval", given.interval]
    for name, text in given_pacing(given).items():
        words += [] if resumes and name in LIMITS else [option(name), text]
    return words + receiving.to_repeat(given)
