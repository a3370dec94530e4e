"""Deepdub managed dub.

As of November 2026, from docs.deepdub.ai/managed-dub.openapi.json. Of its 27 words, five end a
job; PARKED_REQUEST and the like wait for a person, so a wait may take days.
"""

from ._definition import Service, Words

SERVICE = Service(
    "deepdub",
    base_url="https://dubbing.deepdub.app",
    path="/dubbing/job/{job_id}",
    headers=(("x-api-key", "{api_key}"),),
    variables=(("api_key", "DEEPDUB_API_KEY"),),
    words=Words(
        pending=("*",),
        completed=("DELIVERED_TO_CLIENT", "REDELIVERED_TO_CLIENT"),
        error=("INTAKE_FAILED", "FAILURE", "CLIENT_REFIX_REJECTED"),
    ),
    source="https://docs.deepdub.ai/managed-dub.openapi.json",
)
