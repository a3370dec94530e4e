"""The recipe for Flask: one view that begins to wait, one that shows how a job stands, webhooks."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import threading

import pytest
import requests
from conftest import PATIENCE, serving
from recipe_files import known_jobs, needs, recipe, until

needs("flask")

service = pytest.fixture(known_jobs)


SECRET = "whsec-1"


@contextlib.contextmanager
def running():
    """The names of the recipe's file, with its app served at `url`, as in a process of its own."""
    names = {"__name__": "app"}
    exec(compile(recipe("app.py"), "app.py", "exec"), names)
    with serving(names["app"]) as names["url"]:
        yield names
    names["client"].shutdown(cancel_futures=True)


@pytest.fixture
def app(service, tmp_path, monkeypatch):
    """One process that runs the app."""
    monkeypatch.setenv("WAITS", str(tmp_path / "waits.sqlite3"))
    monkeypatch.setenv("WEBHOOK_SECRET", SECRET)
    with running() as names:
        yield names


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


def begun(app, job_id):
    """The future of a job that the app has begun to wait for."""
    requests.post(f"{app['url']}/jobs/{job_id}", timeout=PATIENCE)
    return app["waits"][job_id]


def call(app, job_id, secret=SECRET):
    """Calls as the service does; returns the status."""
    body = f'{{"job_id": "{job_id}"}}'
    signature = hmac.new(secret.encode(), body.encode(), hashlib.sha256).hexdigest()
    headers = {"X-Signature": signature}
    url = f"{app['url']}/webhooks"
    return requests.post(url, body, headers=headers, timeout=PATIENCE).status_code


def test_a_webhook_has_the_job_asked_at_once_in_whichever_process_waits(app, service):
    """One that is forged changes nothing."""
    future = begun(app, "slow")
    with running() as other:
        service.job("slow", duration=0)
        assert call(other, "slow", secret="guessed") == 401
        assert call(other, "slow") == 204
        assert future.result(PATIENCE) == "completed"


def test_what_a_process_has_left_another_goes_on_with(app, service):
    """One that runs already, and one that is started later."""
    begun(app, "slow")
    with running() as other:
        app["client"].shutdown(cancel_futures=True)
        until(lambda: "slow" in other["waits"])
        other["client"].shutdown(cancel_futures=True)
    with running() as third:
        assert list(third["waits"]) == ["slow"]
        service.job("slow", duration=0)
        future = third["waits"]["slow"]
        future.poll_now()
        assert future.result(PATIENCE) == "completed"
