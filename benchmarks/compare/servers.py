"""The servers that are asked: nginx, which answers at once, and one that holds each answer.

Both stand on a free port of loopback, in processes of their own. What they have counted is read
over HTTP, so that nothing of it is the word of whom they are asked by.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Iterator, NamedTuple

HELP = """error: the benchmarks ask nginx, and there is none here
  Debian, Ubuntu:  sudo apt-get install nginx-light
  elsewhere:       any nginx with its stub_status module; it is found in PATH or /usr/sbin
It need not run, nor be set up: the benchmarks start one of their own on a free port."""

BATCH = "/v3/video-translations/statuses"
JOBS_OF_BATCH = 100

_CONFIGURATION = """
daemon off; master_process off; worker_processes 1;
pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
  uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
  keepalive_requests 100000000; keepalive_timeout 3600s; default_type application/json;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{ return 200 '{{"result":"pending"}}'; }}
    location = {batch} {{ alias {folder}/batch.json; }}
    location = /begun {{
      add_header Operation-Location http://127.0.0.1:{port}/status/job-0;
      return 200 '{{"result":"pending"}}';
    }}
    location = /counted {{ stub_status; }}
  }}
}}
"""


class Counts(NamedTuple):
    """What a server has counted so far: connections it accepted, requests it answered."""

    connections: int
    requests: int


class Nginx(NamedTuple):
    """A running nginx."""

    url: str

    def counts(self) -> Counts:
        """Returns what it has counted, this question included."""
        return counts(self.url)

    def since(self, before: Counts) -> Counts:
        """Returns what it has counted since then, without the question of now."""
        now = self.counts()
        return Counts(now.connections - before.connections - 1, now.requests - before.requests - 1)


class Slow(NamedTuple):
    """A running server that holds each answer; see slow_server.py."""

    url: str

    def told(self) -> dict[str, Any]:
        """Returns what it has counted and seen."""
        told: dict[str, Any] = json.loads(read(self.url, "/told"))
        return told


def counts(url: str) -> Counts:
    """Returns what the nginx there has counted, this question included."""
    text = read(url, "/counted").decode()
    accepted, _, requests = map(int, re.findall(r"\d+", text.split("requests")[1])[:3])
    return Counts(accepted, requests)


def read(url: str, path: str) -> bytes:
    """Returns the body of one answer, read on a connection of its own."""
    connection = http.client.HTTPConnection(url.split("//")[1], timeout=30)
    connection.request("GET", path, headers={"Connection": "close"})
    try:
        return connection.getresponse().read()
    finally:
        connection.close()


@contextlib.contextmanager
def nginx() -> Iterator[Nginx]:
    """Runs an nginx.

    Raises:
        SystemExit: There is none on this machine.
    """
    program = find_nginx()
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        jobs = [{"video_id": f"job-{n}", "status": "processing"} for n in range(JOBS_OF_BATCH)]
        Path(folder, "batch.json").write_text(json.dumps({"data": jobs}), encoding="ascii")
        text = _CONFIGURATION.format(folder=folder, port=port, batch=BATCH)
        Path(folder, "nginx.conf").write_text(text, encoding="ascii")
        command = [program, "-p", folder, "-c", f"{folder}/nginx.conf"]
        # Before it reads its configuration, nginx complains of a log that it may not write.
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            try:
                _wait_for(port, process)
                yield Nginx(f"http://127.0.0.1:{port}")
            finally:
                process.terminate()


@contextlib.contextmanager
def slow(milliseconds: float) -> Iterator[Slow]:
    """Runs a server that holds each answer for so long."""
    script = Path(__file__).with_name("slow_server.py")
    command = [sys.executable, str(script), str(milliseconds)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield Slow(process.stdout.readline().decode().strip())
        finally:
            process.stdin.close()


def find_nginx() -> str:
    """Returns the program, or ends this one with the way to get it."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        sys.exit(HELP)
    return program


def free_port() -> int:
    """Returns a port of loopback that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(250):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port)).close()
            return
        if process.poll() is not None:
            break
        time.sleep(0.02)
    sys.exit("error: nginx did not start; its stub_status module may be missing")
