"""The command ``demo``: polls a service, or a mock server that it starts where none answers.

On this machine, that is also where something else answers, such as what macOS has on port 5000.
"""

from __future__ import annotations

import contextlib
import socket
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Iterator
from urllib.parse import urlsplit

import requests

from .._base import arguments
from ..client import VideoTranslationClient
from ..errors import PollError, RejectedError, VideoTranslationError
from ..status import Status
from .closing import masked
from .exit_status import ExitStatus
from .following import Follower, submitted
from .lines import live_or_lines
from .options import as_number
from .output import OutputLostError, complain, write_line
from .parser import NAME, Parser
from .wording import refused

if TYPE_CHECKING:
    from ..testing import MockServer
    from .parser import Commands

_URL = "http://127.0.0.1:5000"

# These bound the demonstration to 15 seconds: to connect, to look who answers, to poll.
_CONNECT_TIMEOUT = 2.0
_LOOK_TIMEOUT = 2.0
_MAX_WAIT_TIME = 10.0

# The least HTTP status that is no answer.
_FIRST_ERROR = 400

# Seconds that the mock server's jobs take: the one job, or from the first to the last of many.
_ONE_TAKES = 3.0
_MANY_TAKE = (0.5, 4.0)

_EXIT_STATUS = {
    Status.COMPLETED: ExitStatus.COMPLETED,
    Status.ERROR: ExitStatus.FAILED,
    Status.TIMEOUT: ExitStatus.RUNNING,
}


class UnavailableError(Exception):
    """There is nothing to poll; the message says why, and what to do."""


def add_to(commands: Commands) -> Parser:
    """Gives the command its place in the help; returns its parser."""
    parser = commands.add_parser(
        "demo",
        help="show it at work, with a mock server if need be",
        description="Polls the service at URL, or a mock server that it starts there.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "--url",
        default=_URL,
        help="where the service stands, or else the mock server is started; on a free port, where"
        " something else has this one (default: %(default)s)",
    )
    parser.add_argument("--jobs", default="1", metavar="N", help="how many (default: %(default)s)")
    return parser


def run(parser: Parser, words: list[str]) -> ExitStatus:
    """Runs the command with the words behind its name.

    Raises:
        OutputLostError: Standard output takes nothing more.
    """
    given = parser.parse_args(words)
    url = parser.checked_url(given.url)
    try:
        jobs = arguments.count("--jobs", as_number(given.jobs))
        VideoTranslationClient(url)  # which refuses what can't be polled
    except (TypeError, ValueError) as error:
        parser.error(refused(error))
    try:
        return _poll(url, jobs)
    except UnavailableError as error:
        complain(f"{parser.prog}: error: {error}")
        return ExitStatus.FAILED


def _poll(url: str, jobs: int) -> ExitStatus:
    """Polls the service for its one unnamed job, or for more that have names.

    Raises:
        UnavailableError: Nothing answers, and the mock server can't be started.
        OutputLostError: Standard output takes nothing more.
    """
    with _service(url, jobs) as server, requests.Session() as session:
        if server is not None:
            url = server.url
            session.trust_env = False  # a proxy would not find our own server
        follower = Follower(live_or_lines())
        client = VideoTranslationClient(
            url,
            max_attempts=None,
            max_wait_time=_MAX_WAIT_TIME,
            initial_wait_time=0.5,
            backoff_factor=1.5,
            jitter=0.1,
            max_interval=1.0,
            request_timeout=5.0,
            session=session,
            on_event=follower.hear,
        )
        if jobs == 1:
            return _poll_one(client)
        board = follower.follow(client, submitted(client, _names(jobs)))
    if server is not None and board.exit_status is ExitStatus.FAILED:
        return ExitStatus.COMPLETED  # as it was meant to be
    return board.exit_status


def _poll_one(client: VideoTranslationClient) -> ExitStatus:
    lost: list[OutputLostError] = []

    def show(status: Status) -> None:
        try:
            write_line(f"Status Updated: {status}")
        except OutputLostError as error:
            lost.append(error)
            client.shutdown(wait=False, cancel_futures=True)

    try:
        status = client.get_status(on_update=show)
    except RejectedError as error:
        complain(f"error: {error.reason}")
        return ExitStatus.REJECTED
    except CancelledError:
        raise lost[0] from lost[0].__cause__
    finally:
        client.shutdown(wait=False)
    write_line(f"Final Status: {status}")
    return _EXIT_STATUS[status]


@contextlib.contextmanager
def _service(url: str, jobs: int) -> Iterator[MockServer | None]:
    """Starts the mock server, and stops it at the end, unless a service answers already."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    told, place = f"Nothing answers at {masked(url)}", "there"
    problem = _silence(host, port)
    if problem is not None:
        _check_place(host, parts.scheme, problem)
    elif arguments.is_loopback(host) and parts.scheme == "http":
        problem, port = _strangeness(url, jobs), 0
        told, place = f"Something else answers at {masked(url)}, {problem}", "at {}"
    if problem is None:
        yield None
        return
    server = _mock_server(host, port, jobs, problem)
    try:
        server.start()
    except OSError as error:
        raise UnavailableError(
            f"the mock server can't listen on port {port} of {host}: {error.strerror or error}"
        ) from error
    try:
        complain(f"{told}, so the mock server was started {place.format(server.url)}.")
        yield server
    finally:
        server.stop()


def _silence(host: str, port: int) -> str | None:
    """Returns that, and why, nothing takes connections there; None: something does."""
    try:
        socket.create_connection((host, port), _CONNECT_TIMEOUT).close()
    except OSError as error:
        return f"nothing answers on port {port} of {host} ({error.strerror or error})"
    return None


def _strangeness(url: str, jobs: int) -> str | None:
    """Returns why what answers there is no service for these jobs; None: it may be one."""
    with VideoTranslationClient(url, max_attempts=1, request_timeout=_LOOK_TIMEOUT) as client:
        future = client.submit(None if jobs == 1 else _names(jobs)[0])
        error = future.exception() or future.last_error
    if not isinstance(error, VideoTranslationError):
        return None
    if (error.status_code or 0) < _FIRST_ERROR:
        return f"and what it says is no status of a job ({error.reason})"
    # One that fails in passing may be a service all the same.
    is_busy = isinstance(error, PollError)
    return None if is_busy else f"with HTTP status {error.status_code}"


def _check_place(host: str, scheme: str, problem: str) -> None:
    """Refuses to start the mock server where it can't stand."""
    if not arguments.is_loopback(host):
        raise UnavailableError(
            f"{problem}, and the mock server can only be started on this machine, as with"
            f" --url {_URL}"
        )
    if scheme != "http":
        raise UnavailableError(f"{problem}, and the mock server speaks no {scheme}")


def _mock_server(host: str, port: int, jobs: int, problem: str) -> MockServer:
    try:
        from ..testing import MockServer  # noqa: PLC0415 - needs the extra `testing`
    except ImportError as missing:
        package = str(missing.name).partition(".")[0]
        needs = f"the mock server needs the package {package}: pip install {package}"
        raise UnavailableError(f"{problem}, and {needs}") from None
    server = MockServer(host=host, port=port, duration=_ONE_TAKES, progress=jobs > 1)
    _script(server, jobs)
    return server


def _script(server: MockServer, jobs: int) -> None:
    """Gives jobs lengths that differ from neighbour to neighbour, and has two of them fail."""
    low, high = _MANY_TAKE
    for number, job_id in enumerate(_names(jobs)):
        share = number * 7 % jobs / max(1, jobs - 1)
        fails = jobs > 2 and number in (2, 12)
        server.job(
            job_id,
            duration=low + (high - low) * share,
            outcome="error" if fails else "completed",
        )


def _names(jobs: int) -> list[str]:
    return [f"job-{number:0{len(str(jobs))}}" for number in range(1, jobs + 1)]


_EPILOG = f"""\
It ends within 15 seconds. The exit status is that of watch, but 0 where jobs end
in error as they are meant to, and 1 where there is nothing to poll.

examples:
  {NAME} demo
  {NAME} demo --jobs 20"""
