"""Azure AI Speech video translation; the job is an operation.

As of November 2026, from learn.microsoft.com/en-us/rest/api/aiservices/videotranslation and
github.com/MicrosoftDocs/azure-ai-docs (video-translation/rest.md), whose samples ask every 3 to
5 seconds. The result is the URL of the translation that has the operation's id; it wants the
same key and gives latestSucceededIteration.result.translatedVideoFileUrl.
"""

from ..strategy import ExponentialBackoff
from ._definition import Service, Words

SERVICE = Service(
    "azure",
    base_url="https://{region}.api.cognitive.microsoft.com/videotranslation",
    path="/operations/{job_id}?api-version=2025-05-20",
    headers=(("Ocp-Apim-Subscription-Key", "{api_key}"),),
    variables=(("api_key", "AZURE_SPEECH_KEY"), ("region", "AZURE_SPEECH_REGION")),
    words=Words(("NotStarted", "Running"), ("Succeeded",), ("Failed", "Canceled")),
    result_url="/translations/{job_id}?api-version=2025-05-20",
    error="failureReason",
    missing=(204, 404),
    strategy=ExponentialBackoff(initial_wait_time=5.0, backoff_factor=1.2),
    source="https://learn.microsoft.com/en-us/rest/api/aiservices/videotranslation",
)
