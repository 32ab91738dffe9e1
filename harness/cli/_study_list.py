"""What `harness study list` prints: every installed study, without anything heavy imported."""

from __future__ import annotations

import json
import shutil
import textwrap
from typing import Any

from harness.studies.catalogue import all_studies
from harness.studies.kept import kept_record
from harness.studies.question import Study

_NO_VERDICT = "not run yet"


def show_list(as_json: bool) -> None:
    """Name, question, source, cost and verdict of every installed study."""
    rows = [_row(study) for study in all_studies()]
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    if not rows:
        print("No study is installed. harness new study my_hypothesis writes one to begin with.")
        return
    width = shutil.get_terminal_size((10_000, 0)).columns
    for row in rows:
        minutes = row["cpu_minutes"]
        about = "" if row["seeds"] else "about "
        cost = "" if minutes is None else f", {about}{max(1, round(minutes))} CPU min"
        seeds = f", {row['seeds']} seeds" if row["seeds"] else ""
        print(f"{row['name']}: {row['verdict'] or _NO_VERDICT}{seeds}{cost}{row['note']}")
        for text in (row["question"], f"{row['kind']}: {row['source']}"):
            print(textwrap.fill(text, width, initial_indent="    ", subsequent_indent="    "))
    print(
        f"\n{len(rows)} studies. harness study run NAME runs what is missing of one, and judges it.\n"
        "CPU min: the wall time of training, one thread a run, over all runs."
    )


def _row(study: Study) -> dict[str, Any]:
    kept = kept_record(study)
    changed = kept is not None and kept.digest != study.digest
    return {
        "name": study.name,
        "question": study.question,
        "kind": study.kind,
        "source": study.source,
        "verdict": kept.verdict if kept else "",
        "seeds": kept.seeds if kept else 0,
        "cpu_minutes": kept.cpu_seconds / 60 if kept else study.cpu_minutes,
        "note": " (of an older wording)" if changed else "",
        "from": study.origin,
    }
