"""What a client and the desk say to each other: what is to be written, with what, what follows."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any, Callable, Sequence

    from ._file import File


def nothing(*_: object) -> None:
    """Is what follows where nothing does."""


class Books(NamedTuple):
    """What a step writes with.

    Attributes:
        file: Within a transaction.
        change: The number of this change.
        owner: The number of the client whose step it is.
    """

    file: File
    change: int
    owner: int


class Step(NamedTuple):
    """Something to be written for a client, and what follows.

    Attributes:
        guest: The client.
        write: Does it, within a transaction.
        settle: Called with what that has returned, or with None where it can't be written; on the
            desk's thread, so it blocks for nobody and runs no code of a user's.
        is_kept: Whether it is written later where it can't be now; then ``settle`` waits, too.
        is_durable: Whether it is to outlive a crash of the machine, not of processes alone.
    """

    guest: Guest
    write: Callable[[Books], object]
    settle: Callable[[Any], object] = nothing
    is_kept: bool = False
    is_durable: bool = False


class Written(NamedTuple):
    """What a transaction has brought.

    Attributes:
        results: Of its steps.
        follow_ups: Of the looks.
        numbers: The clients, and which numbers they have.
        gone: How many of those that are gone were buried.
    """

    results: list[object]
    follow_ups: list[Callable[[], object]]
    numbers: dict[Guest, int]
    gone: int


class Guest(abc.ABC):
    """A client that keeps its waits in the file. All this happens on the desk's thread."""

    @abc.abstractmethod
    def gather(self) -> Sequence[Step]:
        """Returns what has come together since the last call: it is written before all else."""

    @abc.abstractmethod
    def reclaim(self, books: Books) -> Callable[[], object]:
        """Hears that it was taken for dead, and has a new number; before its steps are written.

        Returns:
            What follows once that is written.
        """

    @abc.abstractmethod
    def look(self, books: Books) -> Callable[[], object]:
        """Looks at what others have done, after all steps, and returns what follows likewise."""

    @abc.abstractmethod
    def go_alone(self) -> None:
        """Hears that the file can't be read or written now."""

    @abc.abstractmethod
    def begin_anew(self) -> None:
        """Forgets all, in a forked child."""
