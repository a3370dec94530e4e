"""What the tests of recipes share: the files of docs/recipes.md, and a service."""

from __future__ import annotations

import importlib
import os
import re
import threading
import time
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from conftest import PATIENCE

from video_translation_client.testing import MockServer

PAGE = Path(__file__).parents[2] / "docs" / "recipes.md"
FILE = re.compile(r"^```python\n# (\S+)\n.*?(?=^```$)", re.MULTILINE | re.DOTALL)


def needs(*libraries: str) -> None:
    """Skips the rest of a test file where a library is missing, but not in tox's own environment.

    The libraries of the recipes are many, so only that environment has them.
    """
    for library in libraries:
        if os.environ.get("TOX_ENV_NAME") == "recipes":
            importlib.import_module(library)
        else:
            reason = f"a recipe wants {library}: tox -e recipes"
            pytest.importorskip(library, reason=reason)


def recipe(name: str) -> str:
    """The file of that name in the page."""
    text = PAGE.read_text(encoding="utf-8")
    (found,) = [match.group() for match in FILE.finditer(text) if match.group(1) == name]
    return found[len("```python\n") :]


def write(name: str, folder: Path) -> Path:
    """Writes the file of that name in the page into a folder."""
    path = folder / name
    path.write_text(recipe(name), encoding="utf-8")
    return path


def known_jobs(monkeypatch: pytest.MonkeyPatch) -> Iterator[MockServer]:
    """A fixture: where recipes find the service, with `quick`, `slow` and `failing` alone."""
    jobs: dict[str, dict[str, Any]] = {
        "quick": {"duration": 0},
        "slow": {"duration": 3600, "progress": True},
        "failing": {"duration": 0, "outcome": "error"},
    }
    with MockServer(strict=True) as server:
        for job_id, script in jobs.items():
            server.job(job_id, **script)
        monkeypatch.setenv("TRANSLATION_URL", server.url)
        yield server


def until(is_so: Callable[[], Any]) -> None:
    """Waits for what another process does, and tells of in a file, a page or the like."""
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline, "it should have happened long before"
        threading.Event().wait(0.02)
