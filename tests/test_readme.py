"""The README keeps its word: its examples run, and its tables agree with the code."""

import inspect
import re
from pathlib import Path

import pytest
from conftest import PATIENCE

from video_translation_client import VideoTranslationClient, services
from video_translation_client.cli.exit_status import PRECEDENCE, ExitStatus
from video_translation_client.testing import MockServer

pytestmark = pytest.mark.one_python

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_every_python_example_runs(video_translation_server, virtual_clock, monkeypatch, tmp_path):
    """As it stands, one after the other, against a mock server in place of the one at port 5000."""
    monkeypatch.setenv("HEYGEN_API_KEY", "key-1")
    monkeypatch.chdir(tmp_path)  # they may write files
    namespace = {}  # what they share, as a reader does who types them in
    for number, example in enumerate(EXAMPLES, 1):
        heygen = MockServer(service="heygen", duration=0)
        with MockServer(duration=0, progress=True) as server, heygen:
            source = example.replace("http://127.0.0.1:5000", server.url)
            source = source.replace('(service="heygen"', f'("{heygen.url}", service="heygen"')
            if number > 1:
                namespace["client"] = VideoTranslationClient(server.url)
            exec(compile(source, f"README.md, example {number}", "exec"), namespace)
            if "future" in namespace:
                assert namespace.pop("future").result(PATIENCE) == "completed"
        for name in [name for name in namespace if name.startswith("test_")]:
            namespace.pop(name)(video_translation_server, virtual_clock)


def test_there_are_examples_and_the_first_stands_on_the_first_screen():
    """Code by line 25."""
    assert len(EXAMPLES) >= 8
    assert "```python" in "\n".join(README.splitlines()[:25])


def test_the_table_of_arguments_is_the_signature_of_the_client():
    """Every argument is in it, in order, with its default."""
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|([^|]*)\|", README, re.MULTILINE)
    documented = [
        (name, default.strip(" `")) for names, default in rows for name in re.findall(r"\w+", names)
    ]
    parameters = list(inspect.signature(VideoTranslationClient).parameters.values())
    assert [name for name, _ in documented] == [parameter.name for parameter in parameters]
    for parameter, (_, default) in zip(parameters, documented):
        if default:
            assert repr(parameter.default) in (default, f"{default}.0")


def test_the_table_of_services_is_that_of_the_presets():
    """Every service is in it, in order, with where its key is taken from."""
    rows = re.findall(r'^\| `"(\S+)"` \| (.*?) \|', README, re.MULTILINE)
    presets = services.known()
    assert [name for name, _ in rows] == [service.name for service in presets]
    for service, (_, variables) in zip(presets, rows):
        for name, variable in service.variables:
            given = "" if name == "api_key" else f"`{name}=` or "
            assert f"{given}`{variable}`" in variables


def test_the_table_of_exit_statuses_is_that_of_the_command_line():
    """Every exit status is in it, in order, with its meaning, and which one goes before which."""
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", README, re.MULTILINE)
    documented = [(int(number), meaning.replace("\\|", "|")) for number, meaning in rows]
    assert documented == [
        (status.value, status.meaning.replace("--result", "`--result`")) for status in ExitStatus
    ]
    assert PRECEDENCE in " ".join(README.split())


def test_the_two_commands_stand_in_it():
    """Those that do everything on a machine that has only Python."""
    assert (
        ".venv/bin/pip install -q -e '.[cli,testing]' && .venv/bin/video-translation-client demo"
        in README
    )
    assert ".venv/bin/pip install -q tox && .venv/bin/tox" in README
