"""Murf dub, v1.

As of November 2026, from github.com/murf-ai/murf-python-sdk and
murf.ai/api/docs/capabilities/dubbing. The status is free text, of which COMPLETED is shown, and
failed and partially completed are told of; the result is a list of URLs, one a language.
"""

from ._definition import Service, Words
from ._webhook import Webhook

SERVICE = Service(
    "murf",
    base_url="https://api.murf.ai",
    path="/v1/murfdub/jobs/{job_id}/status",
    headers=(("api-key", "{api_key}"),),
    variables=(("api_key", "MURF_DUB_API_KEY"),),
    words=Words((), ("COMPLETED", "partially?completed"), ("FAILED",)),
    result="download_details[].download_url",
    error="failure_reason",
    error_code="failure_code",
    webhooks=(
        Webhook(
            "data.job_id",
            "X-HMAC-Signature",
            signed="{body}.{timestamp}",
            timestamp="X-Signature-Timestamp",
            unit="milliseconds",
        ),
    ),
    source="https://murf.ai/api/docs/capabilities/dubbing",
)
