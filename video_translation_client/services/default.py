"""The service without a name: ``GET /status`` -> ``{"result": "pending" | ...}``.

Its limits are the client's defaults, which README documents; its progress goes from 0 to 1.
"""

from . import MAX_ATTEMPTS, MAX_WAIT_TIME
from ._definition import Batch, Service, Words

SERVICE = Service(
    "default",
    path="/status/{job_id}",
    unnamed_path="/status",
    status="result",
    words=Words(("pending",), ("completed",), ("error",)),
    unknown_status="invalid",
    progress="progress",
    result="url",
    error="error",
    missing_delay=0.0,
    max_attempts=MAX_ATTEMPTS,
    max_wait_time=MAX_WAIT_TIME,
    batch=Batch("/status?ids={job_ids}", limit=100, jobs="results", status="@", window=0.5),
)
