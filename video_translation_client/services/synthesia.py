"""Synthesia dubbing, v2.

As of November 2026, from docs.synthesia.io/reference/get-dubbing-project-status-and-videos:
60 to 120 reads a minute. How each language stands is in ``report.payload["dubbedAssets"]``.
"""

from ._definition import Service, Words

SERVICE = Service(
    "synthesia",
    base_url="https://api.synthesia.io",
    path="/v2/dubbing/{job_id}",
    headers=(("Authorization", "{api_key}"),),
    variables=(("api_key", "SYNTHESIA_API_KEY"),),
    words=Words(("uploading", "in_progress"), ("complete",), ("error",)),
    error="errorCode",
    error_code="errorCode",
    max_rate=1.0,
    source="https://docs.synthesia.io/reference/get-dubbing-project-status-and-videos",
)
