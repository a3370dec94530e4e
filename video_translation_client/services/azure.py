"""Azure AI Speech video translation; the job is a translation, and its id the caller's own.

As of November 2026, from learn.microsoft.com/en-us/rest/api/aiservices/videotranslation,
github.com/MicrosoftDocs/azure-ai-docs (video-translation/rest.md), whose samples ask every 3 to
5 seconds, and for the fields of a translation from samples/video-translation in
github.com/Azure-Samples/cognitive-services-speech-sdk.

Translation, iteration and operation have three ids of the caller's choice. To create a translation
translates nothing: that is what an iteration does. So what counts is how the latest iteration of
the translation stands, not the translation, and not the operation that has created it: both succeed
before anything is translated, and so a translation without an iteration counts as not started. An
operation knows neither of the other ids, and can't lead to the video; a translation has its URL.
"""

from ..strategy import ExponentialBackoff
from ._definition import Service, Words

SERVICE = Service(
    "azure",
    base_url="https://{region}.api.cognitive.microsoft.com/videotranslation",
    path="/translations/{job_id}?api-version=2025-05-20",
    headers=(("Ocp-Apim-Subscription-Key", "{api_key}"),),
    variables=(("api_key", "AZURE_SPEECH_KEY"), ("region", "AZURE_SPEECH_REGION")),
    status="latestIteration.status || (status == 'Succeeded' && 'NotStarted') || status",
    words=Words(("NotStarted", "Running"), ("Succeeded",), ("Failed", "Canceled")),
    result="latestIteration.result.translatedVideoFileUrl",
    downloads=(("captions", "latestIteration.result.targetLocaleSubtitleWebvttFileUrl"),),
    error="latestIteration.failureReason || failureReason",
    missing=(204, 404),
    strategy=ExponentialBackoff(initial_wait_time=5.0, backoff_factor=1.2),
    source="https://learn.microsoft.com/en-us/rest/api/aiservices/videotranslation",
)
