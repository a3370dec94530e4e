"""The command ``check``: one look at each job. It waits for none of them.

What a job is called and how it ended is written as ``watch`` writes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping, NamedTuple, Union

from .._base.arguments import ArgumentError
from ..errors import PollError, VideoTranslationError
from ..events import Ended
from ..status import Status, StatusReport
from . import exit_status, own_service
from .asking import client_of
from .board import COMPLETED, ERROR, PENDING, REJECTED
from .exit_status import ExitStatus
from .lines import as_json, line
from .options import add_pacing, as_seconds, given_pacing, setting
from .output import write_line
from .parser import KEYS, NAME, Parser
from .targets import add_targets, parsed, url_and_job_ids
from .wording import ended, refused

if TYPE_CHECKING:
    from ..client import VideoTranslationClient
    from .board import JobId
    from .parser import Commands

    Answer = Union[StatusReport, VideoTranslationError]

# The look itself failed: a job of this status may be in any other.
_UNKNOWN = "unknown"

_STATUSES = {
    COMPLETED: ExitStatus.COMPLETED,
    ERROR: ExitStatus.FAILED,
    REJECTED: ExitStatus.REJECTED,
    PENDING: ExitStatus.RUNNING,
    _UNKNOWN: ExitStatus.RUNNING,
}

_PACING = ("request_timeout", "max_concurrency", "max_rate")
_ABOUT = "With --service, the service's own limits hold where you give none."


def add_to(commands: Commands) -> Parser:
    """Gives the command its place in the help; returns its parser."""
    parser = commands.add_parser(
        "check",
        help="look at jobs once and tell how they are",
        usage=_USAGE,
        description="Asks a service once for each job, tells how it is, and waits for none.",
        epilog=_EPILOG,
    )
    add_targets(parser)
    own_service.add_service(parser)
    parser.add_argument("--json", action="store_true", help="write a JSON object a job, see below")
    parser.add_argument(
        *("-q", "--quiet"),
        action="store_true",
        help="nothing of jobs that are pending or completed",
    )
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        default="30",
        help="the longest look at all jobs together; what was not answered by then is unknown"
        " (default: 30)",
    )
    add_pacing(parser, _PACING, _ABOUT)
    return parser


def run(parser: Parser, words: list[str]) -> ExitStatus:
    """Runs the command with the words behind its name.

    Raises:
        OutputLostError: Standard output takes nothing more.
    """
    given, positional = parsed(parser, words)
    service = own_service.service_of(parser, given)
    needs_url = own_service.needs_url(service)
    url, job_ids = url_and_job_ids(parser, positional, needs_url=needs_url)
    own_service.check_job_ids(parser, given, job_ids)
    settings = {name: setting(name, text) for name, text in given_pacing(given).items()}
    client = client_of(parser, url, service=service, **settings)
    try:
        answers = _answers(client, job_ids, as_seconds(given.timeout))
    except ArgumentError as error:
        parser.error(refused(error))
    finally:
        client.shutdown(wait=False, cancel_futures=True)
    looks = [_look(job_id, answer) for job_id, answer in answers.items()]
    for look in looks:
        if not given.quiet or look.status not in (PENDING, COMPLETED):
            write_line(look.as_json() if given.json else look.as_line())
    return max(_STATUSES[look.status] for look in looks)


class _Look(NamedTuple):
    """What one look has told of a job."""

    job_id: JobId
    status: str
    progress: float | None = None
    result: Any = None
    reason: str | None = None

    def as_line(self) -> str:
        """Returns it for people."""
        shown = self.status == PENDING and self.progress is not None
        more = f"{self.progress:.0%}" if shown else self.reason
        return line(self.job_id, f"{self.status} ({more})" if more else self.status)

    def as_json(self) -> str:
        """Returns it for programs, in the words of ``watch --json``."""
        fields = {
            "job_id": self.job_id,
            "status": self.status,
            "progress": None if self.progress is None else round(self.progress, 4),
            "result": self.result,
            "error": self.reason,
            "done": _STATUSES[self.status] is not ExitStatus.RUNNING,
        }
        return as_json(fields)


def _answers(
    client: VideoTranslationClient, job_ids: list[JobId], timeout: Any
) -> Mapping[Any, Answer]:
    names = [job_id for job_id in job_ids if job_id is not None]
    if names:
        return client.check(names, timeout)
    client._endpoint.check_job_id(None)
    try:
        return {None: client._look(None, timeout)}
    except VideoTranslationError as error:
        return {None: error}


def _look(job_id: JobId, answer: Answer) -> _Look:
    if isinstance(answer, PollError):
        return _Look(job_id, _UNKNOWN, reason=answer.reason)
    if isinstance(answer, VideoTranslationError):
        end = Ended(job_id, "", Status.REJECTED, 1, 0.0, error=answer)
        return _Look(job_id, REJECTED, reason=ended(end))
    end = Ended(job_id, "", answer.status, 1, 0.0, answer)
    return _Look(job_id, answer.status.value, answer.progress, answer.result, ended(end))


_USAGE = """\
%(prog)s [OPTION ...] URL [JOB_ID ...]
       %(prog)s [OPTION ...] --service NAME JOB_ID ..."""

_EPILOG = f"""\
{KEYS}

output:
  A line for each job, in their order, with the local time:
    2026-11-28 09:30:00 job-1: pending (42%)
    2026-11-28 09:30:00 job-2: error ('codec unknown')
    2026-11-28 09:30:00 job-3: unknown (HTTP status 503)
  The statuses are pending, completed, error, rejected (the service refuses to
  tell, or knows no such job, as some do for moments after its start) and unknown
  (it could not be asked this time). Results, which are URLs that may open for
  anybody, are shown by --json alone.

  With --json an object a line for each job:
    job_id    the job, null if it has no name
    status    one of the words above
    progress  from 0 to 1, null where the service does not tell
    result    what the service gives of the finished job, or null
    error     why it is not completed or pending, or null
    done      whether no later look will tell anything else

{exit_status.describe_look()}

examples:
  {NAME} check --service heygen job-1 job-2
  {NAME} check http://127.0.0.1:5000 --json - < job-ids.txt"""
