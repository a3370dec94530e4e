"""Who polls for a wait: a process, and how another one finds out that it lives no more.

A process that is gone is seen at once, where both see the same processes. Otherwise, and where it
hangs, its owner counts as dead once its beat has stood still for a while by the clock of who looks:
no clock of the machine is compared with another's.
"""

from __future__ import annotations

import contextlib
import os
import platform
from pathlib import Path
from typing import NamedTuple


class Owner(NamedTuple):
    """A line of the file about a process that polls.

    Attributes:
        id: Its number there; none is given twice.
        place: Which processes it sees; two with the same place see each other.
        pid: The number of the process.
        started: What tells it from a later process with the same number, or empty.
        beat: A number that rises while it lives.
    """

    id: int
    place: str
    pid: int
    started: str
    beat: int


def here() -> tuple[str, int, str]:
    """Returns the place, the number and the mark of this process."""
    return _place(), os.getpid(), _started(os.getpid())


class Watch:
    """Tells which owners are dead, by what was seen of them before.

    Args:
        patience: Seconds for which a beat may stand still.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._place = _place()
        self._beats: dict[int, tuple[int, float]] = {}  # the latest beat, and since when

    def dead(self, owners: list[Owner], now: float) -> list[int]:
        """Returns which of the owners are dead.

        Args:
            owners: All that are in the file, but this process.
            now: Seconds by a monotonic clock.
        """
        seen = self._beats
        self._beats = {}
        for owner in owners:
            beat, since = seen.get(owner.id, (None, now))
            self._beats[owner.id] = (owner.beat, since if beat == owner.beat else now)
        return [owner.id for owner in owners if self._is_dead(owner, now)]

    def _is_dead(self, owner: Owner, now: float) -> bool:
        if owner.place == self._place and not _is_running(owner.pid, owner.started):
            return True
        if _is_before_reboot(owner.place, self._place):
            return True
        return now - self._beats[owner.id][1] >= self._patience


def _is_running(pid: int, started: str) -> bool:
    if os.name != "posix":  # pragma: no cover - there, os.kill ends processes
        return True
    with contextlib.suppress(PermissionError):  # somebody else's, so it is
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
    return _started(pid) == started


def _is_before_reboot(place: str, mine: str) -> bool:
    """Says whether a place is of this machine, by its name, and of an earlier boot of it."""
    name, boot, *_ = [*place.split(" "), ""]
    my_name, my_boot, *_ = mine.split(" ")
    return name == my_name and "" not in (boot, my_boot) and boot != my_boot


def _started(pid: int) -> str:
    # On Linux (proc(5), field 22); elsewhere a number that is taken anew looks alive until its
    # beat has stood still.
    started = ""
    with contextlib.suppress(OSError, IndexError):
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        state, *fields = text.rpartition(")")[2].split()
        started = "" if state == "Z" else fields[18]
    return started


def _place() -> str:
    """Returns the names of the machine, of its present boot, and of what a container may see."""
    boot = processes = ""
    with contextlib.suppress(OSError):  # no Linux
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        processes = os.readlink("/proc/self/ns/pid")
    return " ".join((platform.node().replace(" ", "-"), boot, processes))
