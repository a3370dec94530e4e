"""The mock server's page in a real browser: ``tox -e page``, where there is Chromium."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
import requests
from conftest import PATIENCE

from video_translation_client import VideoTranslationClient
from video_translation_client.testing import Fault, MockServer, VirtualClock

pytest.importorskip("selenium", reason="the browser is tested by tox -e page")

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.ui import WebDriverWait

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
DRIVER = shutil.which("chromedriver")

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER),
    reason="no Chromium with chromedriver: apt-get install chromium chromium-driver",
)

WIDE, NARROW = (1440, 900), (390, 844)

NASTY = [
    "<img src=x onerror=window.hurt=1>",
    "</script><script>window.hurt=1</script>",
    "\"'><b onmouseover=window.hurt=1>",
    "javascript:window.hurt=1",
    "&lt;&amp;",
    "\u202egpj.exe",
    "__proto__",
    "x" * 500,
]

# Text on its ground, as WCAG 2 measures it; a half-transparent ground is taken for none.
CONTRAST = """
const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
const light = (text) => rgb(text).slice(0, 3).map((one) => one / 255)
  .map((one) => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4)
  .reduce((sum, one, part) => sum + one * [0.2126, 0.7152, 0.0722][part], 0);
const ground = (element) => {
  const own = getComputedStyle(element).backgroundColor;
  return (rgb(own)[3] ?? 1) === 1 ? own : ground(element.parentElement);
};
let least = 21;
for (const element of document.querySelectorAll("main *, header *")) {
  if (![...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim())) continue;
  if (!element.checkVisibility() || element.tagName === "NOSCRIPT") continue;
  const [one, other] = [getComputedStyle(element).color, ground(element)].map(light);
  least = Math.min(least, (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05));
}
return least;
"""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    """One browser for all tests."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for option in (
        *("headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run"),
        *("disable-background-networking", "disable-component-update", "disable-sync"),
        f"user-data-dir={tmp_path_factory.mktemp('profile')}",
    ):
        options.add_argument(f"--{option}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options, webdriver.ChromeService(str(DRIVER)))
    yield browser
    browser.quit()


@pytest.fixture
def browser(chromium: WebDriver) -> Iterator[WebDriver]:
    """The browser, wide and light, in which nothing must go wrong."""
    dress(chromium, WIDE, "light")
    chromium.get_log("browser")
    yield chromium
    chromium.get("about:blank")
    # The server may have stopped before the page has: that is no mistake of the page.
    entries = [entry for entry in chromium.get_log("browser") if entry["source"] != "network"]
    assert [entry for entry in entries if entry["level"] == "SEVERE"] == []


@pytest.fixture
def clock() -> VirtualClock:
    """The clock that the server and the clients share."""
    return VirtualClock()


@pytest.fixture
def server(clock: VirtualClock) -> Iterator[MockServer]:
    """A mock server whose jobs take ten seconds."""
    with MockServer(duration=10, clock=clock) as server:
        yield server


@pytest.fixture
def colourful(clock: VirtualClock) -> Iterator[MockServer]:
    """A mock server with jobs and answers of all kinds."""
    chance = {"duration": (8, 40), "error_rate": 0.12, "fault_rate": 0.1, "seed": 8}
    with MockServer(clock=clock, **chance) as server:
        yield server


def dress(browser: WebDriver, size: tuple[int, int], scheme: str) -> None:
    """Gives the browser's window a size in pixels, and a scheme of colours."""
    metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    scheme_ = {"name": "prefers-color-scheme", "value": scheme}
    still = {"name": "prefers-reduced-motion", "value": "reduce"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme_, still]})


def until(browser: WebDriver, is_so: Callable[[], Any]) -> None:
    """Waits until something is so in the browser, which looks twice a second."""
    WebDriverWait(browser, PATIENCE, poll_frequency=0.05).until(lambda _: is_so())


def text(browser: WebDriver, selector: str) -> str:
    """Returns the text of the first such element; empty if there is none at the moment."""
    return next(iter(texts(browser, selector)), "")


def texts(browser: WebDriver, selector: str) -> list[str]:
    """Returns the texts of elements as they are in the page, shown or not."""
    script = "return [...document.querySelectorAll(arguments[0])].map((one) => one.textContent)"
    return list(browser.execute_script(script, selector))


def number(browser: WebDriver, selector: str) -> int:
    """Returns how many elements there are."""
    return int(
        browser.execute_script("return document.querySelectorAll(arguments[0]).length", selector)
    )


def poll(server: MockServer, job_ids: str) -> None:
    """Makes one poll of a job, or of several."""
    with requests.Session() as session:
        session.trust_env = False
        session.get(f"{server.url}/status", params={"ids": job_ids}, timeout=PATIENCE)


def wait_for(server: MockServer, clock: VirtualClock, jobs: int, **arguments: Any) -> None:
    """Waits for jobs, as a client with backoff does."""
    settings = {"max_attempts": None, "max_wait_time": 300, "jitter": 0.2, "clock": clock}
    with VideoTranslationClient(server.url, **{**settings, **arguments}) as client:
        with clock.paused():
            futures = [client.submit(f"job-{one + 1:03}") for one in range(jobs)]
        for future in futures:
            future.result()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_two_hundred_jobs(
    browser: WebDriver,
    colourful: MockServer,
    clock: VirtualClock,
    size: tuple[int, int],
    scheme: str,
    tmp_path: Path,
) -> None:
    """All are there with all their polls, and can be read, on any window and ground."""
    dress(browser, size, scheme)
    server = colourful
    browser.get(server.url)
    wait_for(server, clock, 200)
    polls = [poll for request in server.requests for poll in request.polls]
    until(browser, lambda: number(browser, ".track .mark") == len(polls))
    until(browser, lambda: text(browser, "#polls-number") == f"{len(polls) / 200:.1f}")
    assert text(browser, "#jobs-number") == "200"
    assert number(browser, ".job.ended") == number(browser, ".told.known") == 200
    late = [
        next(
            request.time - (server.plan(job_id).ends_at or 0)
            for request in server.requests
            if request.job_ids == (job_id,)
            and request.fault is None
            and request.polls[0].status != "pending"
        )
        for job_id in {poll.job_id for poll in polls}
    ]
    assert text(browser, "#late-number") == f"{sum(late) / 200:.1f} s"
    assert f"{max(late):.1f} s at worst" in text(browser, "#late-more")
    bad = sum(request.fault is not None for request in server.requests)
    assert text(browser, "#wrong-number") == str(bad)
    assert number(browser, ".track :is(.wrong, .throttled)") == bad
    assert browser.execute_script("return document.documentElement.scrollWidth") <= size[0]
    assert browser.execute_script(CONTRAST) >= 4.5
    ground = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(20, 22, 26)") == (scheme == "dark")
    assert browser.save_screenshot(str(tmp_path / "page.png"))


def test_it_is_drawn_as_it_comes(
    browser: WebDriver, server: MockServer, clock: VirtualClock
) -> None:
    """A poll appears when it is made, the end when it has come, the lateness when it is told."""
    browser.get(server.url)
    until(browser, lambda: "Point a client at" in text(browser, "#note"))
    server.job("a", duration=10, outcome="completed", faults={2: Fault.http(429)})
    poll(server, "a")
    until(browser, lambda: number(browser, ".job .track .pending") == 1)
    assert (text(browser, ".count[role=cell]"), text(browser, ".told[role=cell]")) == (
        "1",
        "running",
    )
    poll(server, "a")
    until(browser, lambda: number(browser, ".job .track .throttled") == 1)
    clock.advance(12)
    until(browser, lambda: text(browser, ".told[role=cell]") == "not told")
    assert number(browser, ".job.ended") == 1
    assert text(browser, "#jobs-more") == "1 not told yet"
    clock.advance(1)
    poll(server, "a")
    until(browser, lambda: text(browser, ".told[role=cell]") == "3.0 s")
    label = browser.find_element(By.CSS_SELECTOR, ".job .track").get_attribute("aria-label")
    assert label == "3 polls: pending, HTTP 429, completed"
    assert text(browser, "#late-number") == "3.0 s"
    server.job("a", duration=10)
    poll(server, "a")
    until(browser, lambda: text(browser, ".told[role=cell]") == "running")
    assert text(browser, "#polls-more").startswith("1 poll in 4 requests")


def test_a_job_id_is_text(browser: WebDriver, server: MockServer) -> None:
    """Whatever it looks like: no element comes from it, and no script runs."""
    browser.get(server.url)
    for job_id in NASTY:
        poll(server, job_id)
    until(browser, lambda: number(browser, ".job") == len(NASTY))
    assert texts(browser, ".job .id") == NASTY[::-1]
    assert number(browser, "img, script") == 1
    assert browser.execute_script("return window.hurt === undefined")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= WIDE[0]


def test_time_by_the_clock(browser: WebDriver, server: MockServer, clock: VirtualClock) -> None:
    """The keyboard chooses whether all lines begin at the left, or each when its job did."""
    for job_id, seconds in (("a", 60), ("b", 0)):
        server.job(job_id, duration=10)
        poll(server, job_id)
        clock.advance(seconds)
    browser.get(server.url)
    until(browser, lambda: number(browser, ".job") == 2)
    where = "return [...document.querySelectorAll('.job .run')].map((one) => one.offsetLeft)"
    assert browser.execute_script(where) == [0, 0]
    browser.find_element(By.CSS_SELECTOR, "[value=job]").send_keys(Keys.ARROW_RIGHT)
    until(browser, lambda: browser.execute_script(where)[0] > 400)
    assert browser.execute_script(where)[1] == 0


def test_the_servers_end(chromium: WebDriver, clock: VirtualClock) -> None:
    """It is said, and all stays as it was; a server that takes its place is shown in its turn."""
    dress(chromium, WIDE, "light")
    with MockServer(clock=clock) as server:
        chromium.get(server.url)
        poll(server, "a")
        until(chromium, lambda: number(chromium, ".job") == 1)
        assert text(chromium, "#state").endswith(", live")
    until(chromium, lambda: text(chromium, "#state").startswith("The server is gone."))
    assert texts(chromium, ".job .id") == ["a"]
    with MockServer(clock=clock, port=server.port) as other:
        poll(other, "b")
        until(chromium, lambda: texts(chromium, ".job .id") == ["b"])
        assert text(chromium, "#jobs-number") == "1"
        chromium.get("about:blank")


def test_very_many_jobs(browser: WebDriver, clock: VirtualClock) -> None:
    """The latest are drawn, and the others counted."""
    with MockServer(duration=0, clock=clock) as server:
        for part in range(100):
            poll(server, ",".join(f"{part}-{one}" for one in range(500)))
        browser.get(server.url)
        until(browser, lambda: text(browser, "#jobs-number") == "50,000")
        assert number(browser, ".job") == 200
        assert text(browser, ".job .id") == "99-499"
        assert text(browser, "#polls-more") == "50,000 polls in 100 requests"
        assert "the latest 200 jobs; 49,800 earlier jobs" in texts(browser, "#note")[0]


def test_what_the_server_does_not_keep(browser: WebDriver, clock: VirtualClock) -> None:
    """A job's polls are counted, drawn or not; what can't be drawn is said."""
    with MockServer(keep_requests=2, clock=clock) as server:
        for _ in range(5):
            poll(server, "a")
        browser.get(server.url)
        until(browser, lambda: number(browser, ".track .mark") == 2)
        assert text(browser, ".count[role=cell]") == "5"
        assert text(browser, "#note") == "3 earlier requests are not kept by the server any more."


def test_picture(
    browser: WebDriver, colourful: MockServer, clock: VirtualClock, tmp_path: Path
) -> None:
    """The picture of the docs: ``PAGE_PICTURE=$PWD/docs/page.png tox -e page -- -k picture``."""
    dress(browser, (1200, 800), "light")
    path = Path(os.environ.get("PAGE_PICTURE") or tmp_path / "page.png")
    colourful.job("job-005", faults={4: Fault.http(429, {"Retry-After": "4"})})
    wait_for(colourful, clock, 16, backoff_factor=1.5, max_wait_time=33)
    browser.get(colourful.url)
    until(browser, lambda: number(browser, ".job") == 16)
    # Not a port that was free by chance.
    usual = "document.querySelector('#state').textContent = '127.0.0.1:5000, live'"
    browser.execute_script(usual)
    assert browser.save_screenshot(str(path))
    assert path.stat().st_size < 150_000
