"""Files of finished jobs, from the mock server onto the disk."""

import contextlib
import os
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import PATIENCE, serving

from video_translation_client import (
    DownloadError,
    JobNotFoundError,
    Service,
    VideoTranslationClient,
)
from video_translation_client.testing import MockServer, ResultFile

CONTENT = os.urandom(300_000)


@pytest.fixture
def completed(server, make_client):
    """Makes futures that have completed, by what the URL of the result gives."""

    def make(result=CONTENT, job_id="job-1", **settings):
        server.job(job_id, duration=0, result=result)
        client = make_client(**settings)
        future = client.submit(job_id)
        future.result(PATIENCE)
        return client, future

    return make


def _downloads(server):
    return [request for request in server.requests if not request.polls]


def test_a_file_gets_the_name_of_its_job_in_a_directory(completed, tmp_path):
    """The path is returned once all of it is there, and nothing else is."""
    client, future = completed()
    path = client.download(future, tmp_path)
    assert path == tmp_path / "job-1.mp4"
    assert path.read_bytes() == CONTENT
    assert [*tmp_path.iterdir()] == [tmp_path / "job-1.mp4"]


def test_a_file_may_have_any_name(completed, tmp_path):
    """A path that is no directory is that of the file, as text or as a Path."""
    client, future = completed()
    assert client.download(future, tmp_path / "film") == tmp_path / "film"
    assert client.download(future, str(tmp_path / "film")).read_bytes() == CONTENT


def test_a_directory_is_made(completed, tmp_path):
    """Where the text ends in a slash, with those above it."""
    client, future = completed()
    path = client.download(future, f"{tmp_path}/a/b/")
    assert path == tmp_path / "a" / "b" / "job-1.mp4"


def test_a_file_that_is_there_is_replaced_by_a_whole_one(completed, tmp_path):
    """As curl and wget do with a name that they are given."""
    client, future = completed()
    target = tmp_path / "film.mp4"
    target.write_bytes(b"an earlier one, and longer" * 20_000)
    client.download(future, target)
    assert target.read_bytes() == CONTENT


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_file_has_the_permissions_of_any_other(completed, tmp_path):
    """Unlike a temporary file, which is for its owner alone."""
    client, future = completed()
    plain = tmp_path / "plain"
    plain.touch()
    path = client.download(future, tmp_path / "film.mp4")
    assert path.stat().st_mode == plain.stat().st_mode


def test_a_job_id_is_looked_at_once(server, make_client, tmp_path):
    """Without a future, the service is asked how the job stands, and then for the file."""
    server.job("job-1", duration=0, result=CONTENT)
    path = make_client().download("job-1", tmp_path)
    assert path.read_bytes() == CONTENT
    assert [len(request.polls) for request in server.requests] == [1, 0]


def test_the_unnamed_job_has_a_file_too(server, make_client, tmp_path):
    """It is called by what it is."""
    server.job(duration=0, result=CONTENT)
    assert make_client().download(None, tmp_path) == tmp_path / "video.mp4"


def test_a_job_that_is_not_known_says_so(make_client, tmp_path):
    """The error of the look at it is raised as it is."""
    with MockServer(strict=True) as server, pytest.raises(JobNotFoundError):
        make_client(server.url).download("job-1", tmp_path)


def test_a_job_that_runs_has_no_file(server, make_client, tmp_path):
    """The error says what to do; nothing is written."""
    server.job("job-1", duration=1e6, result=CONTENT)
    client = make_client(max_wait_time=5, max_attempts=None)
    with pytest.raises(DownloadError, match="its status is 'pending'; wait for it first"):
        client.download("job-1", tmp_path)
    future = client.submit("job-1")
    future.result(PATIENCE)
    with pytest.raises(DownloadError, match=r"its status is 'timeout' \(.*max_wait_time"):
        client.download(future, tmp_path)
    assert not any(tmp_path.iterdir())


def test_a_wait_that_goes_on_has_no_file(server, make_client, clock, tmp_path):
    """It is refused at once, and says what to do."""
    server.job("job-1", duration=1e6)
    client = make_client(max_wait_time=None, max_attempts=None)
    with clock.paused():
        future = client.submit("job-1")
        with pytest.raises(DownloadError, match=r"'pending'; wait for future.result\(\) first"):
            client.download(future, tmp_path)
        future.cancel()


def test_a_job_that_failed_has_no_file(server, make_client, tmp_path):
    """The service's reason is in the error, where it gives one."""
    server.job("job-1", duration=0, outcome="error")
    with pytest.raises(DownloadError, match="as its status is 'error'$"):
        make_client().download("job-1", tmp_path)


def test_a_result_without_a_url_has_no_file(server, make_client, tmp_path):
    """The error names the service."""
    server.job("job-1", duration=0)
    with pytest.raises(DownloadError, match="service 'default' gives no URL of its video"):
        make_client().download("job-1", tmp_path)


def test_a_url_that_has_expired_is_renewed(server, completed, clock, tmp_path):
    """The service is asked how the job stands, and tells another one."""
    client, future = completed(ResultFile(CONTENT, expires=60))
    clock.advance(61)
    assert client.download(future, tmp_path).read_bytes() == CONTENT
    codes = [request.code for request in server.requests]
    assert codes == [200, 403, 200, 200]


def test_a_url_is_renewed_once(server, completed, clock, tmp_path):
    """The second refusal is the last: it is not the age of the URL."""
    client, future = completed(ResultFile(CONTENT, needs_key=True))
    with pytest.raises(DownloadError, match="HTTP status 401") as caught:
        client.download(future, tmp_path)
    assert [request.code for request in server.requests] == [200, 401, 200, 401]
    assert caught.value.status_code == 401
    assert caught.value.job_id == "job-1"
    assert not any(tmp_path.iterdir())


def test_a_url_that_expires_in_the_middle_is_renewed(server, completed, clock, tmp_path):
    """Each URL that was good may be followed by another; what came is kept."""
    client, future = completed(ResultFile(CONTENT, expires=0.5, cut_off=2))
    assert client.download(future, tmp_path).read_bytes() == CONTENT
    codes = [request.code for request in _downloads(server)]
    assert codes == [200, 403, 206, 403, 206]


def test_no_fresh_url_is_to_be_had_after_the_shutdown(completed, clock, tmp_path):
    """One that is good still is used; for another, the error says why there is none."""
    client, future = completed(ResultFile(CONTENT, expires=60))
    client.shutdown()
    assert client.download(future, tmp_path).read_bytes() == CONTENT
    clock.advance(61)
    with pytest.raises(DownloadError, match="403, and no fresh URL could be had: cannot schedule"):
        client.download(future, tmp_path)


def test_a_fresh_url_that_the_service_refuses_is_told(make_client, provider, tmp_path):
    """With the reason of the refusal, and the error that was it as the cause."""
    with serving(provider) as url:
        provider.tell('{"result": "completed", "url": "/gone"}', (410, ""), (401, "{}"))
        client = make_client(url)
        future = client.submit("job-1")
        future.result(PATIENCE)
        with pytest.raises(DownloadError, match="410, and no fresh URL could be had: .* 401"):
            client.download(future, tmp_path)


def test_what_broke_off_goes_on_where_it_was(server, completed, tmp_path):
    """The rest is asked for, of the same version of the file."""
    client, future = completed(ResultFile(CONTENT, cut_off=2))
    assert client.download(future, tmp_path).read_bytes() == CONTENT
    asked = [request.headers.get("Range") for request in _downloads(server)]
    assert asked[0] is None
    assert len(asked) == 3
    assert asked[1].startswith("bytes=")
    assert asked[1] < asked[2]


def test_what_breaks_off_again_and_again_is_an_error(server, completed, tmp_path):
    """After as many attempts as are allowed; what was there before stays."""
    client, future = completed(ResultFile(CONTENT, cut_off=99))
    target = tmp_path / "film.mp4"
    target.write_bytes(b"an earlier one")
    with pytest.raises(DownloadError, match="its video could not be downloaded from http"):
        client.download(future, target, max_attempts=3)
    assert len(_downloads(server)) == 3
    assert [*tmp_path.iterdir()] == [tmp_path / "film.mp4"]
    assert target.read_bytes() == b"an earlier one"


def test_no_url_is_shown_whole(completed, caplog, tmp_path):
    """Its query is a secret: it is in no error, no pickle of it, and no line of the log."""
    client, future = completed(ResultFile(CONTENT, cut_off=99))
    caplog.set_level("INFO", "video_translation_client")
    with pytest.raises(DownloadError) as caught:
        client.download(future, tmp_path, max_attempts=2)
    error = caught.value
    assert error.url == future.report.result.partition("?")[0]
    assert "it is fetched again in 1 s" in caplog.text
    shown = [str(error), repr(error), caplog.text, str(pickle.dumps(error)), repr(error.__cause__)]
    assert not any("signature" in text or "expires" in text for text in shown)
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.url, copy.status_code) == (str(error), error.url, error.status_code)
    assert error.__context__ is None or error.__suppress_context__


def test_progress_is_told(completed, tmp_path):
    """From nothing to all, in the calling thread."""
    client, future = completed()
    told = []

    def progress(received, total):
        told.append((received, total, threading.get_ident()))

    client.download(future, tmp_path, on_progress=progress)
    assert told[0] == (0, len(CONTENT), threading.get_ident())
    assert told[-1] == (len(CONTENT), len(CONTENT), threading.get_ident())
    assert sorted(told) == told


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_what_progress_raises_ends_the_download(completed, tmp_path, error):
    """So does a Ctrl-C, and neither leaves anything behind."""
    client, future = completed()

    def progress(received, total):
        if received:
            raise error

    with pytest.raises(error):
        client.download(future, tmp_path, on_progress=progress)
    assert not any(tmp_path.iterdir())


def test_a_done_callback_may_download(server, make_client, tmp_path):
    """It keeps its worker meanwhile."""
    server.job("job-1", duration=0, result=CONTENT)
    client = make_client()
    paths = []
    with client:
        client.submit("job-1").add_done_callback(
            lambda future: paths.append(client.download(future, tmp_path))
        )
    assert paths[0].read_bytes() == CONTENT


def test_many_threads_may_download(server, make_client, tmp_path):
    """Each its own file."""
    for number in range(20):
        server.job(f"job-{number}", duration=0, result=f"film {number}".encode() * 1000)
    client = make_client()
    with client, ThreadPoolExecutor(8) as pool:
        futures = [client.submit(f"job-{number}") for number in range(20)]
        for future in futures:
            future.result(PATIENCE)
        paths = list(pool.map(lambda future: client.download(future, tmp_path), futures))
    for number, path in enumerate(paths):
        assert path.read_bytes() == f"film {number}".encode() * 1000


def test_a_download_takes_no_turn_of_the_polls(completed, tmp_path, clock):
    """It is bound neither by ``max_rate`` nor by ``max_concurrency``."""
    client, future = completed(max_rate=0.001, max_concurrency=1)
    before = clock.monotonic()
    client.download(future, tmp_path)
    assert clock.monotonic() == before


def test_a_file_over_the_limit_is_not_fetched(server, completed, tmp_path):
    """Its length says so before a byte of it is written."""
    client, future = completed()
    told = []
    with pytest.raises(DownloadError, match=r"it is over 299999 bytes \(max_bytes\)"):
        client.download(future, tmp_path, max_bytes=299_999, on_progress=print)
    assert not told
    assert client.download(future, tmp_path, max_bytes=300_000).exists()
    assert len(_downloads(server)) == 2


def test_a_slow_file_is_given_up_in_the_end(completed, tmp_path):
    """The limit is on all of it, with the attempts."""
    client, future = completed(ResultFile(CONTENT, seconds=800))
    with pytest.raises(DownloadError, match=r"it was not whole within 300 s \(timeout\)"):
        client.download(future, tmp_path, timeout=300)
    assert client.download(future, tmp_path, timeout=None).read_bytes() == CONTENT


@pytest.fixture
def speaking(clock):
    """Makes mock servers that speak a service's language, each with a client."""

    @contextlib.contextmanager
    def speak(service, result):
        with MockServer(service=service, duration=0, result=result, clock=clock) as server:
            settings = {"service": service, "api_key": "secret", "clock": clock}
            with VideoTranslationClient(server.url, **settings) as client:
                yield client, server

    return speak


def test_the_languages_of_a_service_are_files_of_their_own(speaking, tmp_path):
    """By their labels, and the key goes along."""
    with speaking("elevenlabs", CONTENT) as (client, server):
        assert client.downloads("id-1") == ["video"]
        path = client.download("id-1", tmp_path)
        assert client.download("id-1", tmp_path, "video:es") == tmp_path / "id-1.es.mp4"
        assert path == tmp_path / "id-1.mp4"
        assert path.read_bytes() == CONTENT
        keys = {request.headers.get("Xi-Api-Key") for request in server.requests}
        assert keys == {"secret"}


def test_the_kinds_of_files_of_a_service_have_names(speaking, tmp_path):
    """What is no video says so in its name."""
    with speaking("heygen", CONTENT) as (client, _):
        names = client.downloads("id-1")
        paths = [client.download("id-1", tmp_path, name).name for name in names]
    assert names == ["video", "audio", "captions"]
    assert paths == ["id-1.mp4", "id-1.audio.mp3", "id-1.captions.srt"]
    with speaking("azure", CONTENT) as (client, _):
        assert client.downloads("id-1") == ["video", "captions"]
        assert client.download("id-1", tmp_path, "captions").name == "id-1.captions.vtt"


def test_urls_may_stand_behind_the_url_of_the_result(speaking, clock, tmp_path):
    """CAMB's result is one that wants the key, and names the files, which do not."""
    with speaking("camb", ResultFile(CONTENT, expires=60)) as (client, _):
        future = client.submit("id-1")
        future.result(PATIENCE)
        clock.advance(120)
        assert client.downloads(future) == ["video", "audio"]
        assert client.download(future, tmp_path, "audio").name == "id-1.audio.mp3"
        assert client.download(future, tmp_path).read_bytes() == CONTENT


SEVERAL = Service("mine", unnamed_path="/status", status="result", result="urls")


@pytest.fixture
def several(provider, clock):
    """Makes clients of a service that gives ``urls``, and the file for anything else."""
    with serving(provider) as url:
        yield lambda service=SEVERAL, **settings: VideoTranslationClient(
            url, service=service, clock=clock, **settings
        )


def test_several_files_are_numbered(several, provider, tmp_path):
    """Which one is wanted must be said, and the error lists how."""
    provider.tell('{"result": "completed", "urls": ["/a.mp4", "/b.mp4", null, ""]}')
    with several() as client:
        assert client.downloads("job-1") == ["video:1", "video:2"]
        for which in ("video", "video:3", "video:de"):
            with pytest.raises(DownloadError, match="one of 'video:1', 'video:2'"):
                client.download("job-1", tmp_path, which)
        path = client.download("job-1", tmp_path, "video:2")
    assert path == tmp_path / "job-1.2.mp4"
    assert provider.requests[-1].target == "/b.mp4"


def test_what_was_too_large_to_be_kept_is_said_to_be(provider, clock, tmp_path):
    """The result is read all the same; the other files stand in what was not kept."""
    service = Service("mine", status="result", result="url", downloads=(("captions", "cap"),))
    provider.tell('{"result": "completed", "url": "/film", "cap": "/captions"}')
    with serving(provider) as url:
        with VideoTranslationClient(url, service=service, max_payload=0, clock=clock) as client:
            assert client.downloads("job-1") == ["video"]
            with pytest.raises(DownloadError, match="its captions; its answer was larger than max"):
                client.download("job-1", tmp_path, "captions")
        with VideoTranslationClient(url, service=service, clock=clock) as client:
            assert client.downloads("job-1") == ["video", "captions"]


def test_several_files_may_have_labels(several, provider, tmp_path):
    """Where the service gives an object; the number does as well."""
    provider.tell('{"result": "completed", "urls": {"de": "/a.mp4", "fr/x": "/b.mp4"}}')
    with several() as client:
        assert client.downloads("job-1") == ["video:de", "video:fr/x"]
        assert client.download("job-1", tmp_path, "video:de") == tmp_path / "job-1.de.mp4"
        path = client.download("job-1", tmp_path, "video:fr/x")
        assert client.download("job-1", tmp_path, "video:2").name == "job-1.2.mp4"
    assert path.parent == tmp_path
    assert path.name.startswith("job-1.fr_x-")


def test_what_is_no_url_is_no_file(several, provider, tmp_path):
    """Whatever a service says in its place."""
    for urls in ("7", "[1, 2]", "{}", "[]", '""', "null"):
        provider.tell(f'{{"result": "completed", "urls": {urls}}}')
        with several() as client:
            assert client.downloads("job-1") == []
            with pytest.raises(DownloadError, match="gives no URL of its video"):
                client.download("job-1", tmp_path)


PAGED = Service(
    "mine",
    status="result",
    result="url",
    downloads=(("video", "film"),),
    result_gives_json=True,
)


@pytest.mark.parametrize(
    ("url", "page", "message"),
    [
        ('"/page"', "no JSON", "from http.*/page: the answer is not JSON"),
        ('"/page"', '"' + "x" * 2_000_000 + '"', "its JSON is over 1048576 bytes"),
        ('["/page"]', "{}", "gives no URL of its video"),
        ('"/page"', '{"film": 5}', "gives no URL of its video"),
    ],
)
def test_json_that_has_no_url_is_told(several, provider, tmp_path, url, page, message):
    """What can't be read may be right the next time."""
    provider.tell(f'{{"result": "completed", "url": {url}}}', page)
    with several(PAGED) as client, pytest.raises(DownloadError, match=message):
        client.download("job-1", tmp_path, max_attempts=2)


def test_labels_that_are_not_to_be_had_are_numbers(several, provider, tmp_path):
    """Where the answer was too large to be kept, or names the same twice."""
    service = Service("mine", status="result", result="sort(langs)", result_url="/f/{result}")
    for langs, limit, names in (
        ('["de", "fr"]', 65536, ["video:de", "video:fr"]),
        ('["de", "fr"]', 0, ["video:1", "video:2"]),
        ('["de", "de"]', 65536, ["video:1", "video:2"]),
    ):
        provider.tell(f'{{"result": "completed", "langs": {langs}}}')
        with several(service, max_payload=limit) as client:
            assert client.downloads("job-1") == names
    single = Service("mine", status="result", result="lang", result_url="/f/{result}")
    provider.tell('{"result": "completed", "lang": "de"}')
    with several(single) as client:
        assert client.downloads("job-1") == ["video"]


def test_an_expression_that_does_not_fit_finds_no_file(several, provider):
    """The others are there all the same."""
    service = Service(
        "mine", status="result", result="url", downloads=(("audio", "avg(url)"), ("text", "t"))
    )
    provider.tell('{"result": "completed", "url": "/a.mp4", "t": "/b.vtt"}')
    with several(service) as client:
        assert client.downloads("job-1") == ["video", "text"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"future_or_job_id": 5}, "future_or_job_id must be a StatusFuture, a job id or None"),
        ({"future_or_job_id": ""}, "job_id must not be ''"),
        ({"path_or_directory": 5}, "path_or_directory must be a str or a Path, not 5"),
        ({"path_or_directory": b"x"}, "path_or_directory must be a str or a Path, not b'x'"),
        ({"path_or_directory": ""}, "path_or_directory must be the path of a file"),
        ({"path_or_directory": "a\0b"}, "path_or_directory must be the path of a file"),
        ({"path_or_directory": os.devnull}, "must be a file or a directory, and .* is neither"),
        ({"which": 5}, "which must be a str such as 'video', not 5"),
        ({"which": "subs"}, "which must be one of video, as of service 'default', not 'subs'"),
        ({"which": "video:"}, "not 'video:'"),
        ({"on_progress": 5}, "on_progress must be callable"),
        ({"max_bytes": 0}, "max_bytes must be a whole number"),
        ({"timeout": 0}, "timeout must be a number above 0, not 0; None means no limit"),
        ({"idle_timeout": None}, "idle_timeout must be a number above 0"),
        ({"max_attempts": 0}, "max_attempts must be a whole number"),
    ],
)
def test_a_bad_argument_is_refused_at_once(server, make_client, tmp_path, arguments, message):
    """By its name, and before anything is asked."""
    given = {"future_or_job_id": "job-1", "path_or_directory": tmp_path, **arguments}
    with pytest.raises((TypeError, ValueError), match=message):
        make_client().download(**given)
    assert not server.requests
