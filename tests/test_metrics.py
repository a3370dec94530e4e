"""Metrics: what Prometheus and OpenTelemetry are told of waits, by their own libraries."""

import contextlib
import os
import subprocess
import sys
import threading

import pytest
from conftest import PATIENCE, measured, serving

from video_translation_client import VideoTranslationClient, metrics
from video_translation_client.testing import Fault, MockServer

prometheus_client = pytest.importorskip("prometheus_client")
sdk = pytest.importorskip("opentelemetry.sdk.metrics")
export = pytest.importorskip("opentelemetry.sdk.metrics.export")

pytestmark = pytest.mark.one_python


@pytest.fixture
def registry():
    """An empty one."""
    return prometheus_client.CollectorRegistry()


@pytest.fixture
def reader():
    """Reads what the SDK has in memory."""
    return export.InMemoryMetricReader()


@pytest.fixture
def meter_provider(reader):
    """An SDK that is set up for it."""
    provider = sdk.MeterProvider([reader])
    yield provider
    provider.shutdown()


def play(server, make_client, listener):
    """Waits for five jobs that go differently, until all was told of them."""
    server.job("good", duration=10)
    server.job("bad", duration=5, outcome="error")
    server.job("unlucky", duration=0, faults={1: Fault.http(429), 2: Fault.not_json()})
    server.job("refused", faults={1: Fault.http(403)})
    server.job("long", duration=10_000)
    limits = {"max_attempts": None, "max_wait_time": 100, "backoff_factor": 1}
    with make_client(on_event=listener, **limits) as client:
        for job_id in ("good", "bad", "unlucky"):
            client.get_status(job_id)
        client.submit("refused").exception()
        client.get_status("long")


@contextlib.contextmanager
def waiting(server, make_client, listener):
    """Waits for a job that goes on, once its first poll was told."""
    server.job("long", duration=10_000)
    told = threading.Event()
    with make_client(on_event=[listener, lambda event: told.set()], max_wait_time=None) as client:
        future = client.submit("long")
        assert told.wait(PATIENCE)
        yield
        future.cancel()


ENDS = {"completed": 2, "error": 1, "rejected": 1, "timeout": 1}


def test_prometheus_counts_polls_by_their_outcome(server, make_client, registry):
    """Each of them once, those that fail in passing too."""
    play(server, make_client, metrics.prometheus(registry))

    def polls(outcome):
        labels = {"service": "default", "outcome": outcome}
        return registry.get_sample_value("video_translation_polls_total", labels)

    counts = {name: polls(name) for name in ("completed", "error", "failed", "rejected")}
    assert counts == {"completed": 2, "error": 1, "failed": 2, "rejected": 1}
    assert sum(counts.values()) + polls("pending") == len(server.requests)


def test_prometheus_measures_waits_by_their_end(server, make_client, registry):
    """How long they took, in seconds of the client's clock, and how many go on."""
    listener = metrics.prometheus(registry)
    play(server, make_client, listener)

    def waits(name, status):
        labels = {"service": "default", "status": status}
        return registry.get_sample_value(f"video_translation_wait_seconds_{name}", labels)

    assert {status: waits("count", status) for status in ENDS} == ENDS
    assert waits("sum", "completed") >= 10
    assert 99 <= waits("sum", "timeout") <= 101
    service = {"service": "default"}
    assert registry.get_sample_value("video_translation_waiting", service) == 0
    with waiting(server, make_client, listener):
        assert registry.get_sample_value("video_translation_waiting", service) == 1
    assert registry.get_sample_value("video_translation_waiting", service) == 0


def test_prometheus_measures_how_late_an_end_was_noticed_at_most(server, make_client, registry):
    """From the last poll that was answered pending to the one that told the end."""
    play(server, make_client, metrics.prometheus(registry))

    def sample(name, **labels):
        name = f"video_translation_end_uncertainty_seconds_{name}"
        return registry.get_sample_value(name, {"service": "default", **labels})

    assert sample("count") == 2  # the others were never pending, or are not known to have ended
    assert 2 <= sample("sum") <= 3  # polls are a second apart
    assert sample("bucket", le="0.5") == 0
    assert sample("bucket", le="2.5") == 2


def test_an_answer_for_many_that_leaves_a_job_out_is_a_poll_untold(clock, provider, registry):
    """As it is neither a failure nor a status."""
    provider.tell('{"results": {"a": "completed"}}', '{"result": "completed"}')
    with serving(provider) as url:
        client = VideoTranslationClient(
            url, batch=True, clock=clock, on_event=metrics.prometheus(registry)
        )
        with clock.paused():
            futures = [client.submit("a"), client.submit("b")]
        client.shutdown()
        assert [future.result() for future in futures] == ["completed"] * 2
    labels = {"service": "default", "outcome": "untold"}
    assert registry.get_sample_value("video_translation_polls_total", labels) == 1


def test_clients_share_the_metrics_of_a_registry(server, make_client, registry):
    """Whoever asks for them again gets the same, and what clients measure adds up."""
    first, second = metrics.prometheus(registry), metrics.prometheus(registry)
    assert first is second
    server.job("good", duration=0)
    for listener in (first, second):
        with make_client(on_event=listener) as client:
            client.submit("good")
    labels = {"service": "default", "status": "completed"}
    assert registry.get_sample_value("video_translation_wait_seconds_count", labels) == 2


def test_prometheus_has_its_own_registry_where_none_is_given(server, make_client):
    """The one that it serves; and the text that is scraped names no job."""
    server.job("job-4711", duration=0)
    with make_client(on_event=metrics.prometheus()) as client:
        client.submit("job-4711")
    text = prometheus_client.generate_latest().decode()
    assert 'video_translation_polls_total{outcome="completed",service="default"}' in text
    assert "job-4711" not in text
    assert server.url not in text


def test_other_metrics_of_the_same_names_are_refused(registry):
    """When the listener is made, each time alike; none of its metrics is left in the registry."""
    prometheus_client.Gauge("video_translation_waiting", "Mine.", registry=registry)
    text = prometheus_client.generate_latest(registry)
    for _ in range(2):
        with pytest.raises(ValueError, match="video_translation_waiting"):
            metrics.prometheus(registry)
    assert prometheus_client.generate_latest(registry) == text


@pytest.mark.parametrize(
    ("function", "name"),
    [("prometheus", "registry"), ("opentelemetry", "meter_provider")],
)
def test_what_takes_no_metrics_is_refused(function, name):
    """When the listener is made."""
    with pytest.raises(TypeError, match=f"^{name} must be a .*, not int$"):
        getattr(metrics, function)(1)


def numbers(reader):
    """What was measured, as ``{name: {attributes: number}}``, of histograms the count."""
    found = {}
    for resource in reader.get_metrics_data().resource_metrics:
        for scope in resource.scope_metrics:
            assert scope.scope.name == "video_translation_client"
            for metric in scope.metrics:
                points = found.setdefault(metric.name.replace("video_translation.", ""), {})
                for point in metric.data.data_points:
                    attributes = dict(point.attributes)
                    assert attributes.pop("video_translation.service") == "default"
                    key = next(iter(attributes.values()), None)
                    points[key] = getattr(point, "count", None) or point.value
    return found


def test_opentelemetry_is_told_the_same(server, make_client, meter_provider, reader):
    """By the API alone; the SDK is that of the program."""
    listener = metrics.opentelemetry(meter_provider)
    play(server, make_client, listener)
    with waiting(server, make_client, listener):
        found = numbers(reader)
    assert found["polls"].pop("pending") >= 100
    assert found == {
        "polls": {"completed": 2, "error": 1, "failed": 2, "rejected": 1},
        "wait.duration": ENDS,
        "waits": {None: 1},
        "end.uncertainty": {None: 2},
    }


def test_clients_share_the_instruments_of_a_provider(meter_provider, caplog):
    """An SDK may warn of an instrument that is made twice."""
    assert metrics.opentelemetry(meter_provider) is metrics.opentelemetry(meter_provider)
    assert not caplog.records


def test_opentelemetry_without_an_sdk_measures_nothing_and_harms_nothing(server, make_client):
    """The API's own instruments do nothing."""
    server.job("good", duration=0)
    assert make_client(on_event=metrics.opentelemetry()).get_status("good") == "completed"


@pytest.mark.parametrize(
    ("function", "package", "module"),
    [
        ("prometheus", "prometheus-client", "prometheus_client"),
        ("opentelemetry", "opentelemetry-api", "opentelemetry"),
    ],
)
def test_a_package_that_is_not_there_is_named(monkeypatch, function, package, module):
    """With the command that installs it."""
    monkeypatch.delitem(sys.modules, f"video_translation_client.metrics._{function}", False)
    for name in [name for name in sys.modules if name.partition(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=f"need the package {package}: pip install {package}$"):
        getattr(metrics, function)()


OF_PROMETHEUS = """
import prometheus_client

from video_translation_client.metrics import prometheus

listener = prometheus()


def waiting():
    labels = {"service": "default"}
    return prometheus_client.REGISTRY.get_sample_value("video_translation_waiting", labels)
"""

OF_OPENTELEMETRY = """
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from video_translation_client.metrics import opentelemetry

reader = InMemoryMetricReader()
listener = opentelemetry(MeterProvider([reader]))


def waiting():
    (scope,) = reader.get_metrics_data().resource_metrics[0].scope_metrics
    (waits,) = [metric for metric in scope.metrics if metric.name == "video_translation.waits"]
    return waits.data.data_points[0].value
"""

OF_PROMETHEUS_PROCESSES = """
from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from video_translation_client.metrics import prometheus

listener = prometheus()


def sample(name, **labels):
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    return registry.get_sample_value(name, {"service": "default", **labels})


def waiting():
    return sample("video_translation_waiting")
"""

FORK = """
import os
import sys
import threading

from video_translation_client import Polled, VideoTranslationClient


def submit_and_hear():
    heard = threading.Event()

    def hear(event):
        if isinstance(event, Polled):
            heard.set()

    client = VideoTranslationClient(sys.argv[1], on_event=[listener, hear])
    client.submit("long")
    heard.wait()
    return client


client = submit_and_hear()
assert waiting() == 1, waiting()
pid = os.fork()
"""

ALONE = """
if pid == 0:
    with VideoTranslationClient(sys.argv[1], on_event=listener) as mine:
        mine.submit("good")
    assert waiting() == 0, waiting()
    sys.exit()
status = os.waitpid(pid, 0)[1]
assert (status, waiting()) == (0, 1), (status, waiting())
client.shutdown(cancel_futures=True)
assert waiting() == 0, waiting()
"""

TOGETHER = """
if pid == 0:
    mine = submit_and_hear()
    with VideoTranslationClient(sys.argv[1], on_event=listener) as other:
        other.submit("good")
    assert waiting() == 2, waiting()
    sys.exit()
status = os.waitpid(pid, 0)[1]
mark_process_dead(pid)
assert (status, waiting()) == (0, 1), (status, waiting())
assert sample("video_translation_polls_total", outcome="completed") == 1
client.shutdown(cancel_futures=True)
assert waiting() == 0, waiting()
"""

AMIDST = """
import os
import sys
import threading

from opentelemetry.metrics import NoOpCounter, NoOpMeter, NoOpMeterProvider

from video_translation_client import VideoTranslationClient
from video_translation_client.metrics import opentelemetry

counting, forking = threading.Event(), threading.Event()


class Counter(NoOpCounter):
    lock = threading.Lock()

    def add(self, *args, **kwargs):
        with self.lock:
            counting.set()
            forking.wait()


class Meter(NoOpMeter):
    def create_counter(self, name, unit="", description=""):
        return Counter(name)


class Provider(NoOpMeterProvider):
    def get_meter(self, name, *args, **kwargs):
        return Meter(name)


listener = opentelemetry(Provider())
client = VideoTranslationClient(sys.argv[1], on_event=listener)
client.submit("long")
counting.wait()
os.register_at_fork(before=forking.set)
pid = os.fork()
if pid == 0:
    assert VideoTranslationClient(sys.argv[1], on_event=listener).get_status("good") == "completed"
    sys.exit()
status = os.waitpid(pid, 0)[1]
assert status == 0, status
client.shutdown(cancel_futures=True)
"""


def run(program, tmp_path, variables=()):
    """Runs it with a mock server; returns its exit status and what it has written."""
    script, folder = tmp_path / "program.py", tmp_path / "metrics"
    folder.mkdir()
    program, environment = measured(program)
    environment.update(dict.fromkeys(variables, str(folder)))
    script.write_text(program)
    with MockServer() as server:
        server.job("long", duration=1000)
        server.job("good", duration=0)
        done = subprocess.run(
            [sys.executable, "-W", "ignore::DeprecationWarning", str(script), server.url],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            text=True,
            check=False,
        )
    return done.returncode, done.stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks")
@pytest.mark.parametrize(
    ("program", "variables"),
    [
        (OF_PROMETHEUS + FORK + ALONE, ()),
        (OF_OPENTELEMETRY + FORK + ALONE, ()),
        (OF_PROMETHEUS_PROCESSES + FORK + TOGETHER, ("PROMETHEUS_MULTIPROC_DIR",)),
    ],
    ids=["prometheus", "opentelemetry", "prometheus-multiprocess"],
)
def test_a_forked_child_counts_its_own_waits_alone(tmp_path, program, variables):
    """What its parent waits for came along, and is not waited for there.

    Where processes share a folder, each counts its own, and one that has ended no longer.
    """
    assert run(program, tmp_path, variables) == (0, "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks")
def test_no_fork_comes_amidst_a_measurement(tmp_path):
    """The child would wait for ever for a lock that a thread of its parent had."""
    assert run(AMIDST, tmp_path) == (0, "")
