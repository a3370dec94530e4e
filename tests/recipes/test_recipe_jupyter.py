"""The recipe for Jupyter: two cells, in a real kernel."""

from __future__ import annotations

import contextlib
import re
import time

import pytest
from conftest import PATIENCE
from recipe_files import known_jobs, needs, recipe

needs("ipykernel", "nbclient")

service = pytest.fixture(known_jobs)


@pytest.fixture
def kernel(service, tmp_path, monkeypatch):
    """A kernel and what talks to it."""
    from jupyter_client import KernelManager  # comes with nbclient

    for name in ("JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "JUPYTER_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path))
    manager = KernelManager()
    manager.start_kernel()
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=PATIENCE)
        yield manager, client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()


def ran(client, code, until=None):
    """Runs a cell; returns the kernel's reply, and what the cell has shown last.

    With ``until``, the reply is that after ``interrupt``, sent once so much is shown.
    """
    text, interrupt = until or (None, None)
    request, shown, deadline = client.execute(code), "", time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        message = client.get_iopub_msg(timeout=PATIENCE)
        if message["parent_header"].get("msg_id") != request:
            continue
        content = message["content"]
        with contextlib.suppress(KeyError):
            shown = content["data"]["text/plain"]
        if text is not None and text in shown:
            interrupt()
            text = None
        if content.get("execution_state") == "idle":
            return client.get_shell_msg(timeout=PATIENCE)["content"], shown
    raise AssertionError(shown)


def test_the_cells_show_how_jobs_end(kernel, monkeypatch):
    """In one place that is drawn anew, until all have ended."""
    _, client = kernel
    ran(client, "import os; os.environ['JOB_IDS'] = 'quick failing'")
    assert ran(client, recipe("submit.py"))[0]["status"] == "ok"
    reply, shown = ran(client, recipe("progress.py"))
    assert reply["status"] == "ok"
    quick, failing = shown.splitlines()
    assert quick == "quick: completed"
    assert failing.startswith("failing: error the service reported 'error'")


def test_a_notebook_of_the_two_runs_by_itself(service, tmp_path, monkeypatch):
    """As nbconvert and others run one; a job that can't be asked for has its reason beside it."""
    import nbclient
    import nbformat  # comes with nbclient

    for name in ("JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "JUPYTER_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("JOB_IDS", "quick of-nobody")
    cells = [nbformat.v4.new_code_cell(recipe(name)) for name in ("submit.py", "progress.py")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(notebook, timeout=PATIENCE).execute()
    # The warning of the rejection is another output, of whichever cell ran then.
    (shown,) = [output["data"]["text/plain"] for output in cells[1].outputs if "data" in output]
    assert re.match(r"quick: completed\nof-nobody: rejected .* knows no such job", shown)


def test_an_interrupt_of_the_kernel_ends_the_cell_and_no_wait(kernel, service):
    """The client is as good as before."""
    manager, client = kernel
    ran(client, "import os; os.environ['JOB_IDS'] = 'slow'")
    ran(client, recipe("submit.py"))
    reply, shown = ran(
        client, recipe("progress.py"), until=("slow: pending 0%", manager.interrupt_kernel)
    )
    assert (reply["status"], reply["ename"]) == ("error", "KeyboardInterrupt")
    service.job("slow", duration=0)
    reply, _ = ran(client, "futures[0].poll_now()")
    assert reply["status"] == "ok"
    _, shown = ran(client, recipe("progress.py"))
    assert shown == "slow: completed"
    assert ran(client, "client.get_status('quick').value")[1] == "'completed'"
