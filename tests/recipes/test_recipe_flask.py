"""The recipe for Flask: one view that begins to wait, and one that shows how the job stands."""

from __future__ import annotations

import threading

import pytest
import requests
from conftest import PATIENCE, serving
from recipe_files import known_jobs, needs, recipe

needs("flask")

service = pytest.fixture(known_jobs)


@pytest.fixture
def app(service):
    """The names of the recipe's file, with its app served at `url`."""
    names = {"__name__": "app"}
    exec(compile(recipe("app.py"), "app.py", "exec"), names)
    with serving(names["app"]) as names["url"]:
        yield names
    names["client"].shutdown(cancel_futures=True)


def post(app, job_id):
    """The page that the browser is sent to, once the wait has ended."""
    ended = threading.Event()
    answer = requests.post(f"{app['url']}/jobs/{job_id}", timeout=PATIENCE)
    future = app["waits"].get(job_id)
    if future is not None:
        future.add_done_callback(lambda _: ended.set())
        assert ended.wait(PATIENCE)
    assert answer.status_code == 200
    return requests.get(f"{app['url']}/jobs/{job_id}", timeout=PATIENCE).text


def test_a_job_that_runs_has_its_progress_and_a_page_that_loads_itself_again(app):
    """A second submit attaches to the same wait."""
    answered = threading.Event()
    for _ in range(2):
        requests.post(f"{app['url']}/jobs/slow", timeout=PATIENCE)
    (future,) = app["waits"].values()
    future.add_update_callback(lambda _: answered.set())
    assert answered.wait(PATIENCE)
    page = requests.get(f"{app['url']}/jobs/slow", timeout=PATIENCE).text
    assert "slow: pending." in page
    assert '<progress value="0' in page
    assert "refresh" in page


@pytest.mark.parametrize(
    ("job_id", "text"),
    [
        ("quick", "quick: completed."),
        ("failing", "failing: error."),
        ("of-nobody", "of-nobody: rejected. http://"),
        ("<script>", "&lt;script&gt;: rejected."),
    ],
)
def test_an_end_is_shown_logged_and_forgotten(app, caplog, job_id, text):
    """A job that the service does not know too, and nothing that a browser would run."""
    page = post(app, job_id)
    assert text in page
    assert "refresh" not in page
    assert "<script>" not in page
    assert not app["waits"]
    assert [record.getMessage().split(".")[0] for record in caplog.records if record.name == "app"]


def test_a_job_of_another_process_is_shown_too(app):
    """As after a restart, or with several workers; it is not waited for here."""
    page = requests.get(f"{app['url']}/jobs/slow", timeout=PATIENCE).text
    assert "slow: pending." in page
    assert not app["waits"]
