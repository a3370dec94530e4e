"""The examples of README and docs run, each by itself, as a reader would run it."""

from __future__ import annotations

import fnmatch
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import PATIENCE, python_command

from video_translation_client.testing import MockServer

pytestmark = pytest.mark.one_python

ROOT = Path(__file__).parent.parent
# The recipes want other packages, and have tests of their own.
PAGES = [
    ROOT / "README.md",
    *(page for page in sorted((ROOT / "docs").glob("*.md")) if "recipes" not in page.name),
]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$(?:\n\n```text\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[Any]:
    """Every block in that language, and the output that the page shows right after it."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for block in BLOCK.finditer(text):
            if block.group(1) == language:
                line = text.count("\n", 0, block.start()) + 1
                name = f"{page.name}:{line}"
                found.append(pytest.param(block.group(2), block.group(3), id=name))
    return found


def commands() -> list[Any]:
    """Every command of the library in a console block; installing and exporting is not run."""
    return [
        pytest.param(line[len("$ ") :], id=f"{block.id}, {line}")
        for block in blocks("console")
        for line in block.values[0].splitlines()
        if line.startswith("$ video-translation-client ")
    ]


@pytest.mark.parametrize(("code", "output"), blocks("python"))
def test_every_python_example_runs(code, output, tmp_path):
    """As a file of its own, it succeeds, and prints what the page shows; `...` is any text."""
    for package in ("distributed", "opentelemetry", "prometheus_client"):  # others do without
        if package in code:
            pytest.importorskip(package)
    (tmp_path / "test_example.py").write_text(code, encoding="utf-8")
    runner = ["-m", "pytest", "-q", "-p", "no:cacheprovider"] if "\ndef test_" in code else []
    run = subprocess.run(
        python_command(*runner, "test_example.py"),
        cwd=str(tmp_path),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    if output is not None:
        # What comes first, of a log line and a printed one, is chance.
        logged = [line for line in output.splitlines() if _shows(line, run.stderr.splitlines())]
        printed = [line for line in output.splitlines() if line not in logged]
        assert len(logged) == len(run.stderr.splitlines()), run.stderr
        assert len(printed) == len(run.stdout.splitlines()), run.stdout
        for shown, line in zip(printed, run.stdout.splitlines()):
            assert _shows(shown, [line]), run.stdout


@pytest.mark.parametrize("command", commands())
def test_every_command_runs(command, tmp_path):
    """It succeeds, with a mock server in place of the one at port 5000 and of a known service."""
    (tmp_path / "job-ids.txt").write_text("job-1\njob-2\n")
    service = re.search(r"--service (\w+)", command)
    with MockServer(duration=0, result=b"film", service=service and service.group(1)) as server:
        command = command.replace("http://127.0.0.1:5000", server.url)
        command = re.sub(r"(--service \w+)", rf"\1 {server.url}", command)
        run = subprocess.run(
            ["bash", "-c", command],
            cwd=str(tmp_path),
            env=dict(
                os.environ,
                PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                HEYGEN_API_KEY="key-1",
            ),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
    assert run.returncode == 0, run.stdout


def test_there_are_examples_and_the_first_stands_on_the_first_screen():
    """Python by line 30, and README is short."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert readme.index("```python") < 30
    assert len(readme) <= 150
    assert len(blocks("python")) >= 15
    assert len(commands()) >= 10


def _shows(shown: str, lines: list[str]) -> bool:
    """Whether one of the lines is what a page shows, where `...` stands for any text."""
    pattern = shown.replace("[", "[[]").replace("...", "*")
    return any(fnmatch.fnmatchcase(line, pattern) for line in lines)
