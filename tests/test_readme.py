"""Every command of the README and of the pages that go on from it is run, made short; the main job in full if asked."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from .short_commands import shortened

ROOT = Path(__file__).parent.parent
README = "README.md"
PAGES = [README, *(f"docs/{name}.md" for name in ("start", "sweeps", "tuning", "reports", "speed"))]
DASHBOARD = "harness dashboard"
ELSEWHERE = (  # what needs more than a folder: these run in tests of their own
    DASHBOARD,  # test_dashboard.py
    *("harness status", "harness status --watch", "harness show 1f3a5c7e"),  # cli/test_sweeps.py
    *("harness sweeps", "harness runs"),  # and these
    "harness retry --status error,timeout",
    *("harness report", "harness report --format md,csv,json --out results"),  # cli/test_report.py
    "harness report --figures figures",
    "harness bench --arch rnn,lstm,gru --length 50,200,800 --batch 32 --hidden 128 --memory",  # speed/test_bench.py
    *(
        "harness bench --arch ./my_cell.py --length 50 --save before",
        "harness bench --compare before --fail-on slower:10%",
    ),
    "harness bench --device cuda --precision bf16-mixed --memory",
    *("harness compare lstm gru --task adding", "harness compare --baseline main.json --fail-on regression"),
    "harness run --arch lstm,gru --task adding --tuned --seeds 6",  # cli/test_tune.py
)


def blocks(page, language):
    found = re.findall(r"^```(\w*)\n(.*?)^```$", (ROOT / page).read_text(), flags=re.DOTALL | re.MULTILINE)
    return [body for name, body in found if name == language]


def commands(*pages):
    """The lines that begin with harness, each once."""
    lines = "".join(block for page in pages for block in blocks(page, "sh")).splitlines()
    return list(dict.fromkeys(line.partition(" #")[0].strip() for line in lines if line.startswith("harness ")))


@pytest.fixture
def research_folder(folder, empty_store):
    """What a reader has after saving the files of the pages."""
    import shutil

    shutil.copy(empty_store, folder / "mlflow.db")
    (folder / "my_cell.py").write_text(blocks("docs/start.md", "python")[0])
    (folder / "sweep.toml").write_text(blocks("docs/sweeps.md", "toml")[0])
    return folder


@pytest.mark.parametrize("command", [command for command in commands(*PAGES) if command not in ELSEWHERE])
def test_commands_of_the_pages_work(command, research_folder, capsys):
    from harness.cli.main import main

    assert main(shortened(shlex.split(command)[1:])) == 0
    assert capsys.readouterr().out.strip()


def test_the_readme_has_the_commands_that_a_reader_needs():
    text = " ".join(commands(README))
    assert DASHBOARD in commands(README)
    for verb in ("run --arch lstm --task copy", "list", "describe", "./my_cell.py"):
        assert verb in text


def test_the_python_of_the_readme_works(research_folder, python):
    (text,) = blocks(README, "python")
    (research_folder / "mine.py").write_text(text.replace("steps=500", "steps=3, jobs=1"))
    python("mine.py", cwd=research_folder)
    assert (research_folder / "accuracy.pdf").read_bytes().startswith(b"%PDF")


def test_the_readme_is_short_and_its_picture_is_there():
    text = (ROOT / README).read_text()
    assert len(text.splitlines()) < 100
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", text)
    assert pictures
    assert [picture for picture in pictures if not (ROOT / picture).is_file()] == []


@pytest.mark.slow
def test_the_readmes_main_job_shows_a_real_curve(tmp_path):
    """Solved at its shortest length, near chance at its longest; what it takes is the README's to say."""
    import json

    command = [sys.executable, "-m", "harness.cli.main", "run", "--arch", "lstm", "--task", "copy", "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    by_length = {record["spec"]["length"]: record for record in json.loads(done.stdout)}
    shortest, longest = by_length[min(by_length)], by_length[max(by_length)]
    assert shortest["accuracy"] >= shortest["solved_at"]
    assert longest["accuracy"] < longest["chances"][str(max(by_length))] + 0.15
