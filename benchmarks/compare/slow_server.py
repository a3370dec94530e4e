"""A server that holds each answer for so many milliseconds, and notes when each poll arrives.

    python slow_server.py 20

It prints its URL and serves until standard input ends. A job whose name starts with ``due-`` is
told, in its answer, how many seconds to wait, and how late its next poll arrives is noted: from
the moment at which this answer was sent, so the way of both over the socket is part of it.
Other jobs are told an hour, and are answered at once. ``/told`` gives what was noted.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from typing import Any

HOUR = 3600.0
WAITS = (3.0, 5.0)  # seconds that a job of those is told to wait, at random


class Notes:
    """What the server has counted and seen."""

    def __init__(self) -> None:
        self.connections = 0
        self.requests = 0
        self.due: dict[bytes, float] = {}
        self.late: list[float] = []
        self.chance = random.Random(1)

    def told(self) -> dict[str, Any]:
        """Returns it as JSON can have it."""
        return {"connections": self.connections, "requests": self.requests, "late": self.late}


class Answering(asyncio.Protocol):
    """One connection; a client sends no request before it has the answer to the last."""

    def __init__(self, notes: Notes, hold: float) -> None:
        self._notes = notes
        self._hold = hold
        self._loop = asyncio.get_event_loop()

    def connection_made(self, transport: Any) -> None:
        """Counts it."""
        self._transport = transport
        self._read = b""
        self._notes.connections += 1

    def data_received(self, data: bytes) -> None:
        """Answers a request once it is complete."""
        self._read += data
        if not self._read.endswith(b"\r\n\r\n"):
            return
        path = self._read.split(b" ", 2)[1]
        self._read = b""
        if path == b"/told":
            self._send(self._notes.told())
            return
        self._notes.requests += 1
        if path.startswith(b"/status/due-"):
            self._note_arrival(path)
            self._loop.call_later(self._hold, self._send_due, path)
        elif path.startswith(b"/status/idle-"):
            self._send({"result": "pending", "wait": HOUR})
        else:
            self._loop.call_later(self._hold, self._send, {"result": "pending"})

    def _note_arrival(self, path: bytes) -> None:
        due = self._notes.due.pop(path, None)
        if due is not None:
            self._notes.late.append(self._loop.time() - due)

    def _send_due(self, path: bytes) -> None:
        wait = self._notes.chance.uniform(*WAITS)
        self._notes.due[path] = self._loop.time() + wait
        self._send({"result": "pending", "wait": wait})

    def _send(self, answer: dict[str, Any]) -> None:
        body = json.dumps(answer).encode()
        head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length:"
        self._transport.write(f"{head} {len(body)}\r\n\r\n".encode() + body)


async def serve(hold: float) -> None:
    """Serves until standard input ends."""
    loop = asyncio.get_event_loop()
    notes = Notes()
    server = await loop.create_server(lambda: Answering(notes, hold), "127.0.0.1", 0, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1]) / 1000))
