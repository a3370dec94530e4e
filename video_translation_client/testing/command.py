"""The command line of the mock server.

It turns options into a ``MockServer`` and keeps it up until a signal ends it. All values are
checked by the server itself, and all defaults but the port are its own.
"""

from __future__ import annotations

import argparse
import inspect
import itertools
import queue
import signal
import sys
from typing import TYPE_CHECKING, Any, Callable, Sequence

from .. import __version__
from .._base import arguments, units
from .files import ResultFile
from .languages import LANGUAGES
from .script import JobScript
from .server import MockServer
from .service import MockService

if TYPE_CHECKING:
    Signals = queue.SimpleQueue[int]

# A server that runs for days must not remember everything it was ever asked.
_KEPT_REQUESTS = 1000
_KEPT_JOBS = 50_000


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a mock server until SIGINT or SIGTERM. Only for the main thread.

    Args:
        argv: The arguments of the command line without the program's name; None means those
            of this process.

    Returns:
        The exit code: 0 after a signal, 1 if the address can't be listened on.

    Raises:
        SystemExit: The options are wrong (2), or help was asked for (0).
    """
    parser = _parser()
    settings = vars(parser.parse_args(argv))
    jobs: dict[str | None, JobScript] = {}
    for job in itertools.chain(*settings.pop("job")):
        jobs.update(job)
    try:
        server = MockServer(
            jobs=jobs, keep_requests=_KEPT_REQUESTS, keep_jobs=_KEPT_JOBS, **settings
        )
    except ValueError as error:  # options that are right one by one, but not together
        parser.error(str(error))
    # A put() from a signal handler can't deadlock, unlike an Event's set().
    signals: Signals = queue.SimpleQueue()
    previous = {
        number: signal.signal(number, lambda number, _: signals.put(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        return _serve(server, signals)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _serve(server: MockServer, signals: Signals) -> int:
    try:
        server.start()
    except OSError as error:
        reason = error.strerror or error
        sys.stderr.write(f"Can't listen on port {server.port} of {server.host}: {reason}\n")
        return 1
    try:
        sys.stdout.write(
            f"Mock server listening on {server.url} (Ctrl-C ends it)\n"
            "Open it in a browser to watch its jobs and their polls\n"
        )
        sys.stdout.flush()
        if not arguments.is_loopback(server.host):
            sys.stderr.write(
                f"warning: other machines can reach it, as it listens on {server.host}; with"
                " --host 127.0.0.1 only this one can\n"
            )
            sys.stderr.flush()
        signals.get()
    finally:
        server.stop()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Runs a mock of a video translation service: GET /status answers"
        ' {"result": "pending"} for some seconds, then "completed" or "error".',
        allow_abbrev=False,
    )

    def option(name: str, metavar: str, convert: Callable[[str], Any], text: str) -> None:
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=_checked(name, metavar, convert),
            default=_DEFAULTS[name],
            metavar=metavar,
            help=text,
        )

    default = "(default: %(default)s)"
    option("host", "HOST", str, f"the address to listen on {default}")
    option("port", "PORT", int, f"the port; 0 for a free one {default}")
    parser.add_argument("-V", "--version", action="version", version=f"%(prog)s {__version__}")
    takes = f"how long a job takes, such as 5, 30m or 3m-6m {default}"
    option("duration", "SECONDS", _duration, takes)
    option("outcome", "WORD", str, "completed, error or random (default: completed)")
    option("error_rate", "RATE", float, "the chance from 0 to 1 of an error; makes outcomes random")
    option("fault_rate", "RATE", float, f"the chance of a bad answer, 0 to 1 {default}")
    option("latency", "SECONDS", units.seconds, f"how late every answer is {default}")
    option("seed", "NUMBER", int, "makes chance repeatable")
    option("service", "NAME", str, f"answer as this service does: {', '.join(LANGUAGES)}")
    webhook = "tell this URL of the ends of jobs, as the service does"
    parser.add_argument("--webhook", metavar="URL", help=webhook)
    parser.add_argument("--webhook-secret", metavar="TEXT", help="what to sign these calls with")
    parser.add_argument("--progress", action="store_true", help="tell the progress of jobs")
    parser.add_argument(
        "--result",
        action="store_const",
        const=ResultFile(),
        help="serve a file for each completed job, and tell its URL",
    )
    parser.add_argument("--strict", action="store_true", help="answer 404 for jobs not named here")
    parser.add_argument(
        "--job",
        type=_checked("jobs", "ID", lambda job_id: {job_id: JobScript()}),
        action="append",
        nargs="+",
        default=[],
        metavar="ID",
        help="a job that exists, for --strict; may be repeated",
    )
    return parser


def _checked(name: str, metavar: str, convert: Callable[[str], Any]) -> Callable[[str], Any]:
    """Returns a converter for argparse that lets the server itself check the value."""

    def checked(text: str) -> Any:
        try:
            value = convert(text)
        except ValueError as error:
            problem = str(error) if metavar == "SECONDS" else f"{text!r} is no {metavar}"
            raise argparse.ArgumentTypeError(problem) from None
        try:
            MockServer(**{name: value})
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None
        return value

    return checked


def _duration(text: str) -> float | tuple[float, float]:
    try:
        return units.seconds(text)
    except ValueError:
        low, dash, high = text.partition("-")
        if not dash:
            raise
        return units.seconds(low), units.seconds(high)


_DEFAULTS = {
    **{name: value.default for name, value in inspect.signature(MockService).parameters.items()},
    **{name: value.default for name, value in inspect.signature(MockServer).parameters.items()},
    "port": 5000,
}
