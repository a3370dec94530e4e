"""Adobe Firefly services dubbing, v1.

As of November 2026, from
developer.adobe.com/audio-video-firefly-services/guides/TLS/get_result_quickstart. It wants an
access token and a client id; the names of their environment variables are this library's own.
"""

from ._definition import Service, Words

SERVICE = Service(
    "adobe",
    base_url="https://audio-video-api.adobe.io",
    path="/v1/status/{job_id}",
    headers=(("Authorization", "Bearer {api_key}"), ("x-api-key", "{client_id}")),
    variables=(("api_key", "ADOBE_ACCESS_TOKEN"), ("client_id", "ADOBE_CLIENT_ID")),
    words=Words(("pending", "running"), ("succeeded", "partially_succeeded"), ("failed",)),
    source=(
        "https://developer.adobe.com/audio-video-firefly-services/guides/TLS/get_result_quickstart"
    ),
)
