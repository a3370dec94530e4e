"""D-ID video translate.

As of November 2026, from docs.d-id.com/docs/video-translate-quickstart. Jobs take 1 to 5
minutes. ``ready`` is in the list of words, but not explained. The result URL lasts 24 hours;
asking again renews it.
"""

from ._definition import Service, Words

SERVICE = Service(
    "d-id",
    base_url="https://api.d-id.com",
    path="/translations/{job_id}",
    headers=(("Authorization", "Basic {api_key}"),),
    variables=(("api_key", "DID_API_KEY"),),
    words=Words(("created", "validating", "ready"), ("done",), ("error", "rejected")),
    result="result_url",
    source="https://docs.d-id.com/docs/video-translate-quickstart",
)
