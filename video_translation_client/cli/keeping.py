"""The file that keeps waits, as options of commands, and what stands in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Sequence

from .._base.arguments import ArgumentError

if TYPE_CHECKING:
    import argparse

    from ..store import StoredWait
    from .parser import Parser

_STORE, _ACCOUNT = "--store", "--account"


def add_store(parser: Parser, text: str, *, required: bool = False) -> None:
    """Gives a parser the option for the file.

    Args:
        parser: That of the command.
        text: What the file is for.
        required: Whether it does nothing without.
    """
    parser.add_argument(_STORE, metavar="FILE", required=required, help=text)


def add_account(parser: Parser, text: str) -> None:
    """Gives a parser the option for whose jobs they are."""
    parser.add_argument(_ACCOUNT, metavar="LABEL", help=text)


def settings(parser: Parser, given: argparse.Namespace) -> dict[str, Any]:
    """Returns the client's arguments that the options mean, or ends the process."""
    if given.store is None:
        if given.account is not None:
            parser.error(f"argument {_ACCOUNT}: only with {_STORE}")
        return {}
    return {"store": given.store, "account": given.account}


def to_repeat(given: argparse.Namespace) -> list[str]:
    """Returns the words that do the same once more."""
    options = {_STORE: given.store, _ACCOUNT: given.account}
    return [f"{name}={text}" for name, text in options.items() if text is not None]


def keeps(given: argparse.Namespace, job_ids: Sequence[str | None]) -> bool:
    """Says whether the file, if there is one, has waits for all of these jobs."""
    if given.store is None:
        return False
    from ..store import Store  # noqa: PLC0415 - only here

    try:
        waits = Store(given.store).waits()
    except (OSError, ArgumentError):
        return False
    here = {wait.job_id for wait in waits if wait.account == (given.account or "")}
    return here.issuperset(job_ids)


def kept(parser: Parser, path: str) -> list[StoredWait]:
    """Returns the waits in a file, the first that was submitted first, or ends the process."""
    from ..store import Store  # noqa: PLC0415 - only here

    if not Path(path).exists():
        parser.error(f"argument {_STORE}: there is no file {path}")
    try:
        return Store(path).waits()
    except ArgumentError as error:
        parser.error(f"{_STORE} {error.problem}")
    except OSError as error:
        parser.error(f"argument {_STORE}: {error}")
