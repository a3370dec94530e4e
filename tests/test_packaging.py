"""What is installed: metadata, files and names.

These tests read the distribution that is installed beside them, never the source tree, except for
tox.ini, whose list of Pythons must follow the metadata.
"""

import configparser
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import video_translation_client

if sys.version_info >= (3, 8):
    from importlib import metadata
else:
    import importlib_metadata as metadata

NAME = "video-translation-client"
ROOT = Path(__file__).resolve().parent.parent
PACKAGE = Path(video_translation_client.__file__).parent
TOX_ENV = os.environ.get("TOX_ENV_NAME", "")


def test_metadata_has_the_version_of_the_package():
    """The version is written once: the metadata and `__version__` agree."""
    assert metadata.version(NAME) == video_translation_client.__version__


def test_type_information_is_installed():
    """A type checker finds `py.typed` in the installed package."""
    assert (PACKAGE / "py.typed").is_file()


@pytest.mark.skipif(not TOX_ENV, reason="outside tox the source tree may be installed editable")
def test_tox_tests_the_wheel():
    """In tox the tests import the installed wheel, so a file missing from it is noticed."""
    assert PACKAGE.parent.name == "site-packages"
    assert Path(sys.prefix) in PACKAGE.parents


def test_public_names_are_sorted_and_importable():
    """`__all__` is sorted, has no name twice, and every name in it can be imported."""
    names = video_translation_client.__all__
    assert list(names) == sorted(set(names))
    for name in names:
        assert getattr(video_translation_client, name) is not None


@pytest.mark.skipif(not TOX_ENV, reason="outside tox the metadata may be older than README")
def test_the_description_has_no_link_that_leads_nowhere():
    """Its links to files are names of files: in the metadata, no file stands beside it."""
    fields = metadata.metadata(NAME)
    description = fields.get("Description") or fields.get_payload()
    assert "`docs/tutorial.md`" in description
    assert not re.findall(r"\]\((?!https?:)", description)


def test_console_script_can_be_imported():
    """The command `video-translation-client` points at a function that exists."""
    (script,) = (e for e in _entry_points("console_scripts") if e.name == NAME)
    module, _, function = script.value.partition(":")
    assert callable(getattr(importlib.import_module(module), function))


def test_pytest_plugin_is_registered_once(pytestconfig):
    """The plugin is loaded through its entry point, and no second time."""
    plugins = [
        plugin
        for plugin in pytestconfig.pluginmanager.get_plugins()
        if getattr(plugin, "__name__", "") == "pytest_video_translation_client"
    ]
    assert len(plugins) == 1
    assert pytestconfig.pluginmanager.get_name(plugins[0]) == "video_translation_client"


def test_pytest_plugin_costs_nothing_when_unused():
    """Loading the pytest plugin imports nothing of the library."""
    code = (
        "import sys, pytest_video_translation_client\n"
        "assert 'video_translation_client' not in sys.modules\n"
        "assert 'requests' not in sys.modules\n"
        "assert 'werkzeug' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.skipif(TOX_ENV != "lowest", reason="other environments have newer versions")
def test_lowest_versions_are_the_declared_ones():
    """The environment `lowest` has exactly the lowest versions that the metadata allows."""
    lower = re.compile(r"([A-Za-z0-9._-]+) *\(?[^;]*>=([0-9.]+)")
    requirements = [
        lower.match(requirement).groups()
        for requirement in metadata.requires(NAME)
        if "python_version" not in requirement  # not for the oldest Python
    ]
    assert {"requests", "urllib3", "rich", "werkzeug"} <= {name for name, _ in requirements}
    for name, version in requirements:
        assert _numbers(metadata.version(name)) == _numbers(version), name


@pytest.mark.skipif(not (ROOT / "tox.ini").is_file(), reason="needs the source tree")
def test_supported_pythons_are_tested():
    """Every Python that the metadata names has its tox environment, from the lowest on."""
    config = configparser.ConfigParser()
    config.read(str(ROOT / "tox.ini"), encoding="utf-8")
    tested = re.findall(r"\bpy3(\d+)\b", config["tox"]["env_list"])
    fields = metadata.metadata(NAME)
    classifiers = "\n".join(fields.get_all("Classifier"))
    declared = re.findall(r"Programming Language :: Python :: 3\.(\d+)", classifiers)
    assert fields["Requires-Python"] == ">=3." + declared[0]
    assert tested[: len(declared)] == declared
    assert config["testenv:lowest"]["base_python"] == "python3." + declared[0]
    newest = declared[-1]
    settings = config["testenv"]["set_env"]
    for name, left_to_it in [("MEASURED_ON", declared[:-1]), ("ALL_RUN_ON", declared[1:-1])]:
        assert re.findall(rf"py3(\d+)(?=[^\n]*{name})", settings) == left_to_it
        assert re.findall(rf"{name} = (.*)", settings) == ["python3." + newest]
    assert config["testenv:coverage"]["set_env"].split("MEASURED = ")[1].split() == [
        "py3" + newest,
        "lowest",
    ]


def _entry_points(group):
    found = metadata.entry_points()
    return found.select(group=group) if hasattr(found, "select") else found[group]


def _numbers(version):
    """2.26 and 2.26.0 are the same version."""
    return (tuple(int(number) for number in version.split(".")) + (0, 0))[:3]
