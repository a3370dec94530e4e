"""README and docs keep their word: their tables agree with the code."""

import inspect
import re
from pathlib import Path

import pytest

from video_translation_client import VideoTranslationClient, services
from video_translation_client.cli.exit_status import PRECEDENCE, ExitStatus

pytestmark = pytest.mark.one_python

ROOT = Path(__file__).parent.parent


def page(name):
    """The text of README or of a page of docs."""
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_table_of_arguments_is_the_signature_of_the_client():
    """Every argument is in it, in order, with its default."""
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|([^|]*)\|", page("docs/polling.md"), re.M)
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
    rows = re.findall(r'^\| `"(\S+)"` \| (.*?) \|', page("docs/services.md"), re.MULTILINE)
    presets = services.known()
    assert [name for name, _ in rows] == [service.name for service in presets]
    for service, (_, variables) in zip(presets, rows):
        for name, variable in service.variables:
            given = "" if name == "api_key" else f"`{name}=` or "
            assert f"{given}`{variable}`" in variables


def test_the_table_of_exit_statuses_is_that_of_the_command_line():
    """Every exit status is in it, in order, with its meaning, and which one goes before which."""
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", page("docs/command-line.md"), re.MULTILINE)
    documented = [(int(number), meaning.replace("\\|", "|")) for number, meaning in rows]
    assert documented == [
        (status.value, re.sub(r"--[a-z-]+", r"`\g<0>`", status.meaning)) for status in ExitStatus
    ]
    assert PRECEDENCE in " ".join(page("docs/command-line.md").split())


def test_the_two_commands_stand_in_it():
    """Those that do everything on a machine that has only Python."""
    assert (
        ".venv/bin/pip install -q -e '.[cli,testing]' && .venv/bin/video-translation-client demo"
        in page("README.md")
    )
    assert ".venv/bin/pip install -q tox && .venv/bin/tox" in page("README.md")


def test_the_table_of_webhooks_is_that_of_the_presets():
    """Every service that has webhooks is in it, in order, with its headers and its job's id."""
    lines = re.findall(r'^\| `"\S+"` \|.*', page("docs/webhooks.md"), re.MULTILINE)
    rows = [[re.findall("`(.+?)`", cell) for cell in line.split("|")[1:-1]] for line in lines]
    assert rows == [
        [
            [f'"{service.name}"'],
            [webhook.signature for webhook in service.webhooks if webhook.signature],
            [webhook.timestamp for webhook in service.webhooks if webhook.timestamp],
            [service.webhooks[0].job_id],
        ]
        for service in services.known()
        if service.webhooks
    ]
