"""What the benchmarks write; what they measure is no test."""

import importlib
import sys
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree as ET

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks" / "compare"

pytestmark = pytest.mark.one_python


@pytest.fixture
def compare(monkeypatch):
    """The modules of the benchmark, which is a folder of scripts."""
    monkeypatch.syspath_prepend(str(FOLDER))
    before = set(sys.modules)
    names = ("measuring", "parts", "report", "targets")
    yield SimpleNamespace(**{name: importlib.import_module(name) for name in names})
    for name in set(sys.modules) - before:
        if str(FOLDER) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def results(compare):
    """Three rounds of three contenders."""
    results = compare.measuring.Results()
    for cpu in (200.0, 100.0, 150.0):
        results.add("bare", {"cpu": cpu, "wall": 2 * cpu, "connections": 1})
        results.add("ours-1", {"cpu": cpu / 2, "wall": cpu, "connections": 1})
        results.add("ours-16", {"cpu": cpu * 2, "wall": cpu, "connections": 17})
    return results


def _cells(table):
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]


def test_contenders_are_compared_with_the_bare_one_of_the_same_round(compare, results):
    """The table of contenders has the median ratio and its spread, the cheapest first."""
    rows = _cells(compare.report.peers_table(results))[2:]
    assert [row[:4] for row in rows] == [
        ["**this library, 1 worker**", "0.50", "0.50 to 0.50", "75"],
        ["bare Session.send(prepared)", "1.00", "1.00 to 1.00", "150"],
        ["**this library, 16 workers**", "2.00", "2.00 to 2.00", "300"],
    ]


def test_each_target_is_met_or_not_met_or_not_measured(compare, results):
    """Each target has a line that says which of the three it is."""
    rows = _cells(compare.report.targets_table(results))[2:]
    assert len(rows) == len(compare.targets.TARGETS)
    found = {row[0]: (row[2], row[-1]) for row in rows}
    assert found["CPU a poll, 1 worker"] == ("0.50", "met")
    assert found["the same, 16 workers"] == ("2.00", "**not met**")
    assert found["connections"] == ("17", "**not met**")
    assert found["growth"] == ("", "not measured")


def test_a_least_target_is_met_from_its_limit_on(compare, results):
    """Where more is better, a target is met by its limit and more, not by less."""
    for rate, verdict in ((19_999, "**not met**"), (20_000, "met")):
        fresh = compare.measuring.Results()
        fresh.add("submitting", {"rate": rate})
        rows = _cells(compare.report.targets_table(fresh))
        assert [row[-1] for row in rows if row[0].startswith("submitting while")] == [verdict]


def test_tables_are_aligned_in_a_terminal(compare, results):
    """Without the marks of Markdown, the lines of a table are still of one length."""
    text = compare.report.plain(compare.report.targets_table(results))
    assert "*" not in text
    assert "`" not in text
    assert len({len(line) for line in text.splitlines()}) == 1


def test_the_chart_is_an_image_with_a_bar_for_each_contender(compare, results):
    """The chart is well-formed, tells all names and numbers, and has colours for dark pages."""
    chart = compare.report.chart(results)
    root = ET.fromstring(chart)
    space = "{http://www.w3.org/2000/svg}"
    texts = ["".join(text.itertext()) for text in root.iter(f"{space}text")]
    assert len(list(root.iter(f"{space}rect"))) == 3
    assert {"this library, 16 workers", "0.50", "1.00", "2.00"} <= set(texts)
    assert "prefers-color-scheme: dark" in chart


def test_a_sample_belongs_to_the_innermost_module_of_the_library(compare):
    """What requests does for the transport is the transport's; imports and others are nobody's."""
    package = "(/x/video_translation_client"
    stacks = [
        f"run {package}/_scheduling/threads.py:1);send (/x/requests/adapters.py:3) 1",
        f"get {package}/_http/transport.py:2);send (/x/requests/adapters.py:3) 5",
        f"run {package}/_scheduling/threads.py:1);call {package}/_base/callbacks.py:9) 2",
        f"run {package}/_scheduling/threads.py:1);decide {package}/_scheduling/decision.py:4) 2",
        f"load (<frozen importlib._bootstrap>:1);<module> {package}/client.py:1) 90",
        "main (contenders.py:300) 90",
    ]
    shares = compare.parts.of_stacks("\n".join(stacks) + "\n")
    assert shares["transport"] == (0.5, 0.0)
    assert shares["hand-over"] == (0.3, 0.2)
    assert shares["deciding"] == (0.2, 0.2)
    assert shares["reading"] == (0.0, 0.0)
