"""The command ``plan``: what strategies cost for jobs that take as long as a user's.

It asks no service. Where durations come from is in durations.py, what strategies there are in
contest.py; chart.py and plot.py draw.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import sys
from typing import TYPE_CHECKING, Any, Iterator, Sequence

from .._base import arguments, units
from ..strategy import ExponentialBackoff
from . import durations
from .chart import chart
from .contest import Contest, Entry, chosen_of
from .durations import Durations, DurationsError
from .exit_status import ExitStatus
from .options import BACKOFF, add_pacing, as_number, as_seconds, given_pacing, setting
from .output import write_line
from .parser import NAME, Parser
from .wording import refused

if TYPE_CHECKING:
    from .parser import Commands

_LIMITS = ("max_attempts", "max_wait_time", "min_interval")

_ABOUT_PACING = f"""\
SECONDS may have a unit: {units.EXAMPLES}.
The first four make the backoff that is compared, the others hold for all
strategies. A job beyond a limit counts as given up, and not as late."""

_MEDIAN, _SPREAD, _POLL_COST = 300.0, 0.5, 3.0
_PIPE_WIDTH = 80
_PICTURES = (".png", ".svg")


def add_to(commands: Commands) -> Parser:
    """Gives the command its place in the help; returns its parser."""
    parser = commands.add_parser(
        "plan",
        help="compare ways to poll for jobs that take as long as yours",
        usage="%(prog)s [OPTION ...]",
        description="Compares what ways to poll cost, in requests and in lateness.",
        epilog=_EPILOG,
    )
    _add_durations(parser)
    parser.add_argument(
        "--poll-cost",
        metavar="SECONDS",
        default=f"{_POLL_COST:g}",
        help="how much lateness one request is worth (default: %(default)s)",
    )
    parser.add_argument(
        "--jobs", metavar="N", help="how many to simulate (default: up to 400, in a few seconds)"
    )
    parser.add_argument(
        "--seed", metavar="N", default="0", help="of the chance (default: %(default)s)"
    )
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="write a JSON object a line")
    output.add_argument(
        "--plot",
        metavar="FILE",
        help="write a picture as well, .png or .svg; needs: pip install matplotlib",
    )
    add_pacing(
        parser, [*BACKOFF, *_LIMITS], _ABOUT_PACING, max_attempts="none", max_wait_time="none"
    )
    return parser


def _add_durations(parser: Parser) -> None:
    """Gives the parser the options that say how long jobs take."""
    jobs = parser.add_argument_group("how long jobs take, in seconds")
    one = jobs.add_mutually_exclusive_group()
    one.add_argument(
        "--durations",
        metavar="FILE",
        help="one number a line, or with --column CSV; '-' is standard input",
    )
    one.add_argument("--history", metavar="FILE", help="what watch --learn=FILE has learned")
    jobs.add_argument("--column", metavar="NAME", help="the column of --durations to read")
    jobs.add_argument(
        "--for-service", metavar="NAME", help="of --history, where it has more than one"
    )
    jobs.add_argument(
        "--median",
        metavar="SECONDS",
        help=f"half of the jobs take less; without a file (default: {_MEDIAN:g})",
    )
    jobs.add_argument(
        "--spread",
        metavar="SIGMA",
        help="how far the durations lie apart, as the standard deviation of their logarithm"
        f" (default: {_SPREAD:g})",
    )


def run(parser: Parser, words: list[str]) -> ExitStatus:
    """Runs the command with the words behind its name.

    Raises:
        OutputLostError: Standard output takes nothing more.
    """
    given = parser.parse_args(words)
    draw = None if given.plot is None else _plotter(parser, given.plot)
    try:
        known = _durations(parser, given)
        contest, entries = _contest(given, known)
    except (DurationsError, TypeError, ValueError) as error:
        parser.error(refused(error))
    lines = map(_object, entries) if given.json else _report(known, contest, entries)
    for line in lines:
        write_line(line)
    if draw is not None:
        try:
            draw(given.plot, contest, entries)
        except OSError as error:
            parser.error(f"--plot {given.plot}: {error.strerror or error}")
    return ExitStatus.COMPLETED


def _plotter(parser: Parser, name: str) -> Any:
    """Returns what draws a picture, or ends the process."""
    if not name.lower().endswith(_PICTURES):
        parser.error(f"--plot must be a file that ends in .png or .svg, not {name!r}")
    try:
        from .plot import draw  # noqa: PLC0415 - matplotlib is slow to import, and optional
    except ImportError as missing:
        package = str(missing.name).partition(".")[0]
        parser.error(f"--plot needs the package {package}: pip install {package}")
    return draw


def _durations(parser: Parser, given: argparse.Namespace) -> Durations:
    _check_company(parser, given)
    if given.durations is not None:
        return durations.of_file(given.durations, given.column)
    if given.history is not None:
        return durations.of_history(given.history, given.for_service)
    median = _MEDIAN if given.median is None else as_seconds(given.median)
    spread = _SPREAD if given.spread is None else as_number(given.spread)
    return durations.made_up(
        arguments.number("--median", median, above=0),
        arguments.number("--spread", spread, least=0),
        _seed(given),
    )


def _check_company(parser: Parser, given: argparse.Namespace) -> None:
    """Ends the process where an option stands without the one that it belongs to."""
    has_file = given.durations is not None or given.history is not None
    for name, value, belongs, there in (
        ("--column", given.column, "with --durations", given.durations is not None),
        ("--for-service", given.for_service, "with --history", given.history is not None),
        ("--median", given.median, "without a file of durations", not has_file),
        ("--spread", given.spread, "without a file of durations", not has_file),
    ):
        if value is not None and not there:
            parser.error(f"argument {name}: only {belongs}")


def _contest(given: argparse.Namespace, known: Durations) -> tuple[Contest, list[Entry]]:
    settings = {name: setting(name, text) for name, text in given_pacing(given).items()}
    backoff = {name: settings[name] for name in BACKOFF if name in settings}
    count = None if given.jobs is None else arguments.count("--jobs", as_number(given.jobs))
    contest = Contest(
        known.seconds,
        chosen_of(known.seconds, count),
        arguments.number("poll_cost", as_seconds(given.poll_cost), above=0),
        {name: settings[name] for name in _LIMITS if name in settings},
        _seed(given),
    )
    name = "your backoff" if backoff else "default backoff"
    return contest, contest.run(name, ExponentialBackoff(**backoff))


def _seed(given: argparse.Namespace) -> int:
    return arguments.count("--seed", as_number(given.seed), least=0)


def _object(entry: Entry) -> str:
    simulation = entry.simulation
    fields = {
        "strategy": entry.name,
        "polls_per_job": simulation.polls_per_job,
        "mean_lateness": simulation.mean_lateness,
        "p50_lateness": simulation.p50_lateness,
        "p95_lateness": simulation.p95_lateness,
        "max_lateness": simulation.max_lateness,
        "cost": entry.cost,
    }
    numbers = {name: _rounded(value) for name, value in fields.items()}
    schedule = [round(moment, 3) for moment in entry.schedule]
    counts = {"jobs": simulation.jobs, "given_up": simulation.unfinished}
    return json.dumps({**numbers, **counts, "schedule": schedule})


def _rounded(value: Any) -> Any:
    """Returns a number as JSON can have it, which has no NaN; other things as they are."""
    if not isinstance(value, float):
        return value
    return None if math.isnan(value) else round(value, 3)


def _report(known: Durations, contest: Contest, entries: Sequence[Entry]) -> Iterator[str]:
    terminal = sys.stdout is not None and sys.stdout.isatty()
    width = shutil.get_terminal_size().columns - 1 if terminal else _PIPE_WIDTH
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    count = len(contest.jobs)
    yield f"{count:,} {'job' if count == 1 else 'jobs'} as in {known.source}"
    yield ""
    yield from _table(entries)
    yield ""
    yield f"Lateness in seconds; the cost is its mean, and {contest.poll_cost:g} for each request."
    yield ""
    schedules = [(entry.name, entry.schedule) for entry in entries]
    yield from chart(contest.known, schedules, width, encoding)
    yield ""
    yield "| is a request while the job runs; a digit is so many of them."


def _table(entries: Sequence[Entry]) -> Iterator[str]:
    gives_up = any(entry.simulation.unfinished for entry in entries)
    heading = ["", "requests", "lateness", "50 %", "95 %", "100 %", "cost"]
    rows = [heading + (["given up"] if gives_up else [])]
    for name, simulation, cost, _ in entries:
        late = (
            simulation.mean_lateness,
            simulation.p50_lateness,
            simulation.p95_lateness,
            simulation.max_lateness,
        )
        cells = [f"{simulation.polls_per_job:.1f}", *map(_cell, late), _cell(cost)]
        rows.append([name, *cells, *([f"{simulation.unfinished:,}"] if gives_up else [])])
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        first, *others = (text.rjust(width) for text, width in zip(row, widths))
        yield "  ".join([row[0].ljust(len(first)), *others])


def _cell(seconds: float) -> str:
    return "-" if math.isnan(seconds) else f"{seconds:,.1f}"


_EPILOG = f"""\
Jobs are simulated: the table has the mean number of requests for one job, and how
late its end is noticed: in the mean, and at most for 50, 95 and 100 % of jobs. The
strategy that is learned has seen all these jobs end before; the optimum is the best
that can be done where nothing is known of a job but how long others take.

With --json an object a line, for each strategy: its name, the numbers of the table,
how many jobs were simulated and given up, and when it polls, in seconds.

examples:
  {NAME} plan
  {NAME} plan --median 600 --spread 0.3 --poll-cost 10
  {NAME} plan --durations jobs.csv --column seconds --plot plan.png
  {NAME} plan --max-interval 60 --backoff-factor 1.5
  {NAME} plan --history ~/.local/state/{NAME}/durations.sqlite3"""
