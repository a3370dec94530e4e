"""What holds a fork up until a thread has come to an end of something, and tells the child of it.

A forked child has none of its parent's threads, and all of their half-done work and taken locks.
"""

from __future__ import annotations

import abc
import os
import threading
import weakref

PATIENCE = 2.0
"""Seconds for which a fork should wait at most for a thread."""


class Forking(abc.ABC):
    """Something that hears of each fork of the process; it must be ready when it is made."""

    @abc.abstractmethod
    def before_fork(self) -> bool:
        """Comes to an end of what is under way, and begins nothing until ``after_fork``.

        Returns:
            Whether it has; if not, it hears no more of this fork.
        """

    @abc.abstractmethod
    def after_fork(self) -> None:
        """Goes on."""

    @abc.abstractmethod
    def after_fork_in_child(self) -> None:
        """Begins anew in the child."""


# Not a WeakSet, which can't be listed while another thread adds to it.
_known: dict[weakref.ref[Forking], None] = {}

# Protects the list of those that are held from another thread that forks meanwhile.
_forking = threading.Lock()
_held: list[Forking] = []


def watch(one: Forking) -> None:
    """Tells it of forks from now on, as long as somebody else keeps it alive."""
    _known[weakref.ref(one, _forget)] = None


def living() -> list[Forking]:
    """Returns all that are told."""
    known = [reference() for reference in list(_known)]
    return [one for one in known if one is not None]


def _forget(reference: weakref.ref[Forking]) -> None:
    _known.pop(reference, None)


def _before_fork() -> None:
    _forking.acquire()
    _held.extend(one for one in living() if one.before_fork())


def _in_parent() -> None:
    while _held:
        _held.pop().after_fork()
    _forking.release()


def _in_child() -> None:
    while _held:
        _held.pop().after_fork_in_child()
    _forking.release()


if hasattr(os, "register_at_fork"):  # pragma: no branch - elsewhere nothing forks
    os.register_at_fork(before=_before_fork, after_in_parent=_in_parent, after_in_child=_in_child)
