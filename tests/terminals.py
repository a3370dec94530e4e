"""Pseudo-terminals for tests of the command line."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
from typing import Any, Callable, Iterator

from conftest import PATIENCE, python_command


class Terminal:
    """A pseudo-terminal with a process in it, and what stands on its screen.

    It knows the commands that a display may use: line ends, carriage return, cursor up,
    erase line, and colours.
    """

    def __init__(
        self,
        *arguments: str,
        columns: int,
        rows: int,
        stdout: int | None = None,
        **variables: str,
    ) -> None:
        master, slave = pty.openpty()
        self._master: int | None = master
        self.resize(columns, rows)
        environment = {**os.environ, "TERM": "xterm-256color", **variables}
        for name in ("COLUMNS", "LINES"):
            environment.pop(name, None)
        self.process = subprocess.Popen(
            python_command(*arguments),
            stdin=slave,
            stdout=slave if stdout is None else stdout,
            stderr=slave,
            env=environment,
        )
        os.close(slave)
        self.drawn = self.plain = ""
        self._bytes = b""
        self._row = 0
        self.lines = [""]

    def resize(self, columns: int, rows: int) -> None:
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, size)

    def read_until(self, there: Callable[[], object]) -> None:
        """Reads what the process draws until ``there()``."""
        while not there():
            assert self._read(), self.drawn

    def end(self) -> int:
        """Reads all that is drawn until the process ends; returns its exit status."""
        while self._read():
            pass
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        if self._master is not None:
            os.close(self._master)
            self._master = None

    def _read(self) -> bool:
        ready, _, _ = select.select([self._master], [], [], PATIENCE)
        assert ready, self.drawn
        try:
            self._bytes += os.read(self._master, 65536)
        except OSError:  # Linux: no process holds the terminal any more
            return False
        text = self._bytes.decode(errors="ignore")
        left = self._bytes[len(text.encode()) :]
        whole = re.match(r"(?s)(.*?)(\x1b(\[[0-9;?]*)?)?\Z", text)
        assert whole is not None
        self._bytes = (whole.group(2) or "").encode() + left
        self.drawn += whole.group(1)
        self.plain = re.sub(r"\x1b\[[0-9;]*m", "", self.drawn)
        for piece in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|[\r\n]|[^\x1b\r\n]+", whole.group(1)):
            self._obey(piece)
        return True

    def _obey(self, piece: str) -> None:
        if piece == "\n":
            self._row += 1
            self.lines += [""] * (self._row + 1 - len(self.lines))
        elif piece.endswith("A") and piece.startswith("\x1b"):
            self._row -= int(piece[2:-1])
        elif piece == "\x1b[2K":
            self.lines[self._row] = ""
        elif not piece.startswith(("\x1b", "\r")):
            self.lines[self._row] += piece


@contextlib.contextmanager
def terminals() -> Iterator[Callable[..., Terminal]]:
    """Makes terminals with a process each, which it ends."""
    made: list[Terminal] = []

    def make(*arguments: str, columns: int = 100, rows: int = 30, **settings: Any) -> Terminal:
        made.append(Terminal(*arguments, columns=columns, rows=rows, **settings))
        return made[-1]

    try:
        yield make
    finally:
        for each in made:
            each.process.kill()
            each.process.wait()
            each.close()
