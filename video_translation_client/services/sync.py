"""Sync.so lip sync, v2.

As of November 2026, from github.com/synchronicity-labs/sync-python-sdk and
sync.so/docs/api-reference/guides/rate-limits: 600 GET requests a minute.
Its webhooks are signed (``Sync-Signature: t=...,v1=...``), but by which hash is not known.
"""

from ._definition import Service, Words
from ._webhook import Webhook

SERVICE = Service(
    "sync",
    base_url="https://api.sync.so",
    path="/v2/generate/{job_id}",
    headers=(("x-api-key", "{api_key}"),),
    variables=(("api_key", "SYNC_API_KEY"),),
    words=Words(("PENDING", "PROCESSING"), ("COMPLETED",), ("FAILED", "REJECTED")),
    result="outputUrl",
    error="error",
    error_code="error_code || errorCode",
    max_rate=10.0,
    webhooks=(Webhook("id"),),
    source="https://sync.so/docs/api-reference/guides/rate-limits",
)
