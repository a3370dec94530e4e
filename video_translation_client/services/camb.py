"""CAMB.AI dubbing.

As of November 2026, from docs.camb.ai/getting-started/tasks-and-runs, which asks for 2 to 5
seconds, then backoff, and github.com/Camb-ai/cambai-python-sdk. The result is a URL that wants
the same key and gives ``video_url``.
"""

from ..strategy import ExponentialBackoff
from ._definition import Service, Words

SERVICE = Service(
    "camb",
    base_url="https://client.camb.ai/apis",
    path="/dub/{job_id}",
    headers=(("x-api-key", "{api_key}"),),
    variables=(("api_key", "CAMB_API_KEY"),),
    words=Words(("PENDING",), ("SUCCESS",), ("ERROR", "TIMEOUT", "PAYMENT_REQUIRED")),
    result="run_id",
    result_url="/dub-result/{result}",
    downloads=(("video", "video_url"), ("audio", "audio_url")),
    result_gives_json=True,
    error="exception_reason || message",
    strategy=ExponentialBackoff(initial_wait_time=2.0, backoff_factor=1.5),
    source="https://docs.camb.ai/getting-started/tasks-and-runs",
)
