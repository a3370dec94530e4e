"""What gunicorn loads before it forks: a client, made and used in the master."""

import os

from video_translation_client import VideoTranslationClient, VideoTranslationError

client = VideoTranslationClient(os.environ["STATUS_URL"], None, None)
future = client.submit("master")


def app(environ, start_response):
    """Answers with the worker's process, how its copy of the future ended, and a status."""
    try:
        copy = future.result(0)
    except VideoTranslationError as error:
        copy = "fork" if "the process is a fork" in str(error) else repr(error)
    status = client.get_status(environ["PATH_INFO"][1:])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{os.getpid()} {copy} {status}".encode()]
