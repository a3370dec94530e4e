"""What ``watch --output-dir`` does: the videos of completed jobs, a few at a time, into files.

Its threads write nothing of how that went: they tell, and whoever keeps the books listens.
"""

from __future__ import annotations

import os
import queue
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Callable, NamedTuple, Optional, Tuple

from ..errors import VideoTranslationError
from .parser import Parser

if TYPE_CHECKING:
    import argparse

    from ..client import VideoTranslationClient
    from ..future import StatusFuture

_OPTION = "--output-dir"
_AT_ONCE = 4

# Seconds for downloads that Ctrl-C has ended to clean up.
_CLEAN_UP = 1.0


class Saved(NamedTuple):
    """What became of the videos of a job.

    Attributes:
        paths: Where they are.
        problem: Why one of them is not there, or None.
        is_final: Whether trying again would change nothing, as the service gives no URL of any.
    """

    paths: tuple[str, ...]
    problem: str | None
    is_final: bool = False


Then = Callable[[Saved], None]
Task = Optional[Tuple["StatusFuture", Then]]


class Saver:
    """Downloads in threads of its own; any thread may use it.

    Args:
        client: Has waited for the jobs.
        directory: Where the files go.
    """

    def __init__(self, client: VideoTranslationClient, directory: str) -> None:
        self._client, self._directory = client, Path(directory)
        self._tasks: queue.SimpleQueue[Task] = queue.SimpleQueue()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(_AT_ONCE)]
        for thread in self._threads:
            thread.start()

    def save(self, future: StatusFuture, then: Then) -> None:
        """Downloads the videos of a completed job, and calls ``then`` with what became of them."""
        self._tasks.put((future, then))

    def stop(self) -> None:
        """Waits until those under way have ended, as the shutdown of the client makes them."""
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            thread.join(_CLEAN_UP / _AT_ONCE)

    def _work(self) -> None:
        for future, then in iter(self._tasks.get, None):
            then(self._saved(future))

    def _saved(self, future: StatusFuture) -> Saved:
        paths: list[str] = []
        problem, is_final = None, False
        try:
            names = self._client.downloads(future)
            wanted = [name for name in names if name.startswith("video")]
            if not wanted:  # and this call says so
                is_final, wanted = True, ["video"]
            paths += [
                os.fspath(self._client.download(future, self._directory, which)) for which in wanted
            ]
        except VideoTranslationError as error:
            problem = error.reason
        except OSError as error:
            problem = f"a file can't be written: {error}"
        return Saved(tuple(paths), problem, is_final)


def add_output_dir(parser: Parser) -> None:
    """Gives a parser the option."""
    parser.add_argument(
        _OPTION,
        metavar="DIR",
        help="download the video of each completed job into DIR, which is made; the name is"
        " that of the job, and a file of that name is replaced",
    )


def saver(
    parser: Parser, given: argparse.Namespace, client: VideoTranslationClient
) -> Saver | None:
    """Returns what downloads, or None if nothing is to be downloaded."""
    if given.output_dir is None:
        return None
    try:
        Path(given.output_dir).mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        parser.error(f"argument {_OPTION}: {error}")
    return Saver(client, given.output_dir)


def to_repeat(given: argparse.Namespace) -> list[str]:
    """Returns the words that do the same once more."""
    return [] if given.output_dir is None else [_OPTION, given.output_dir]
