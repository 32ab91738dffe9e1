"""The page in a real browser: nothing on the console, the first screen, sorting, and contrast in light and dark.

Skipped where there is no chromium; the accessibility check also where npm cannot fetch axe-core.
"""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import tarfile

import pytest

from harness.discovery import registry

from ..made_up import as_results, made_up

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
AXE = "axe-core@4.10.3"
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--enable-logging=stderr",
)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here")


def written(folder, **sweep):
    (path,) = registry.find("report", "html").load()(as_results(made_up(**sweep)), folder)
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def big(tmp_path_factory):
    """3 tasks x 6 architectures x 6 lengths x 5 seeds."""
    return written(tmp_path_factory.mktemp("big"))


@pytest.fixture
def browse(tmp_path):
    """What a script finds in a page (it calls `tell(...)`), and what the browser said on the console."""

    def run(page, script, width=1280, height=800, dark=False):
        telling = "const tell = (found) => parent.postMessage(JSON.stringify(found), '*');"
        (tmp_path / "page.html").write_text(f"{page}<script>{telling}\n{script}</script>", encoding="utf-8")
        frame = tmp_path / "frame.html"
        frame.write_text(_FRAME.format(width=width, height=height))
        command = [CHROMIUM, *QUIET, f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=20000"]
        command += ["--window-size=1300,900", f"--blink-settings=preferredColorScheme={0 if dark else 1}", "--dump-dom"]
        done = subprocess.run([*command, frame.as_uri()], capture_output=True, text=True, timeout=120)
        found = re.search(r'<pre id="told">(.*?)</pre>', done.stdout, flags=re.DOTALL)
        assert found, done.stderr
        assert found[1], done.stderr
        return json.loads(html.unescape(found[1])), [line for line in done.stderr.splitlines() if "CONSOLE" in line]

    return run


_FRAME = """<!DOCTYPE html><iframe src="page.html" style="border:0;width:{width}px;height:{height}px"></iframe>
<pre id="told"></pre>
<script>onmessage = (message) => {{ document.getElementById("told").textContent = message.data; }};</script>"""

FIRST_SCREEN = """
const box = (what) => { const b = what.getBoundingClientRect(); return [b.top, b.bottom, b.right]; };
onload = () => tell({
  verdict: box(document.querySelector(".verdict")), chart: box(document.querySelector("svg")),
  wide: document.documentElement.scrollWidth,
  asked: performance.getEntriesByType("resource").length,
});
"""
SORT = """
const column = () => [...document.querySelector("#heat").tBodies[0].rows].map((row) => row.cells[1].textContent.trim());
const button = document.querySelectorAll("#heat thead button")[1];
const states = [column()];
for (const _ of [1, 2]) { button.click(); states.push(column(), button.parentNode.getAttribute("aria-sort")); }
tell(states);
"""


def test_the_console_stays_empty_and_nothing_is_requested(browse, big):
    found, console = browse(big, FIRST_SCREEN)
    assert console == []
    assert found["asked"] == 0


def test_a_request_would_be_stopped_and_seen(browse, big):
    _, console = browse(big, "new Image().src = 'http://127.0.0.1:9/';" + FIRST_SCREEN)
    assert "Content Security Policy" in console[0]


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_the_first_screen_shows_the_verdict_and_a_chart(browse, big, width, height):
    found, _ = browse(big, FIRST_SCREEN, width, height)
    assert found["verdict"][1] < height / 2
    assert found["chart"][0] < height - 200  # enough of it to be seen
    assert found["wide"] <= width


def test_a_click_on_a_heading_sorts_and_another_turns_it_round(browse, big):
    before, up, ascending, down, descending = browse(big, SORT)[0]
    horizons = [int(text.split()[0].replace("none", "0")) for text in up]
    assert (ascending, descending) == ("ascending", "descending")
    assert horizons == sorted(horizons)
    assert sorted(down) == sorted(up) == sorted(before)
    assert [int(text.split()[0]) for text in down] == sorted(horizons, reverse=True)


@pytest.fixture(scope="session")
def axe(tmp_path_factory):
    """The source of axe-core, an accessibility engine."""
    folder, npm = tmp_path_factory.mktemp("axe"), shutil.which("npm")
    if npm is None:
        pytest.skip("there is no npm here")
    done = subprocess.run([npm, "pack", AXE, "--silent"], cwd=folder, capture_output=True, text=True, timeout=120)
    if done.returncode:
        pytest.skip(f"npm cannot fetch {AXE}: {done.stderr[-200:]}")
    (archive,) = folder.glob("*.tgz")
    with tarfile.open(archive) as opened:
        return opened.extractfile("package/axe.min.js").read().decode()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_an_accessibility_engine_finds_nothing_to_complain_about(browse, axe, tmp_path, dark):
    script = """
    for (const details of document.querySelectorAll("details")) details.open = true;
    axe.run().then((found) => tell({
      dark: matchMedia("(prefers-color-scheme: dark)").matches, passed: found.passes.map((rule) => rule.id),
      wrong: found.violations.map((rule) => [rule.id, rule.nodes.slice(0, 3).map((node) => node.html.slice(0, 200))]),
    }));
    """
    page = written(tmp_path, architectures=["bidirectional:lstm", "gru"], lengths=[10, 100], seeds=2)
    found, _ = browse(page, f"{axe}\n{script}", dark=dark)
    assert found["dark"] is dark
    assert found["wrong"] == []
    assert {"color-contrast", "document-title", "svg-img-alt"} <= set(found["passed"])
