"""The command ``watch``: what can stand behind it, and what it is for."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from . import exit_status, own_service
from .exit_status import ExitStatus
from .following import submitted
from .interval import add_interval
from .keeping import add_account, add_store
from .learning import add_learning, hints, with_value
from .options import add_pacing
from .parser import KEYS, NAME, Parser
from .receiving import add_webhooks
from .targets import add_targets, parsed, url_and_job_ids
from .waiting import add_output, wait

if TYPE_CHECKING:
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
    add_output(parser)
    add_store(parser, "keep the waits in FILE, which is made, to resume them, see below")
    add_account(parser, "whose jobs they are, where FILE keeps those of several accounts")
    add_learning(parser)
    add_interval(add_pacing(parser))
    add_webhooks(parser)
    return parser


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
    waits_of = partial(submitted, job_ids=job_ids, **hints(given))
    return wait(parser, given, url, service, waits_of)


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

waits that are kept:
  With --store FILE, a wait stands in FILE before its first poll, and what is
  known of it follows; the key does not. After Ctrl-C, a crash or a restart,
    {NAME} resume --store FILE
  goes on with what the waits have left of attempts and time, and
    {NAME} waits --store FILE
  lists them. Processes share a FILE; a job of which one waits already is not
  polled for by another one.

{exit_status.describe()}

examples:
  {NAME} watch http://127.0.0.1:5000
  {NAME} watch http://127.0.0.1:5000 job-1 job-2 --max-wait-time 600
  {NAME} watch http://127.0.0.1:5000 --json - < job-ids.txt
  {NAME} watch --service heygen job-1 job-2
  {NAME} watch --learn --service heygen --group fast/de job-1 job-2
  {NAME} watch --service heygen --output-dir videos job-1 job-2
  {NAME} watch --service heygen --result job-1 | wget -i -
  {NAME} watch --service heygen --store waits.sqlite3 job-1 job-2
  {NAME} watch --service heygen --webhook-port 8080 \\
      --webhook-secret-env HEYGEN_WEBHOOK_SECRET job-1"""
