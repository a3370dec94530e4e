"""Waits with webhooks, from the mock service's end of a job to the future's, over real sockets."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import Any, Iterator

import pytest
import requests
from conftest import PATIENCE, serving

from video_translation_client import FixedInterval, StatusFuture, VideoTranslationClient
from video_translation_client.testing import Delivery, MockServer, VirtualClock
from video_translation_client.webhooks import receiver

SECRET = "whsec_0123456789"


class Scene:
    """A mock of HeyGen, a client at HeyGen's own pace, and a receiver that the mock calls."""

    def __init__(self, clock: VirtualClock, stack: ExitStack) -> None:
        self.clock = clock
        self.app: Any = None
        self.statuses: list[str] = []
        self.url = stack.enter_context(serving(self._serve))
        self.server = stack.enter_context(
            MockServer(
                service="heygen",
                webhook=self.url,
                webhook_secret=SECRET,
                duration=1200.0,
                clock=clock,
            )
        )
        self._stack = stack

    def _serve(self, environ: Any, start_response: Any) -> Any:
        def start(status: str, headers: Any) -> Any:
            self.statuses.append(status[:3])
            return start_response(status, headers)

        return self.app(environ, start)

    def client(self, secret: str | None = SECRET, **settings: Any) -> VideoTranslationClient:
        """Makes the client whose receiver is called from now on."""
        client = VideoTranslationClient(
            self.server.url,
            service="heygen",
            api_key="key",
            clock=self.clock,
            random=lambda: 0.0,
            **settings,
        )
        self._stack.callback(client.shutdown, cancel_futures=True)
        self.app = receiver(client, secret)
        return client

    def call(self, job_id: str = "job-1") -> None:
        """Calls as a stranger would."""
        body = {"event_type": "x", "event_data": {"video_translate_id": job_id}}
        with requests.Session() as session:
            session.post(self.url, json.dumps(body), timeout=PATIENCE)

    def polls(self, job_id: str = "job-1") -> list[float]:
        """When a job was asked for."""
        return [one.time for one in self.server.requests if job_id in one.job_ids]


@pytest.fixture
def scene(clock: VirtualClock) -> Iterator[Scene]:
    """A scene that ends with its test."""
    with ExitStack() as stack:
        yield Scene(clock, stack)


def submit_held(scene: Scene, client: VideoTranslationClient, **settings: Any) -> StatusFuture:
    """Submits a job on a clock that is held, and waits for its first poll."""
    future = client.submit("job-1", **settings)
    scene.clock.advance(0)
    assert scene.polls() == [0]
    return future


@pytest.mark.parametrize(
    ("duration", "polls"),
    [(300.0, [0, 300]), (1200.0, [0, 900, 1200]), (1795.0, [0, 900, 1795])],
)
def test_rare_polls_are_enough(scene: Scene, duration: float, polls: list[float]) -> None:
    """A job of up to half an hour takes three polls, the last one right after the webhook."""
    scene.server.job("job-1", duration=duration)
    client = scene.client(strategy=FixedInterval(900.0))
    assert client.get_status("job-1") == "completed"
    assert scene.polls() == polls
    assert scene.statuses == ["204"]


def test_own_pace(scene: Scene) -> None:
    """At HeyGen's own pace, a short job takes three, and none is seen later than its webhook."""
    scene.server.job("job-1", duration=45.0)
    client = scene.client()
    assert client.get_status("job-1") == "completed"
    assert scene.polls() == [0, 30, 45]
    scene.server.job("job-2", duration=1230.0, outcome="error")
    assert client.get_status("job-2") == "error"
    assert scene.polls("job-2")[-2:] == [45 + 1200, 45 + 1230]


@pytest.mark.parametrize("webhooks", [(), (Delivery(after=5000),), (Delivery(forged=True),)])
def test_without_webhooks(scene: Scene, webhooks: Any) -> None:
    """Where none comes, in time or with a right signature, polls end the wait as ever."""
    scene.server.job("job-1", duration=1210.0, webhooks=webhooks)
    with scene.clock.paused():  # with nobody to wait, time would run on to the late one
        future = submit_held(scene, scene.client())
        scene.clock.advance(1300)
        assert future.result(0) == "completed"
    assert scene.polls()[-2:] == [1200, 1260]
    assert scene.statuses == (["401"] if webhooks == (Delivery(forged=True),) else [])


def test_claim_is_not_believed(scene: Scene) -> None:
    """A call that comes before the end, or tells of another, has the service asked, no more."""
    webhooks = (Delivery(after=-700), Delivery())
    scene.server.job("job-1", duration=1000.0, outcome="error", webhooks=webhooks)
    client = scene.client(strategy=FixedInterval(900.0))
    updates: list[str] = []
    future = client.submit("job-1", updates.append)
    assert future.result(PATIENCE) == "error"
    assert scene.polls() == [0, 300, 900, 1000]
    assert updates == ["pending", "pending", "pending", "error"]
    assert future.attempts == 2


def test_repeated_calls(scene: Scene) -> None:
    """The second call of a job that has ended costs nothing."""
    scene.server.job("job-1", webhooks=(Delivery(), Delivery(), Delivery(after=10)))
    client = scene.client(strategy=FixedInterval(900.0))
    with scene.clock.paused():
        future = submit_held(scene, client)
        scene.clock.advance(2000)
        assert future.result(PATIENCE) == "completed"
    assert scene.polls() == [0, 900, 1200]
    assert scene.statuses == ["204"] * 3


def test_many_jobs_out_of_order(scene: Scene) -> None:
    """Each call ends its own job's wait, whichever comes first."""
    for number in range(5):
        delivery = Delivery(after=100.0 - 20 * number)
        scene.server.job(f"job-{number}", duration=100.0 + number, webhooks=(delivery,))
    client = scene.client(strategy=FixedInterval(900.0), batch=False)
    futures = client.submit_all(f"job-{number}" for number in range(5))
    ended = [future.job_id for future in client.as_completed(futures, PATIENCE)]
    assert ended == [f"job-{number}" for number in (4, 3, 2, 1, 0)]
    assert [len(scene.polls(str(future.job_id))) for future in futures] == [2] * 5


def test_ten_forged_calls(scene: Scene) -> None:
    """They end no wait, though it has two attempts, even where nothing is signed."""
    for secret, status, most in ((SECRET, "401", 1), (None, "204", 10)):
        scene.server.job("job-1", duration=1200.0, webhooks=())
        client = scene.client(secret, strategy=FixedInterval(1300.0), max_attempts=2)
        before = len(scene.polls())
        with scene.clock.paused():
            future = client.submit("job-1")
            scene.clock.advance(0)
            for _ in range(10):
                scene.call()
                scene.clock.advance(1)
            assert not future.done()
            assert len(scene.polls()) - before <= 1 + most
            assert (future.attempts, set(scene.statuses)) == (1, {status})
        assert future.result(PATIENCE) == "completed"
        assert future.attempts == 2
        scene.statuses.clear()


def test_flood(scene: Scene) -> None:
    """However many calls there are, a job is asked for once a second, and others not at all."""
    client = scene.client(None, strategy=FixedInterval(900.0))
    with scene.clock.paused():
        future = submit_held(scene, client)
        scene.clock.advance(5)
        for _ in range(5):
            for _ in range(20):
                scene.call()
            scene.call("job-2")
            scene.clock.advance(0.5)
        scene.clock.advance(800)
        assert scene.polls() == [0, 5, 6, 7, 8]
        assert scene.polls("job-2") == []
        assert not future.done()
    assert set(scene.statuses) == {"204"}


def test_in_real_time() -> None:
    """Nothing but the webhook ends a wait whose next poll is an hour away."""
    apps: list[Any] = []

    def app(environ: Any, start_response: Any) -> Any:
        return apps[0](environ, start_response)

    with serving(app) as url, MockServer(
        service="heygen", webhook=url, webhook_secret=SECRET, duration=0.05
    ) as server, VideoTranslationClient(
        server.url, service="heygen", api_key="key", strategy=FixedInterval(3600.0)
    ) as client:
        apps.append(receiver(client, SECRET))
        assert client.submit("job-1").result(PATIENCE) == "completed"
        assert [request.job_ids for request in server.requests] == [("job-1",)] * 2


def test_after_shutdown(scene: Scene) -> None:
    """A call that comes once the client takes no more jobs is no trouble."""
    client = scene.client(None)
    client.shutdown()
    scene.call()
    assert scene.statuses == ["204"]
