"""Which service ``watch`` asks: one known by name, one of the user's own, or one by options.

One of the user's own is a ``Service`` in a module, found as by ``python -m``; nothing of the
installed package has to be edited for it.
"""

from __future__ import annotations

import sys
import traceback
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Sequence

from .. import services
from ..services._definition import Service, Words
from .wording import refused

if TYPE_CHECKING:
    import argparse
    from types import ModuleType

    from .parser import Parser

# What a service that options describe is called in messages and in histories.
_NAME = "own"

_WORDS = {
    "pending": "a status that it has while it is under way, beside the usual words; may be"
    " repeated, and '*' stands for any text",
    "completed": "likewise one that it has when it is completed",
    "error": "likewise one that it has when it has failed",
}


def add_service(parser: Parser) -> None:
    """Gives a parser the options."""
    parser.add_argument(
        "--service",
        metavar="NAME",
        help="a service that is known by name, such as heygen; its key comes from the"
        " environment, see below. Or MODULE:NAME, a Service of your own in a module such as"
        " acme.services, which is looked for in the current directory first",
    )
    group = parser.add_argument_group(
        "any other service", "How the service at URL is asked, and how it says how a job is."
    )
    group.add_argument(
        "--path",
        metavar="PATH",
        help="what follows URL, such as '/status?id={job_id}'; one without {job_id} is for the one"
        " unnamed job (default: /status/{job_id}, or /status)",
    )
    group.add_argument(
        "--status-field",
        metavar="FIELD",
        help="where in the JSON the status is, such as data.state, in JMESPath (default: result)",
    )
    for name, text in _WORDS.items():
        group.add_argument(f"--{name}", metavar="WORD", action="append", default=[], help=text)


def service_of(parser: Parser, given: argparse.Namespace) -> Service | None:
    """Returns the service that is meant, as the client takes it, or ends the process."""
    options = _options(given)
    if given.service is None:
        return _of_options(parser, given) if options else None
    if options:
        other = options[0].partition("=")[0]
        parser.error(f"argument {other}: not allowed with argument --service")
    module, colon, name = given.service.partition(":")
    if colon:
        return _imported(parser, module, name)
    try:
        return services.find(module)
    except ValueError as error:
        parser.error(f"{refused(error)}; or MODULE:NAME, a Service in a module")


def needs_url(service: Service | None) -> bool:
    """Says whether it is not known where the service stands."""
    return service is None or service.base_url is None


def check_job_ids(parser: Parser, given: argparse.Namespace, job_ids: Sequence[str | None]) -> None:
    """Ends the process where jobs have names for which ``--path`` has no place."""
    if given.path is not None and "{" not in given.path and job_ids != [None]:
        parser.error("argument --path: must hold {job_id}, as there is a JOB_ID")


def to_repeat(given: argparse.Namespace) -> list[str]:
    """Returns the options for a command that asks the same service."""
    return _options(given) if given.service is None else ["--service", given.service]


def _options(given: argparse.Namespace) -> list[str]:
    texts = {"path": given.path, "status-field": given.status_field}
    options = [f"--{name}={text}" for name, text in texts.items() if text is not None]
    return options + [f"--{name}={word}" for name in _WORDS for word in getattr(given, name)]


def _of_options(parser: Parser, given: argparse.Namespace) -> Service:
    """Returns the default service with what options say of it, or ends the process."""

    def changed(service: Service, options: str, **changes: Any) -> Service:
        try:
            return replace(service, **changes)
        except ValueError as error:
            parser.error(f"argument {options}: {error}")

    service = replace(services.default_service(), name=_NAME, batch=None)
    if given.path is not None:
        is_named = "{" in given.path
        named, unnamed = (given.path, None) if is_named else (service.path, given.path)
        service = changed(service, "--path", path=named, unnamed_path=unnamed)
    if given.status_field is not None:
        inside, dot, _ = given.status_field.rpartition(".")
        error = f"{inside}.error || error" if dot else service.error
        service = changed(service, "--status-field", status=given.status_field, error=error)
    try:
        return replace(service, words=_words(given))
    except ValueError as error:
        parser.error(f"argument {', '.join(map('--{}'.format, _WORDS))}: {error}")


def _words(given: argparse.Namespace) -> Words:
    """Returns the usual words, and those that options give, whose meaning goes before."""
    own = {name: [word.lower() for word in getattr(given, name)] for name in _WORDS}
    others = {word for words in own.values() for word in words}
    usual = {name: [word for word in getattr(Words(), name) if word not in others] for name in own}
    return Words(**{name: (*own[name], *usual[name]) for name in own})


def _imported(parser: Parser, name: str, attribute: str) -> Service:
    """Returns the ``Service`` of this name in a module, or ends the process."""
    where = f"argument --service: {name}:{attribute}"
    if not all(part.isidentifier() for part in [*name.split("."), attribute]):
        parser.error(f"{where} must be MODULE:NAME, such as acme.services:ACME")
    module = _module(parser, where, name)
    found = getattr(module, attribute, None)
    if found is None:
        known = [one for one, value in vars(module).items() if isinstance(value, Service)]
        parser.error(f"{where} is not there; {name} has {', '.join(known) or 'no Service at all'}")
    if not isinstance(found, Service):
        parser.error(f"{where} must be a Service, and is a {type(found).__name__}")
    return found


def _module(parser: Parser, where: str, name: str) -> ModuleType:
    here = str(Path.cwd())
    if not {"", here} & set(sys.path):
        sys.path.insert(0, here)  # as `python -m` has it, and the installed command has not
    try:
        return import_module(name)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - it is the user's code
        if isinstance(error, ModuleNotFoundError) and f"{name}.".startswith(f"{error.name}."):
            parser.error(
                f"{where}: there is no module {error.name}, neither in {here} nor installed"
            )
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = "" if isinstance(error, SyntaxError) else f" ({last.filename}, line {last.lineno})"
        said = "".join(traceback.format_exception_only(type(error), error)[-1:]).strip()
        parser.error(f"{where}: the import of {name} failed: {said}{place}")
