"""The command ``resume``: goes on with the waits that a file keeps and no living process has."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .. import services
from .._http.endpoint import without_credentials
from . import exit_status, own_service
from .exit_status import ExitStatus
from .following import Waits
from .interval import add_interval
from .keeping import add_account, add_store, kept
from .learning import add_learning, with_value
from .options import LIMITS, PACING, add_pacing
from .output import complain
from .parser import KEYS, NAME, Parser
from .receiving import add_webhooks
from .waiting import add_output, wait

if TYPE_CHECKING:
    import argparse

    from ..client import VideoTranslationClient
    from ..future import StatusFuture
    from ..services._definition import Service
    from ..store import StoredWait
    from .following import Later
    from .parser import Commands


class Whose(NamedTuple):
    """What the waits that one client resumes have in common.

    Attributes:
        service: The name of the service.
        base_url: Where it stands, without credentials.
        account: Whose jobs they are; mostly empty.
    """

    service: str
    base_url: str
    account: str

    def __str__(self) -> str:
        account = f", account {self.account}" if self.account else ""
        return f"{self.service} at {self.base_url}{account}"


def add_to(commands: Commands) -> Parser:
    """Gives the command its place in the help; returns its parser."""
    parser = commands.add_parser(
        "resume",
        help="go on with the waits that a file keeps",
        usage="%(prog)s [OPTION ...] --store FILE [URL]",
        description=_DESCRIPTION,
        epilog=_EPILOG,
    )
    add_store(parser, "the file, as for watch", required=True)
    parser.add_argument(
        "url",
        metavar="URL",
        nargs="?",
        help="where the service of the waits stands. It is needed, as --service and --account are,"
        " where the file keeps waits of several; without, it is what the file says",
    )
    own_service.add_service(parser)
    add_account(parser, "whose waits to go on with (default: those of the one there is)")
    add_output(parser)
    add_learning(parser, of_jobs=False)
    add_interval(add_pacing(parser, [name for name in PACING if name not in LIMITS]))
    add_webhooks(parser)
    return parser


def run(parser: Parser, words: list[str]) -> ExitStatus:
    """Runs the command with the words behind its name.

    Raises:
        OutputLostError: Standard output takes nothing more.
    """
    given = parser.parse_args(with_value(words))
    service = own_service.service_of(parser, given)
    url = None if given.url is None else parser.checked_url(given.url)
    waits = kept(parser, given.store)
    whose = _whose(parser, given, service, url, waits)
    if whose is None:
        complain(f"Nothing waits in {given.store}.")
        return ExitStatus.COMPLETED
    given.account = whose.account or None
    if service is None:
        service = _named(parser, given, whose)
    if url is None and (service is None or service.base_url != whose.base_url):
        url = whose.base_url
    elsewhere = [wait for wait in waits if whose_is(wait) == whose and wait.is_waited_for]
    if elsewhere:
        complain(f"{_jobs(len(elsewhere))} waited for by another process, and left to it.")
    status = wait(parser, given, url, service, _resumed)
    return max(status, ExitStatus.RUNNING) if elsewhere else status


def _resumed(client: VideoTranslationClient) -> Waits:
    def begin(later: Later) -> list[StatusFuture]:
        return [*client.resume(later).values()]

    return Waits((), begin)


def whose_is(wait: StoredWait) -> Whose:
    """Returns what a wait has in common with others."""
    return Whose(wait.service, wait.base_url, wait.account)


def _whose(
    parser: Parser,
    given: argparse.Namespace,
    service: Service | None,
    url: str | None,
    waits: list[StoredWait],
) -> Whose | None:
    """Returns which waits are meant, None where there are none, or ends the process."""
    wanted = (
        None if service is None else service.name,
        None if url is None else without_credentials(url),
        given.account,
    )
    found = [
        whose
        for whose in dict.fromkeys(map(whose_is, waits))
        if all(want in (None, have) for want, have in zip(wanted, whose))
    ]
    if len(found) > 1:
        parser.error(
            f"{given.store} keeps waits of {'; '.join(map(str, found))}: say which with --service,"
            " URL or --account"
        )
    if waits and not found:
        there = "; ".join(map(str, dict.fromkeys(map(whose_is, waits))))
        parser.error(f"{given.store} keeps no such waits, but those of {there}")
    return found[0] if found else None


def _named(parser: Parser, given: argparse.Namespace, whose: Whose) -> Service | None:
    """Returns the service that a file names, as the client takes it, or ends the process."""
    if whose.service == services.default_service().name:
        return None
    if whose.service not in services.NAMES:
        parser.error(
            f"{given.store} keeps waits of {whose}, which is not known by name: say how it is"
            " asked, with --service MODULE:NAME or the options for any other service, as before"
        )
    given.service = whose.service
    return services.find(whose.service)


def _jobs(count: int) -> str:
    return "1 job is" if count == 1 else f"{count:,} jobs are"


_DESCRIPTION = """\
Goes on with the waits that a file keeps and that no other process has, and
tells how their jobs go, as watch does; of ends, too, that nobody was told of.
A wait has its limits still, and what it has left of them; the pace is that of
the options here."""

_EPILOG = f"""\
{KEYS}
  The file has no key in it.

output:
  As that of watch: see {NAME} watch --help

{exit_status.describe()}
Waits that another process has are left to it, and the exit status is 4 then, too.

examples:
  {NAME} resume --store waits.sqlite3
  {NAME} resume --store waits.sqlite3 --service heygen --json"""
