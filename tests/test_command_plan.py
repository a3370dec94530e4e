"""``video-translation-client plan``: the table, the chart, the picture, and what it reads."""

from __future__ import annotations

import io
import itertools
import json
import random
import subprocess
from pathlib import Path
from typing import Any, Callable

import pytest
from conftest import PATIENCE, python_command

from video_translation_client.cli import main
from video_translation_client.cli.chart import axis_for, chart
from video_translation_client.cli.contest import chosen_of
from video_translation_client.cli.optimum import optimum, outcome
from video_translation_client.events import Ended
from video_translation_client.status import Status
from video_translation_client.timing import DurationHistory

ASCII_CHART = [
    "jobs that end                #",
    "                             #",
    "                             #",
    "                             #",
    "                             #",
    "                             #              #",
    "               +------+------+-------+------+-",
    "after          0      5     10      15    20 s",
    "one            |             |              |",
    "many           3+",
]

pytestmark = pytest.mark.one_python

Plan = Callable[..., Any]


@pytest.fixture
def plan(capsys: pytest.CaptureFixture[str]) -> Plan:
    """Runs ``plan``, of few jobs; gives its lines, or with --json its objects by their names."""

    def run(*words: str) -> Any:
        few = [] if "--jobs" in words else ["--jobs", "40"]
        assert main(["plan", *few, *words]) == 0
        output = capsys.readouterr()
        assert output.err == "" or "--plot" in words  # matplotlib may tell of its cache
        lines = output.out.splitlines()
        if "--json" not in words:
            return lines
        return {each["strategy"]: each for each in map(json.loads, lines)}

    return run


@pytest.fixture
def refusal(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs ``plan`` with what it refuses; gives what it says."""

    def run(*words: str) -> str:
        with pytest.raises(SystemExit) as caught:
            main(["plan", *words])
        assert caught.value.code == 2
        return capsys.readouterr().err.splitlines()[-1].partition("plan: error: ")[2]

    return run


def written(folder: Path, content: str) -> str:
    """The name of a file that holds the text."""
    path = folder / "durations.csv"
    path.write_text(content, encoding="utf-8")
    return str(path)


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Runs ``plan`` as a process of its own."""
    return subprocess.run(
        python_command("-m", "video_translation_client", "plan", *words),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_without_options_it_compares_strategies_for_usual_jobs() -> None:
    """It has a row for each strategy, with the optimum as the cheapest, and fits 80 columns."""
    done = run()
    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert lines[0] == "400 jobs as in log-normal, median 300 s, spread 0.5"
    assert lines[2].split() == ["requests", "lateness", "50", "%", "95", "%", "100", "%", "cost"]
    costs = {line[:17].strip(): float(line.split()[-1]) for line in lines[3:10]}
    assert list(costs) == [
        "default backoff",
        "doubling, no cap",
        "every 10 s",
        "every 30 s",
        "HeyGen's stages",
        "learned",
        "optimum",
    ]
    assert costs["optimum"] == min(costs.values())
    assert max(map(len, lines)) <= 80


def test_numbers_are_those_of_the_strategies(plan: Plan) -> None:
    """Of jobs that all take 95 s, what is asked when and noticed how late can be told by hand."""
    entries = plan("--json", "--median", "95", "--spread", "0", "--jitter", "0", "--jobs", "10")
    backoff = entries["your backoff"]
    assert backoff == {
        "strategy": "your backoff",
        "polls_per_job": 9.0,  # at 0, 1, 3, 7, 15, 31, 61, 91, 121
        "mean_lateness": 26.0,
        "p50_lateness": 26.0,
        "p95_lateness": 26.0,
        "max_lateness": 26.0,
        "cost": 53.0,
        "jobs": backoff["jobs"],
        "given_up": 0,
        "schedule": [0.0, 1.0, 3.0, 7.0, 15.0, 31.0, 61.0, 91.0, 121.0],
    }
    best = entries["optimum"]
    assert (best["polls_per_job"], best["mean_lateness"], best["cost"]) == (2.0, 0.0, 6.0)


def test_limits_hold_for_all_strategies(plan: Plan) -> None:
    """Jobs beyond a limit are given up, and counted; without an end there is no lateness."""
    words = ["--max-attempts", "2", "--max-wait-time", "100", "--min-interval", "50"]
    entries = plan("--json", "--median", "1000", "--spread", "0", *words)
    for entry in entries.values():
        assert (entry["given_up"], entry["mean_lateness"], entry["cost"]) == (40, None, None)
        assert len(entry["schedule"]) == 2
    lines = plan("--median", "1000", "--spread", "0", *words)
    assert lines[2].endswith("cost  given up")
    assert lines[3].split()[-2:] == ["-", "40"]


def test_durations_are_read_one_a_line(plan: Plan, tmp_path: Path) -> None:
    """Empty lines, spaces, a byte order mark and line ends of Windows do not matter."""
    file = written(tmp_path, "\ufeff100\r\n\r\n  200.5 \r\n3e2\n")
    entries = plan("--json", "--durations", file, "--jobs", "3")
    assert entries["learned"]["jobs"] == 3
    assert entries["optimum"]["schedule"][-1] == 300.0


@pytest.mark.parametrize("comma", [",", ";", "\t"])
def test_durations_are_read_from_a_column(plan: Plan, tmp_path: Path, comma: str) -> None:
    """The column is found by its name in the first line, whatever stands between cells."""
    rows = [["id", "took, s", "x"], ['"a\nb"', "120", "y"], [], ["c", " 240", ""]]
    content = "\n".join(comma.join(row) for row in rows).replace("took, s", '"took, s"')
    file = written(tmp_path, content)
    lines = plan("--durations", file, "--column", "took, s", "--jobs", "1")
    assert lines[0] == f"1 job as in {file}, column took, s"


def test_durations_are_read_from_standard_input(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """'-' is standard input, and a closed one is empty."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"5\n6\n7\n")))
    assert plan("--durations", "-", "--jobs", "7")[0] == "6 jobs as in standard input"
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(SystemExit):
        plan("--durations", "-")


@pytest.mark.parametrize(
    ("content", "words", "message"),
    [
        ("1\n2\n-3\n", [], ", line 3: must be a number of seconds, 0 or more, not '-3'"),
        ("1\nnan\n", [], ", line 2: must be a number of seconds, 0 or more, not 'nan'"),
        ("inf", [], ", line 1: must be a number of seconds, 0 or more, not 'inf'"),
        ("\n\n5 s", [], ", line 3: must be a number of seconds, 0 or more, not '5 s'"),
        ("1e10", [], ", line 1: must be a number of seconds, 0 or more, not '1e10'"),
        (
            "a,1",
            [],
            (
                ", line 1: must be a number of seconds, 0 or more, not 'a,1'; --column NAME reads"
                " one column of a CSV file"
            ),
        ),
        ("", [], ": it holds no durations"),
        ("\n \n", [], ": it holds no durations"),
        ("", ["--column", "b"], ": it holds no durations"),
        ("a,b\n", ["--column", "b"], ": it holds no durations"),
        ("a,b\n1,2\n", ["--column", "c"], ": there is no column 'c', but 'a', 'b'"),
        ("a,b\n1,2\n1\n", ["--column", "b"], ", line 3: it has no column 'b'"),
        (
            "a,b\n1,\n",
            ["--column", "b"],
            ", line 2: must be a number of seconds, 0 or more, not ''",
        ),
        (
            'a,b\n1,2\n3,"' + "4" * 140_000,
            ["--column", "b"],
            ", line 3: field larger than field limit (131072)",
        ),
    ],
)
def test_what_is_no_duration_is_told_with_its_line(
    refusal: Callable[..., str], tmp_path: Path, content: str, words: list[str], message: str
) -> None:
    """The message has the file, the number of the line, and what stands there."""
    file = written(tmp_path, content)
    assert refusal("--durations", file, *words) == f"{file}{message}"


def test_a_file_that_cannot_be_read_is_told(refusal: Callable[..., str], tmp_path: Path) -> None:
    """It may be missing, or no text."""
    missing = str(tmp_path / "missing")
    told = refusal("--durations", missing)
    assert told == f"{missing}: it can't be read: No such file or directory"
    binary = tmp_path / "binary"
    binary.write_bytes(b"\x1f\x8b1\x00")
    assert refusal("--durations", str(binary)) == f"{binary}: it is not text in UTF-8 or UTF-16"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--median", "0"], "--median must be a number above 0, not 0"),
        (
            ["--median", "5 minutes"],
            (
                "--median must be a number above 0, not '5 minutes'; in seconds, or with a unit as"
                " in 500ms, 90s, 30m, 1.5h, 1h30m or 2d"
            ),
        ),
        (["--spread", "-1"], "--spread must be a number, 0 or more, not -1"),
        (["--spread", "1e9"], "--median and --spread give jobs of 3.04e+306 s: too long"),
        (["--poll-cost", "0"], "--poll-cost must be a number above 0, not 0"),
        (["--jobs", "0"], "--jobs must be a whole number, 1 or more, not 0"),
        (["--seed", "x"], "--seed must be a whole number, 0 or more, not 'x'"),
        (["--jitter", "-1"], "--jitter must be a number, 0 or more, not -1"),
        (
            ["--max-attempts", "0"],
            "--max-attempts must be a whole number, 1 or more, not 0; none means no limit",
        ),
        (["--column", "a"], "argument --column: only with --durations"),
        (["--for-service", "a"], "argument --for-service: only with --history"),
        (
            ["--median", "5", "--durations", "x"],
            "argument --median: only without a file of durations",
        ),
        (
            ["--spread", "5", "--history", "x"],
            "argument --spread: only without a file of durations",
        ),
        (["--plot", "x.jpg"], "--plot must be a file that ends in .png or .svg, not 'x.jpg'"),
    ],
)
def test_a_bad_option_is_told(refusal: Callable[..., str], words: list[str], message: str) -> None:
    """The message names the option as it is written."""
    assert refusal(*words) == message


def test_a_history_says_how_long_jobs_took(plan: Plan, tmp_path: Path) -> None:
    """It takes the only service there is, or the one that is named."""
    file = str(tmp_path / "history")
    with DurationHistory(file) as history:
        history.record(60, service="heygen")
        history.record(80, service="heygen", completed=False)
    assert plan("--history", file, "--jobs", "2")[0] == f"2 jobs as in {file}, service heygen"
    with DurationHistory(file) as history:
        history.record(5, service="azure")
    lines = plan("--history", file, "--for-service", "azure", "--jobs", "1")
    assert lines[0] == f"1 job as in {file}, service azure"


def test_a_history_without_what_is_wanted_is_told(
    refusal: Callable[..., str], tmp_path: Path
) -> None:
    """It may be missing, hold nothing, or other services than that, or be something else."""
    file = str(tmp_path / "history")
    assert refusal("--history", file) == f"{file}: there is no such file"
    assert not Path(file).exists()
    DurationHistory(file).close()
    assert refusal("--history", file) == f"{file}: it holds no durations"
    with DurationHistory(file) as history:
        history.record(1, service="a")
        history.record(1, service="b")
    assert refusal("--history", file) == f"{file}: choose one with --for-service: 'a', 'b'"
    told = refusal("--history", file, "--for-service", "c")
    assert told == f"{file}: it knows no service 'c', but 'a', 'b'"
    Path(file).write_bytes(bytes(1000))
    assert "is damaged" in refusal("--history", file)
    Path(file).write_text("job-1\n")
    assert refusal("--history", file) == (
        f"--history must not be a file of another kind, as {file!r} is"
    )
    assert Path(file).read_text() == "job-1\n"


def test_jobs_that_were_not_seen_to_end_are_left_out(
    refusal: Callable[..., str], tmp_path: Path
) -> None:
    """Where that is all of them, there is nothing to plan for."""
    file = str(tmp_path / "history")
    with DurationHistory(file) as history:
        history.observe(Ended("a", "default", Status.TIMEOUT, 3, 60.0, pending_until=59.0))
    assert refusal("--history", file) == f"{file}: no job of 'default' was seen to end"


def test_long_jobs_are_not_tried_at_short_intervals(plan: Plan) -> None:
    """What would ask thousands of times is left out, so that the command ends."""
    entries = plan("--json", "--median", "100000", "--spread", "0.1", "--jobs", "2")
    assert "every 30 s" in entries
    assert "every 10 s" not in entries


def test_a_strategy_that_asks_all_the_time_is_refused(refusal: Callable[..., str]) -> None:
    """Of waits that let hardly any time pass, the command does not wait for the end."""
    words = ["--initial-wait-time", "0.001", "--max-interval", "0.001", "--jitter", "0"]
    assert "its waits must let time pass" in refusal("--jobs", "1", *words)


@pytest.mark.parametrize(
    "least", [0.0, 4.0, 100.0], ids=["no least", "a least interval", "one poll"]
)
def test_nothing_beats_the_optimum(least: float) -> None:
    """It costs as little as the best of all ways to poll where jobs end."""
    chance = random.Random(1)
    for _ in range(60):
        durations = [chance.choice((0.0, 3.0, 50 * chance.random())) for _ in range(6)]
        cost = chance.choice((0.1, 1.0, 3.0, 30.0))
        moments = optimum(durations, cost, least).moments
        polls, lateness = outcome(durations, moments)
        assert all(later - moment >= least for moment, later in zip([0, *moments], moments[:-1]))
        times = sorted(set(durations) - {0.0})
        ways = itertools.chain(*(itertools.combinations(times[:-1], n) for n in range(len(times))))
        apart = [
            [*way, times[-1]]
            for way in ways
            if all(b - a >= least for a, b in zip([0, *way], [*way, times[-1]]))
        ]
        costs = (cost * polls + late for polls, late in (outcome(durations, way) for way in apart))
        assert not apart or cost * polls + lateness <= min(costs) + 1e-9


def test_few_of_many_jobs_are_spread_like_all() -> None:
    """Some of the shortest and of the longest are among them, in the order in which they were."""
    known = [float(n * 7 % 100) for n in range(100)]
    chosen = chosen_of(known, 10)
    assert sorted(chosen) == [5.0 + 10 * n for n in range(10)]
    assert chosen == [one for one in known if one in chosen]
    assert chosen_of(known, 250) == known * 2
    assert len(chosen_of(known * 10, None)) == 400
    assert len(chosen_of([1e6] * 100, None)) == 20


@pytest.mark.parametrize(
    ("longest", "ticks"),
    [
        (0.0, ["0", "0.2", "0.4", "0.6", "0.8", "1 s"]),
        (0.3, ["0", "0.1", "0.2", "0.3 s"]),
        (9.0, ["0", "2", "4", "6", "8 s"]),
        (900.0, ["0", "5", "10", "15 min"]),
        (7200.0, ["0", "30", "60", "90", "120 min"]),
        (30_000.0, ["0", "2", "4", "6", "8 h"]),
        (800_000.0, ["0", "2", "4", "6", "8 d"]),
    ],
)
def test_the_axis_has_round_numbers(longest: float, ticks: list[str]) -> None:
    """In the unit that suits the longest jobs."""
    assert [text for _, text in axis_for([longest]).ticks] == ticks


def test_the_chart_uses_what_the_encoding_has() -> None:
    """Where there are no blocks, it is of ASCII; it gets as wide as it may."""
    durations = [10.0] * 8 + [20.0]
    schedules = [("one", [0.0, 10.0, 20.0]), ("many", [0.0] * 3 + [1.0] * 12)]
    assert list(chart(durations, schedules, 50, "ascii")) == ASCII_CHART
    blocks = list(chart(durations, schedules, 60, "utf-8"))
    assert "█" in blocks[0]
    assert len(blocks[6]) == 56
    assert len(list(chart(durations, schedules, 10, "utf-8"))[6]) == 39


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the same picture in each format, twice."""
    pytest.importorskip("matplotlib")
    folder = tmp_path_factory.mktemp("pictures")
    for name in ("one.png", "two.PNG", "one.svg", "two.svg"):
        done = run("--jobs", "20", "--plot", str(folder / name))
        assert done.returncode == 0, done.stderr
    return folder


def test_the_same_command_writes_the_same_picture(pictures: Path) -> None:
    """Byte for byte, in both formats, so that a change of it can be seen."""
    for one, two, begin in (("one.png", "two.PNG", b"\x89PNG"), ("one.svg", "two.svg", b"<?xml")):
        content = (pictures / one).read_bytes()
        assert content == (pictures / two).read_bytes()
        assert content.startswith(begin)


def test_a_picture_tells_names_and_units(pictures: Path) -> None:
    """Each strategy is named, beside its dot and beside its polls; so are the axes."""
    drawn = (pictures / "one.svg").read_text(encoding="utf-8")
    for text in ("learned", "optimum", "default backoff", "every 10 s", "doubling, no cap"):
        assert drawn.count(f"<!-- {text} -->") == 2
    for text in ("requests for one job", "mean lateness in seconds", "after the submit"):
        assert f"<!-- {text} -->" in drawn


@pytest.mark.parametrize(
    "words",
    [
        ["--median", "1", "--spread", "0"],
        ["--max-attempts", "1"],
        ["--median", "90000", "--spread", "2", "--jobs", "2"],
    ],
    ids=["all alike", "no end seen", "long and few"],
)
def test_any_durations_have_a_picture(plan: Plan, tmp_path: Path, words: list[str]) -> None:
    """Also where jobs are all alike, or none was seen to end."""
    pytest.importorskip("matplotlib")
    plan(*words, "--plot", str(tmp_path / "plan.png"))
    assert (tmp_path / "plan.png").stat().st_size > 10_000


def test_a_picture_that_cannot_be_written_is_told(
    refusal: Callable[..., str], tmp_path: Path
) -> None:
    """The message says where and why."""
    pytest.importorskip("matplotlib")
    name = str(tmp_path / "missing" / "plan.svg")
    assert refusal("--jobs", "1", "--plot", name) == f"--plot {name}: No such file or directory"


def test_without_matplotlib_it_says_what_to_install(tmp_path: Path) -> None:
    """One sentence on standard error, exit status 2, and no table before it."""
    (tmp_path / "matplotlib.py").write_text("raise ImportError(name='matplotlib')")
    script = tmp_path / "script.py"  # beside it, so that it is found first
    script.write_text(
        "import sys\n"
        "from video_translation_client.cli import main\n"
        "sys.exit(main(['plan', '--plot', 'x.svg']))\n"
    )
    done = subprocess.run(
        python_command(str(script)),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].endswith(
        "plan: error: --plot needs the package matplotlib: pip install matplotlib"
    )
