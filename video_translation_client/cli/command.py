"""The command line: its arguments, what they turn into, and the exit status.

All values are checked by the client itself, and all defaults are its own. What a watch
writes stands in watch.py and display.py, the demonstration in demo.py.
"""

from __future__ import annotations

import argparse
import contextlib
import inspect
import os
import re
import shutil
import signal
import sys
import warnings
from pathlib import Path
from typing import Any, NoReturn, Sequence

from .. import __version__, arguments
from ..client import VideoTranslationClient
from .resume import how_to_resume
from .watch import (
    INTERRUPTED,
    OUTPUT_LOST,
    JsonLines,
    Lines,
    OutputLostError,
    View,
    complain,
    follow,
    give_up,
    printable,
    write_line,
)

_NAME = "video-translation-client"

# The client's pacing arguments; their defaults are read from its signature.
_PACING = {
    "max_attempts": ("N|none", "the most polls of one job"),
    "max_wait_time": ("SECONDS|none", "the longest wait for one job"),
    "initial_wait_time": ("SECONDS", "from the first poll of a job to its second"),
    "backoff_factor": ("FACTOR", "by what each wait is multiplied to give the next"),
    "jitter": ("SECONDS", "the most that chance adds to each wait"),
    "max_interval": ("SECONDS", "the longest wait between two polls, before jitter"),
    "request_timeout": ("SECONDS", "the longest request, from its start to the whole answer"),
    "max_concurrency": ("N", "the most requests under way at once"),
    "max_rate": ("N|none", "the most requests a second, of all jobs together"),
}

_EXIT_STATUS = """\
exit status:
  0    all jobs completed
  1    some ended in error
  2    the command line is wrong
  3    some could not be asked for, because the service rejects them
  4    some had not ended at the limit; the command that waits on for
       them is printed
  130  Ctrl-C; the same command is printed
  141  standard output took nothing more, as after `| head -1`
Where several apply, 4 goes before 3, and 3 before 1: after 4, wait on with
the printed command; any other status is final."""

_WATCH_EPILOG = f"""\
output:
  On a terminal a live display, which needs rich:
    pip install '{_NAME}[cli]'
  Elsewhere, or without rich, a line for each change of a job's status:
    job-1: pending
    job-2: error (codec unknown)
  The statuses are pending, completed, error, rejected (the service refuses to
  tell) and timeout (not ended at the limit). All else is on standard error.

  With --json an object a line, for each change of a job's status or progress:
    job_id    the job, null if it has no name
    status    one of the words above
    progress  from 0 to 1, null where the service does not tell
    attempts  how many polls were started
    elapsed   seconds since the wait began
    result    what the service gives of the finished job, or null
    error     why it ended without being completed, or null
    done      whether this is the job's last line

{_EXIT_STATUS}

examples:
  {_NAME} watch http://127.0.0.1:5000
  {_NAME} watch http://127.0.0.1:5000 job-1 job-2 --max-wait-time 600
  {_NAME} watch http://127.0.0.1:5000 --json - < job-ids.txt"""

_DEMO_EPILOG = f"""\
It ends within 15 seconds. The exit status is that of watch, but 0 where jobs end
in error as they are meant to.

examples:
  {_NAME} demo
  {_NAME} demo --jobs 20"""


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
        super().error(printable(re.sub(r"\S+@", "***@", message)))


def _run(words: list[str]) -> int:
    parser = _Parser(prog=" ".join(_program()), description="Waits for video translation jobs.")
    parser.add_argument("--version", action="version", version=f"{_NAME} {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", title="commands")
    watch = commands.add_parser(
        "watch",
        help="wait for jobs and tell how they go",
        usage="%(prog)s [OPTION ...] URL [JOB_ID ...]",
        description="Waits for jobs of the service at URL and tells how they go.",
        epilog=_WATCH_EPILOG,
    )
    demo = commands.add_parser(
        "demo",
        help="show it at work, with a mock server if need be",
        description="Polls the service at URL, or a mock server that it starts there.",
        epilog=_DEMO_EPILOG,
    )
    if words[:1] == ["watch"]:
        return _watch(watch, words[1:])
    if words[:1] == ["demo"]:
        return _demo(demo, words[1:])
    parser.parse_args(words)
    return parser.error("a COMMAND is required: watch or demo")


def _program() -> list[str]:
    """Returns the words that call this program from here."""
    called = Path(sys.argv[0])
    if called == Path(__file__).parents[1] / "__main__.py":
        python = shutil.which("python")
        same = python is not None and Path(python).samefile(sys.executable)
        return ["python" if same else sys.executable, "-m", "video_translation_client"]
    installed_apart = called.name == _NAME and shutil.which(_NAME) is None
    return [sys.argv[0] if installed_apart else _NAME]


def _watch(parser: argparse.ArgumentParser, words: list[str]) -> int:
    parser.add_argument("url", metavar="URL", nargs="?", help="where the service stands")
    parser.add_argument(
        "job_ids",
        metavar="JOB_ID",
        nargs="*",
        help="a job; without any, the one unnamed job of the service. '-' reads job ids from"
        " standard input, one a line",
    )
    parser.add_argument("--json", action="store_true", help="write JSON, see below")
    signature = inspect.signature(VideoTranslationClient)
    pacing = parser.add_argument_group("pacing")
    for name, (metavar, text) in _PACING.items():
        default = str(signature.parameters[name].default).lower()
        pacing.add_argument(_option(name), metavar=metavar, help=f"{text} (default: {default})")
    # What follows "--" is kept from argparse, whose versions differ in what they make of it.
    cut = words.index("--") if "--" in words else len(words)
    given = parser.parse_intermixed_args(words[:cut])
    positional = [*([] if given.url is None else [given.url]), *given.job_ids, *words[cut + 1 :]]
    if not positional:
        parser.error("the following arguments are required: URL")
    url, job_ids = positional[0], _job_ids(parser, positional[1:])
    options = {name: getattr(given, name) for name in _PACING if getattr(given, name) is not None}
    client = _client(parser, url, {name: _value(text) for name, text in options.items()})
    board = follow(client, job_ids, JsonLines() if given.json else view())
    if board.unfinished:
        command = [*_program(), "watch", *(["--json"] if given.json else [])]
        for name, text in options.items():
            command += [_option(name), text]
        encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
        complain(how_to_resume(command, url, board.unfinished, encoding))
    return board.exit_status


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
        jobs = arguments.count("--jobs", _value(given.jobs))
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
        parser.error(_in_words_of_options(str(error)))


def _client(
    parser: argparse.ArgumentParser, url: str, settings: dict[str, Any]
) -> VideoTranslationClient:
    url = _checked_url(parser, url)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        try:
            client = VideoTranslationClient(url, **settings)
        except (TypeError, ValueError) as error:
            parser.error(_in_words_of_options(str(error)))
    for warning in caught:
        complain(f"warning: {_in_words_of_options(str(warning.message))}")
    return client


def _checked_url(parser: argparse.ArgumentParser, url: str) -> str:
    try:
        return arguments.base_url(url)
    except ValueError as error:
        if "@" not in url:
            parser.error(_in_words_of_options(str(error)))
        # The reason may quote a part of a password that is spelled wrongly.
        parser.error(
            "URL must be one such as 'http://127.0.0.1:5000'; in a user name or password, / ? # @"
            " and the like must be percent-encoded"
        )


def _value(text: str) -> Any:
    """Returns what an option's text means; for text without meaning, itself."""
    if text.lower() == "none":
        return None
    with contextlib.suppress(ValueError):
        return int(text)
    with contextlib.suppress(ValueError):
        return float(text)
    return text


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _in_words_of_options(message: str) -> str:
    """Returns a message of the client with its arguments named as on the command line."""
    names = "|".join(_PACING)
    message = re.sub(rf"\b({names})=", lambda match: f"{_option(match.group(1))} ", message)
    message = re.sub(rf"\b({names})\b", lambda match: _option(match.group()), message)
    message = re.sub(r"\bNone\b", "none", message)
    return message.replace("base_url", "URL").replace("job_id", "JOB_ID")
