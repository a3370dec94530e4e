"""HeyGen video translation, v3.

As of November 2026, from github.com/heygen-com/heygen-cli and /skills, and developers.heygen.com
(usage limits, error codes). Jobs take 5 to 30 minutes. Result URLs are presigned: asking again
renews them. One job is asked every 30 s in its first 3 minutes, and then every 60 s, never oftener
(skills, heygen-translate/references/troubleshooting.md: "Polling cadence").

The statuses request also takes ``batch_ids``. Such an id is of no job, but of many that were begun
together; ``GET /v3/video-translations/batches/{id}`` lists their own (``video_id``): submit these.

Registered endpoints get ``video_translate.success`` and ``.fail``, and any others that they are
registered for, which name no such job. Older ones have the second signature. The timestamp is not
signed. What is called at a job's ``callback_url`` is not signed at all.
"""

from ..strategy import Stages
from ._definition import Batch, Service, Words
from ._webhook import Webhook

SERVICE = Service(
    "heygen",
    base_url="https://api.heygen.com",
    path="/v3/video-translations/{job_id}",
    headers=(("x-api-key", "{api_key}"),),
    variables=(("api_key", "HEYGEN_API_KEY"),),
    status="data.status",
    words=Words(pending=("pending", "running"), completed=("completed",), error=("failed",)),
    result="data.video_url",
    downloads=(("audio", "data.audio_url"), ("captions", "data.srt_caption_url")),
    result_delay=30.0,
    error="data.failure_message",
    failure="error.message",
    failure_code="error.code",
    missing=(404, "*not_found*"),
    strategy=Stages(((0.0, 30.0), (180.0, 60.0))),
    min_interval=30.0,
    batch=Batch(
        "/v3/video-translations/statuses?video_translation_ids={job_ids}",
        limit=100,
        jobs="data",
        job_id="video_id",
        words=Words(("queued", "processing"), ("completed",), ("failed",), ("not_found",)),
    ),
    webhooks=(
        Webhook("event_data.video_translate_id", "Heygen-Signature", timestamp="Heygen-Timestamp"),
        Webhook("event_data.video_translate_id", "Signature"),
    ),
    source="https://developers.heygen.com/docs/usage-limits",
)
