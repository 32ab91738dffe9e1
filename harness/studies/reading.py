"""From a TOML file to a `Study`; what is wrong with the file is said in one line. The schema is in docs/studies.md."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from harness.errors import UsageError, did_you_mean
from harness.studies.metrics import METRICS
from harness.studies.question import Difference, Equal, Expectation, Lengths, Study, Value, Where
from harness.sweeps.toml_file import read_toml

KINDS = ("claim", "published", "hypothesis")
_KEYS = ("question", "kind", "source", "printed_is", "deviations", "cpu_minutes", "sweep", "expect")
_ANYWHERE = ("in", "task", "sweep", "length", "trained_at", "says")
_ELSEWHERE = ("than_task", "than_sweep", "than_length")
_OWN = {
    "more": ("more", "than", "by", "factor", *_ELSEWHERE),
    "less": ("less", "than", "by", "factor", *_ELSEWHERE),
    "of": ("of", "at_least", "at_most", "printed", "within", "share"),
    "equal": ("equal", "margin"),
}
"""The keys of each kind of expectation, by the key that tells the kind."""
NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,99}", re.ASCII)
NAME_RULE = "a name has letters, digits, '-', '_' and '.', and begins with a letter or a digit"
_FACTOR = re.compile(r"factor\s+(\S+)")


def read_study(path: Path, origin: str = "") -> Study:
    """The study in a file; UsageError where the file cannot be read or says something that cannot be meant."""
    if not NAME.fullmatch(path.stem):
        raise UsageError(f"{path}: {path.stem!r} cannot be the name of a study: {NAME_RULE}.")
    return _File(path).study(read_toml(path, "a study"), origin)


class _File:
    """Reads one file: every error names it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def study(self, content: Mapping[str, Any], origin: str) -> Study:
        self._refuse_unknown(content, _KEYS, "")
        kind = self._text(content, "kind", needed=True)
        if kind not in KINDS:
            self._refuse(did_you_mean("kind of study", kind, KINDS))
        question = self._text(content, "question", needed=True)
        if not question.endswith("?"):
            self._refuse(f"question: takes a sentence that ends with '?', got {question!r}.")
        sweeps = self._sweeps(content.get("sweep"))
        tables = content.get("expect")
        if not isinstance(tables, list) or not tables or not all(isinstance(one, dict) for one in tables):
            self._refuse("A study needs at least one expectation: a table [[expect]].")
        expectations = tuple(
            self._expectation(one, f"[[expect]] {number}", sweeps) for number, one in enumerate(tables, start=1)
        )
        return Study(
            name=self.path.stem,
            path=self.path,
            question=question,
            kind=kind,
            source=self._text(content, "source", needed=True),
            sweeps=sweeps,
            expectations=expectations,
            printed_is=self._printed_is(content, expectations),
            deviations=self._deviations(content.get("deviations", [])),
            cpu_minutes=self._number(content, "cpu_minutes", "", least=0),
            origin=origin,
        )

    def _sweeps(self, tables: Any) -> dict[str, dict[str, Any]]:
        if isinstance(tables, dict):
            tables = [tables]
        if not isinstance(tables, list) or not tables or not all(isinstance(one, dict) for one in tables):
            self._refuse("A study needs a table [sweep], or several [[sweep]], each with a name.")
        found: dict[str, dict[str, Any]] = {}
        for number, table in enumerate(tables, start=1):
            name = self._text(table, "name", f"[[sweep]] {number}, ", needed=len(tables) > 1)
            if name in found:
                self._refuse(f"Two sweeps are called {name!r}: give each a name of its own.")
            found[name] = {key: value for key, value in table.items() if key != "name"}
        return found

    def _expectation(self, table: Mapping[str, Any], where: str, sweeps: Mapping[str, Any]) -> Expectation:
        kinds = [key for key in _OWN if key in table]
        if len(kinds) != 1:
            given = " and ".join(kinds) or "none"
            self._refuse(f"{where}: takes one of more (with than), less (with than), of and equal, got {given}.")
        self._refuse_unknown(table, (*_ANYWHERE, *_OWN[kinds[0]]), f"{where}: ")
        common = self._where(table, f"{where}, ", sweeps)
        if kinds[0] == "of":
            return self._value(table, f"{where}, ", common)
        if kinds[0] == "equal":
            return self._equal(table, f"{where}, ", common)
        return self._difference(table, f"{where}, ", kinds[0], common, sweeps)

    def _where(self, table: Mapping[str, Any], where: str, sweeps: Mapping[str, Any]) -> dict[str, Any]:
        metric = self._text(table, "in", where, needed=True)
        if metric not in METRICS:
            self._refuse(f"{where}in: {did_you_mean('metric', metric, METRICS)}")
        sweep = self._text(table, "sweep", where)
        if sweep not in sweeps and (sweep or len(sweeps) > 1):
            known = (name for name in sweeps if name)
            self._refuse(f"{where}sweep: {did_you_mean('sweep in this study called', sweep, known)}")
        trained = self._number(table, "trained_at", where, least=1)
        lengths = self._lengths(table.get("length", "all"), where)
        if metric == "horizon" and lengths != "all":
            self._refuse(f"{where}length: a horizon is found over all lengths; leave length out.")
        return {
            "metric": metric,
            "task": self._text(table, "task", where),
            "sweep": sweep or next(iter(sweeps)),
            "lengths": lengths,
            "trained_at": None if trained is None else int(trained),
            "says": self._text(table, "says", where),
        }

    def _difference(
        self, table: Mapping[str, Any], where: str, key: str, common: dict[str, Any], sweeps: Mapping[str, Any]
    ) -> Difference:
        names = [self._text(table, one, where, needed=True) for one in (key, "than")]
        than = self._than(table, where, common, sweeps)
        if names[0] == names[1] and than is None:
            self._refuse(f"{where}{names[0]} is compared with itself: name two architectures, or a than_task.")
        first, second = names if key == "more" else names[::-1]
        factor = self._number(table, "factor", where, above=1)
        if factor is not None and "by" in table:
            self._refuse(f"{where}by and factor say the same thing in two ways: leave one of them out.")
        by = self._number(table, "by", where, least=0) or 0.0
        less = key == "less"
        return Difference(first=first, second=second, less=less, by=by, factor=factor, than=than, **common)

    def _than(
        self, table: Mapping[str, Any], where: str, common: Mapping[str, Any], sweeps: Mapping[str, Any]
    ) -> Where | None:
        """Where the other side is taken from, if it is another place."""
        if not any(key in table for key in _ELSEWHERE):
            return None
        task = self._text(table, "than_task", where) or common["task"]
        sweep = self._text(table, "than_sweep", where) or common["sweep"]
        if sweep not in sweeps:
            self._refuse(f"{where}than_sweep: {did_you_mean('sweep in this study called', sweep, sweeps)}")
        lengths = self._lengths(table["than_length"], f"{where}than_") if "than_length" in table else common["lengths"]
        return Where(**{**common, "task": task, "sweep": sweep, "lengths": lengths, "says": ""})

    def _value(self, table: Mapping[str, Any], where: str, common: dict[str, Any]) -> Value:
        low, high = (self._number(table, key, where) for key in ("at_least", "at_most"))
        printed, within = self._number(table, "printed", where), table.get("within")
        bounded = low is not None or high is not None
        if bounded == (printed is not None) or (within is None) != (printed is None):
            self._refuse(f"{where}takes at_least or at_most or both, or printed together with within.")
        if printed is not None:
            low, high = self._around(printed, within, where)
        if low is not None and high is not None and low >= high:
            self._refuse(f"{where}at_least must be below at_most, got {low:g} and {high:g}.")
        share = self._number(table, "share", where, above=0, below=1)
        of = self._text(table, "of", where, needed=True)
        told = "" if within is None else str(within)
        return Value(of=of, low=low, high=high, printed=printed, within=told, share=share, **common)

    def _around(self, printed: float, within: Any, where: str) -> tuple[float, float]:
        """The bounds that lie around a printed number."""
        size, is_factor = self._margin(within, f"{where}within")
        if not is_factor:
            return printed - size, printed + size
        if printed <= 0:
            self._refuse(f"{where}within: a factor is for numbers above 0, and {printed:g} is printed.")
        return printed / size, printed * size

    def _equal(self, table: Mapping[str, Any], where: str, common: dict[str, Any]) -> Equal:
        names = table["equal"]
        if not isinstance(names, list) or len(names) != 2 or not all(isinstance(one, str) for one in names):
            self._refuse(f"{where}equal: takes a list of two architectures, got {names!r}.")
        if names[0] == names[1]:
            self._refuse(f"{where}{names[0]} is compared with itself: name two architectures.")
        if "margin" not in table:
            self._refuse(f"{where}equal needs a margin: the largest difference that makes no difference.")
        margin, is_factor = self._margin(table["margin"], f"{where}margin")
        return Equal(first=names[0], second=names[1], margin=margin, is_factor=is_factor, **common)

    def _margin(self, value: Any, where: str) -> tuple[float, bool]:
        """A size, and whether it is a factor: 0.05, 'factor 3'."""
        found = _FACTOR.fullmatch(value.strip()) if isinstance(value, str) else None
        try:
            size = float(found[1] if found else value)
        except (TypeError, ValueError):
            size = math.nan
        if isinstance(value, bool) or not (1 if found else 0) < size < math.inf:
            self._refuse(f"{where}: takes a number above 0, or 'factor 3' with a number above 1, got {value!r}.")
        return size, found is not None

    def _lengths(self, value: Any, where: str) -> Lengths:
        if value in ("all", "longest"):
            return value  # type: ignore[no-any-return]
        values = value if isinstance(value, list) else [value]
        if not values or any(isinstance(one, bool) or not isinstance(one, int) or one < 1 for one in values):
            self._refuse(f"{where}length: takes a length, a list of lengths, 'all' or 'longest', got {value!r}.")
        return tuple(sorted(set(values)))

    def _printed_is(self, content: Mapping[str, Any], expectations: tuple[Expectation, ...]) -> str:
        told = self._text(content, "printed_is")
        if not told and any(isinstance(one, Value) and one.printed is not None for one in expectations):
            self._refuse("printed_is is missing: say what the printed number is, such as 'mean over 10 seeds'.")
        return told

    def _deviations(self, value: Any) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(one, str) and one.strip() for one in value):
            self._refuse(f"deviations: takes a list of sentences, got {value!r}.")
        return tuple(" ".join(one.split()) for one in value)

    def _text(self, table: Mapping[str, Any], key: str, where: str = "", needed: bool = False) -> str:
        value = table.get(key, "")
        if not isinstance(value, str) or (needed and not value.strip()):
            got = f"got {value!r}" if key in table else "and is missing"
            self._refuse(f"{where}{key}: takes a text, {got}.")
        return " ".join(value.split())

    def _number(
        self,
        table: Mapping[str, Any],
        key: str,
        where: str,
        least: float = -math.inf,
        above: float = -math.inf,
        below: float = math.inf,
    ) -> float | None:
        value = table.get(key)
        if value is None:
            return None
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number or not (least <= value < below and value > above):
            lowest = max(least, above)
            rule = "" if lowest == -math.inf else f" {'of at least' if least >= above else 'above'} {lowest:g}"
            rule += f" and below {below:g}" if below < math.inf else ""
            self._refuse(f"{where}{key}: takes a number{rule}, got {value!r}.")
        return float(value)

    def _refuse_unknown(self, table: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
        for key in table:
            if key not in known:
                self._refuse(f"{where}{did_you_mean('key', key, known)}")

    def _refuse(self, message: str) -> NoReturn:
        raise UsageError(f"{self.path}: {message}")
