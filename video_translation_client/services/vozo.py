"""Vozo translate and dub, v1.

As of November 2026, from www.vozo.ai/docs/api_reference/endpoints/translate_dub/get.
"""

from ._definition import Service, Words

SERVICE = Service(
    "vozo",
    base_url="https://api.vozo.ai",
    path="/v1/media/translate/{job_id}",
    headers=(("Authorization", "Bearer {api_key}"),),
    variables=(("api_key", "VOZO_API_KEY"),),
    words=Words(
        ("queuing", "preprocessing", "transcribing", "translating", "dubbing", "rendering"),
        ("done",),
        ("failed",),
    ),
    result="result.video_url",
    error="err_message",
    error_code="err_code",
    source="https://www.vozo.ai/docs/api_reference/endpoints/translate_dub/get",
)
