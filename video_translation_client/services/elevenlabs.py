"""ElevenLabs dubbing, v1.

As of November 2026, from github.com/elevenlabs/elevenlabs-python and
elevenlabs.io/docs/api-reference/dubbing/get. The result is a list of URLs, one a language, which
want the same key. The quickstart asks every 5 seconds.
"""

from ..strategy import ExponentialBackoff
from ._definition import Batch, Service, Words

SERVICE = Service(
    "elevenlabs",
    base_url="https://api.elevenlabs.io",
    path="/v1/dubbing/{job_id}",
    headers=(("xi-api-key", "{api_key}"),),
    variables=(("api_key", "ELEVENLABS_API_KEY"),),
    words=Words(("queued", "preparing", "dubbing"), ("dubbed",), ("failed",)),
    result="target_languages",
    result_url="/v1/dubbing/{job_id}/audio/{result}",
    error="error",
    strategy=ExponentialBackoff(initial_wait_time=5.0, backoff_factor=1.2),
    batch=Batch(
        "/v1/dubbing?page_size=200",
        limit=200,
        jobs="dubs",
        job_id="dubbing_id",
        next_cursor="next_cursor",
    ),
    source="https://elevenlabs.io/docs/api-reference/dubbing/get",
)
