"""The languages of eleven real services, as each documents its own.

Written by hand from their documentation of November 2026. They share nothing with the client's
presets, whose mistakes they are to show. What is called made up is not documented, but a mock
has to say something.
"""

from __future__ import annotations

from typing import Mapping

from .base import Language
from .camb import Camb, run_id
from .documented import Documented, Words
from .elevenlabs import ElevenLabs
from .heygen import HeyGen

LANGUAGES: Mapping[str, Language] = {
    "heygen": HeyGen(
        path="/v3/video-translations/{id}",
        headers={"x-api-key": ""},
        words=Words(("pending", "running"), "completed", "failed"),
        body=lambda job: {
            "data": {
                "status": job.word,
                "failure_message": job.error,
                "video_url": job.url("video.mp4"),
                "audio_url": job.url("audio.mp3"),
                "srt_caption_url": job.url("captions.srt"),
            }
        },
    ),
    "elevenlabs": ElevenLabs(
        path="/v1/dubbing/{id}",
        headers={"xi-api-key": ""},
        words=Words(("queued", "preparing", "dubbing"), "dubbed", "failed"),
        body=lambda job: {
            "dubbing_id": job.job_id,
            "status": job.word,
            "target_languages": ["es"],
            "error": job.error,
        },
    ),
    "azure": Documented(
        path="/translations/{id}",
        query={"api-version": "2025-05-20"},
        headers={"Ocp-Apim-Subscription-Key": ""},
        words=Words(("NotStarted", "Running"), "Succeeded", "Failed"),
        # The translation itself has been created; what is at work, or has failed, is its iteration.
        body=lambda job: {
            "id": job.job_id,
            "status": "Succeeded",
            "latestIteration": {
                "status": job.word,
                "failureReason": job.error,
                "result": {
                    "translatedVideoFileUrl": job.url("video.mp4"),
                    "targetLocaleSubtitleWebvttFileUrl": job.url("captions.vtt"),
                },
            },
        },
    ),
    "sync": Documented(
        path="/v2/generate/{id}",
        headers={"x-api-key": ""},
        words=Words(("PENDING", "PROCESSING"), "COMPLETED", "FAILED"),
        body=lambda job: {
            "status": job.word,
            "error": job.error,
            "error_code": job.error_code,
            "outputUrl": job.url("video.mp4"),
        },
    ),
    "synthesia": Documented(
        path="/v2/dubbing/{id}",
        headers={"Authorization": ""},
        words=Words(("uploading", "in_progress"), "complete", "error"),
        body=lambda job: {
            "status": job.word,
            "errorCode": job.error_code,
            "dubbedAssets": [{"status": job.case("IN_PROGRESS", "COMPLETE", "ERROR")}],
        },
    ),
    "murf": Documented(
        path="/v1/murfdub/jobs/{id}/status",
        headers={"api-key": ""},
        # COMPLETED alone is documented; the other two are made up.
        words=Words(("PROCESSING",), "COMPLETED", "FAILED"),
        body=lambda job: {
            "status": job.word,
            "failure_reason": job.error,
            "failure_code": job.error_code,
            "download_details": [{"download_url": job.url("video.mp4")}],
        },
    ),
    "deepdub": Documented(
        path="/dubbing/job/{id}",
        headers={"x-api-key": ""},
        # Those before the first delivery, in the documented order.
        words=Words(
            (
                *("INTAKE_PREPROCESSING", "INTAKE_VALIDATION", "INTAKE_APPROVED", "CASTING"),
                *("ADAPTGEN_START", "ADAPTGEN_MIDWAY", "READY_FOR_QC", "QC", "QC_IN_REVIEW"),
                *("ADAPTGEN_QC_FIX", "READY_FOR_DMX", "DMX_DONE", "READY_FOR_MIXING"),
                *("MIXING_IN_PROGRESS", "READY_FOR_MIX_QC", "MIX_QC_IN_PROGRESS"),
            ),
            "DELIVERED_TO_CLIENT",
            "INTAKE_FAILED",
        ),
        body=lambda job: {"status": job.word},
    ),
    "camb": Camb(
        path="/dub/{id}",
        headers={"x-api-key": ""},
        words=Words(("PENDING",), "SUCCESS", "ERROR"),
        body=lambda job: {
            "status": job.word,
            "run_id": job.case(None, run_id(job.job_id), None),
            "exception_reason": job.error,
            "message": job.error,
        },
    ),
    "vozo": Documented(
        path="/v1/media/translate/{id}",
        headers={"Authorization": "Bearer "},
        words=Words(
            ("queuing", "preprocessing", "transcribing", "translating", "dubbing", "rendering"),
            "done",
            "failed",
        ),
        body=lambda job: {
            "status": job.word,
            "err_message": job.error,
            "err_code": job.error_code,
            "result": {"video_url": job.url("video.mp4")},
        },
    ),
    "d-id": Documented(
        path="/translations/{id}",
        headers={"Authorization": "Basic "},
        words=Words(("created", "validating"), "done", "error"),
        body=lambda job: {"status": job.word, "result_url": job.url("video.mp4")},
    ),
    "adobe": Documented(
        path="/v1/status/{id}",
        headers={"Authorization": "Bearer ", "x-api-key": ""},
        words=Words(("pending", "running"), "succeeded", "failed"),
        body=lambda job: {"status": job.word},
    ),
}
"""By the name of the service."""
