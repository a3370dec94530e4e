"""The command line: its arguments, what they turn into, and the exit status.

All values are checked by the client itself; options.py has the options that are its
arguments. What a watch writes stands in watch.py and display.py, the demonstration in demo.py,
the table of services in presets.py.
"""

from __future__ import annotations

import argparse
import logging
import os
import re
import shutil
import signal
import sys
import warnings
from pathlib import Path
from typing import Any, NoReturn, Sequence

from .. import __version__
from .._base import arguments
from ..client import VideoTranslationClient
from .lines import JsonLines, Lines, Results
from .options import add_pacing, given_pacing, in_words_of_options, option, value
from .output import OutputLostError, complain, give_up, printable, write_line
from .presets import list_services
from .resume import how_to_resume
from .texts import DEMO_EPILOG, NAME, SERVICES_EPILOG, WATCH_EPILOG, WATCH_USAGE
from .watch import INTERRUPTED, OUTPUT_LOST, SOME_REJECTED, JobIdError, View, follow


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line. Only for the main thread.

    Args:
        argv: The words after the program's name. None means those of this process, which is
            to be left then.

    Returns:
        The exit status.

    Raises:
        SystemExit: The arguments are wrong (2), or help was asked for (0).
    """
    if argv is None:  # the views tell what a person is to know; the log would break into them
        logging.getLogger("video_translation_client").addHandler(logging.NullHandler())
    try:
        status = _run(sys.argv[1:] if argv is None else list(argv))
    except KeyboardInterrupt:
        status = INTERRUPTED
    except OutputLostError as lost:
        status = OUTPUT_LOST
        if not isinstance(lost.__cause__, BrokenPipeError):
            complain(f"error: standard output: {lost}")
        give_up(sys.stdout)
    if argv is None:  # the process ends at once; nothing is left to interrupt
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    return status


class _Parser(argparse.ArgumentParser):
    """Shows no credentials in its messages."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(
            formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **settings
        )

    def _print_message(self, message: str, file: Any = None) -> None:
        """Writes as everything else here does, whatever has become of the stream."""
        for line in message.splitlines():
            if file is sys.stderr:
                complain(line)
            else:
                write_line(line)

    def error(self, message: str) -> NoReturn:
        message = re.sub(r"(?<!\S)(--?\w[\w-]*=)\S+", r"\1***", message)
        super().error(printable(re.sub(r"\S+@", "***@", message)))


def _run(words: list[str]) -> int:
    parser = _Parser(prog=" ".join(_program()), description="Waits for video translation jobs.")
    parser.add_argument("--version", action="version", version=f"{NAME} {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", title="commands")
    watch = commands.add_parser(
        "watch",
        help="wait for jobs and tell how they go",
        usage=WATCH_USAGE,
        description="Waits for jobs of a service and tells how they go.",
        epilog=WATCH_EPILOG,
    )
    demo = commands.add_parser(
        "demo",
        help="show it at work, with a mock server if need be",
        description="Polls the service at URL, or a mock server that it starts there.",
        epilog=DEMO_EPILOG,
    )
    presets = commands.add_parser(
        "services",
        help="list the services that are known by name",
        description="Lists the services that --service knows, and where its facts stand.",
        epilog=SERVICES_EPILOG,
    )
    if words[:1] == ["watch"]:
        return _watch(watch, words[1:])
    if words[:1] == ["demo"]:
        return _demo(demo, words[1:])
    if words[:1] == ["services"]:
        return _services(presets, words[1:])
    parser.parse_args(words)
    return parser.error("a COMMAND is required: watch, demo or services")


def _program() -> list[str]:
    """Returns the words that call this program from here."""
    called = Path(sys.argv[0])
    if called == Path(__file__).parents[1] / "__main__.py":
        python = shutil.which("python")
        same = python is not None and Path(python).samefile(sys.executable)
        return ["python" if same else sys.executable, "-m", "video_translation_client"]
    installed_apart = called.name == NAME and shutil.which(NAME) is None
    return [sys.argv[0] if installed_apart else NAME]


def _watch(parser: argparse.ArgumentParser, words: list[str]) -> int:
    _add_options_of_watch(parser)
    # What follows "--" is kept from argparse, whose versions differ in what they make of it.
    cut = words.index("--") if "--" in words else len(words)
    given = parser.parse_intermixed_args(words[:cut])
    positional = [*([] if given.url is None else [given.url]), *given.job_ids, *words[cut + 1 :]]
    if given.service is None and not positional:
        parser.error("the following arguments are required: URL, or --service NAME")
    has_url = given.service is None or any(map(_is_url, positional[:1]))
    url = positional.pop(0) if has_url else None
    job_ids = _job_ids(parser, positional)
    if url is None and any("://" in job_id for job_id in job_ids if job_id is not None):
        parser.error("URL must start with http:// or https://, and stand before the JOB_IDs")
    pacing = given_pacing(given)
    settings = {name: value(text) for name, text in pacing.items()}
    client = _client(parser, url, {**settings, "service": given.service})
    try:
        view_of_watch = _view_for(given)
        board = follow(client, job_ids, view_of_watch)
    except JobIdError as error:
        parser.error(in_words_of_options(str(error)))
    if board.unfinished:
        command = [*_program(), "watch"]
        command += ["--json"] if given.json else ["--result"] if given.result else []
        command += [] if given.service is None else ["--service", given.service]
        for name, text in pacing.items():
            command += [option(name), text]
        encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
        complain(*how_to_resume(command, url, board.unfinished, encoding))
    if isinstance(view_of_watch, Results) and view_of_watch.lacks:
        return board.exit_status or SOME_REJECTED
    return board.exit_status


def _add_options_of_watch(parser: argparse.ArgumentParser) -> None:
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
    parser.add_argument(
        "--service",
        metavar="NAME",
        help="a service that is known by name, such as heygen; its key comes from the"
        " environment, see below",
    )
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="write JSON, see below")
    output.add_argument(
        "--result",
        action="store_true",
        help="write the URLs of results alone to standard output, see below",
    )
    add_pacing(parser)


def _is_url(word: str) -> bool:
    return word.lower().startswith(("http://", "https://"))


def _view_for(given: argparse.Namespace) -> View:
    if given.json:
        return JsonLines()
    return Results() if given.result else view()


def _services(parser: argparse.ArgumentParser, words: list[str]) -> int:
    parser.add_argument("--json", action="store_true", help="write a JSON object a line")
    list_services(parser.parse_args(words).json)
    return 0


def _demo(parser: argparse.ArgumentParser, words: list[str]) -> int:
    parser.add_argument(
        "--url",
        default="http://127.0.0.1:5000",
        help="where the service stands, or else the mock server is started (default: %(default)s)",
    )
    parser.add_argument("--jobs", default="1", metavar="N", help="how many (default: %(default)s)")
    given = parser.parse_args(words)
    url = _checked_url(parser, given.url)
    try:
        jobs = arguments.count("--jobs", value(given.jobs))
    except (TypeError, ValueError) as error:
        parser.error(str(error))
    from .demo import UnavailableError, run  # noqa: PLC0415 - the mock server is needed here alone

    try:
        return run(url, jobs, view)
    except UnavailableError as error:
        complain(f"{parser.prog}: error: {error}")
        return 1


def view() -> View:
    """Returns the live display where it can be shown, and otherwise lines."""
    terminal = sys.stdout is not None and sys.stdout.isatty()
    if terminal and os.environ.get("TERM") not in ("dumb", "unknown"):
        try:
            from .display import Live  # noqa: PLC0415 - rich is slow to import, and optional
        except ImportError:
            return Lines()
        return Live()
    return Lines()


def _job_ids(parser: argparse.ArgumentParser, words: Sequence[str]) -> list[str | None]:
    job_ids: dict[str | None, None] = {}
    for word in words:
        if word != "-":
            job_ids[word] = None
            continue
        try:
            lines = [line.strip() for line in sys.stdin or ()]
        except (OSError, UnicodeError) as error:
            parser.error(f"argument JOB_ID: standard input ('-') can't be read: {error}")
        if not any(lines):
            parser.error("argument JOB_ID: standard input ('-') holds no job id")
        job_ids.update((line, None) for line in lines if line)
    try:
        return [arguments.job_id(job_id) for job_id in job_ids] or [None]
    except ValueError as error:
        parser.error(in_words_of_options(str(error)))


def _client(
    parser: argparse.ArgumentParser, url: str | None, settings: dict[str, Any]
) -> VideoTranslationClient:
    if url is not None:
        url = _checked_url(parser, url)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        try:
            client = VideoTranslationClient(url, **settings)
        except (TypeError, ValueError) as error:
            parser.error(in_words_of_options(str(error)))
    for warning in caught:
        complain(f"warning: {in_words_of_options(str(warning.message))}")
    return client


def _checked_url(parser: argparse.ArgumentParser, url: str) -> str:
    try:
        return arguments.base_url(url)
    except ValueError as error:
        if "@" not in url:
            parser.error(in_words_of_options(str(error)))
        # The reason may quote a part of a password that is spelled wrongly.
        parser.error(
            "URL must be one such as 'http://127.0.0.1:5000'; in a user name or password, / ? # @"
            " and the like must be percent-encoded"
        )
