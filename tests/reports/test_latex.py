"""LaTeX tables: what stands in them, that every name is escaped, that TeX takes them."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace

import pytest

from harness.analysis.aggregation import summarise
from harness.discovery import registry

from ..made_up import as_results, made_up

AWKWARD = r"""[a]*_b & 100% #1 $x$ {y} ~^\z <k> | "q" --- [ """


@pytest.fixture
def written(tmp_path):
    def write(results):
        (path,) = registry.find("report", "latex").load()(results, tmp_path)
        assert path.suffix == ".tex"
        return path.read_text(encoding="utf-8")

    return write


def tables(text):
    """The rows of each table, as TeX reads them: places between unescaped `&`, rows between `\\\\`."""
    parse(text)
    bodies = re.findall(r"\\begin\{tabular\}\{(l?r*)\}\n(.*?)\\end\{tabular\}", text, re.DOTALL)
    for columns, body in bodies:
        rows = [row for row in re.sub(r"\\(top|mid|bottom)rule", "", body).split(r"\\") if row.strip()]
        places = [[place.strip() for place in re.split(r"(?<!\\)&", row)] for row in rows]
        assert {len(row) for row in places} == {len(columns)}
        yield places


def parse(text):
    """Braces and environments are balanced, and no character that TeX gives a meaning to stands by itself."""
    text = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    opened, environments = 0, []
    for token in re.findall(r"\\[a-zA-Z]+|\\.|[{}%$#&_~^]|\\begin", text.replace("\n", " ")):
        opened += {"{": 1, "}": -1}.get(token, 0)
        assert opened >= 0
        assert token not in "%#~^_", f"{token} is not escaped"
    assert opened == 0
    assert text.replace(r"\$", "").count("$") % 2 == 0
    for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", text):
        if kind == "begin":
            environments.append(name)
        else:
            assert environments.pop() == name
    assert environments == []


def test_there_is_a_table_for_each_task_with_the_numbers_of_the_summary(written):
    results = as_results(made_up(seeds=8))
    found = list(tables(written(results)))
    for task, rows in zip(summarise(results).tasks, found, strict=True):
        assert rows[0] == ["", *(f"$T={n}$" for n in task.lengths)]
        assert rows[-1] == ["chance", *(f"{100 * task.chances[n]:.1f}\\%" for n in task.lengths)]
        for one, row in zip(task.architectures, rows[1:-1], strict=True):
            assert one.label in row[0]
            for length, place in zip(task.lengths, row[1:], strict=True):
                at = one.lengths.get(length)
                if at and at.interval:
                    low, high = (f"{100 * bound:.1f}" for bound in at.interval)
                    assert f"{100 * at.mean:.1f}\\%" in place
                    assert f"{{[}}{low}, {high}{{]}}" in place


def test_bold_is_the_best_and_what_cannot_be_told_apart_from_it(written):
    results = as_results(made_up(tasks=["copy"], seeds=10, failures=False))
    (task,) = summarise(results).tasks
    (rows,) = tables(written(results))
    bold = {row[0].removeprefix(r"\textbf{").removesuffix("}") for row in rows if row[0].startswith(r"\textbf")}
    best = max(task.ran, key=lambda one: one.score)
    apart = {
        name
        for pair in task.pairs
        if pair.told_apart
        for name in (pair.first, pair.second)
        if best.label in (pair.first, pair.second)
    } - {best.label}
    assert bold == {one.label for one in task.ran} - apart
    assert best.label in bold
    assert 0 < len(bold) < len(task.ran)


def test_nothing_is_bold_where_nothing_can_be_told_apart(written):
    text = written(as_results(made_up(tasks=["copy"], seeds=3)))
    assert r"\textbf" not in text
    assert "No difference between architectures can be shown." in text


def test_every_name_is_escaped(written):
    records = made_up(tasks=["copy"], architectures=[AWKWARD, "gru"], seeds=1, failures=False)
    records = [replace(record, spec=replace(record.spec, task_label=f"copy {AWKWARD}")) for record in records]
    (rows,) = tables(written(as_results(records)))
    assert [rows[1][0], rows[2][0]].count("gru") == 1
    assert r"{[}a{]}{*}\_b \& 100\% \#1 \$x\$ \{y\}" in written(as_results(records))


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="needs a TeX")
def test_tex_takes_it(written, tmp_path):
    records = made_up(architectures=[AWKWARD, "lstm", "gru"], seeds=7)
    body = written(as_results(records))
    page = rf"\documentclass{{article}}\usepackage{{booktabs}}\begin{{document}}{body}\end{{document}}"
    (tmp_path / "page.tex").write_text(page, encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]
