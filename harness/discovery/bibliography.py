"""BibTeX of the papers behind plugins: whole entries, kept by hand in a file `NAME.bib` beside the plugin's `NAME.py`.

An entry counts for every run of the plugin, or, with a field `when`, for the runs of a variant: `{variant=halves}`
where the option has that value, `{dropout}` where it is neither 0, False, None nor empty. `when` is not printed. A
plugin without such a file has no BibTeX: entries are never made from text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from harness.discovery import registry, source
from harness.errors import HarnessError
from harness.names import short_name, split_parts
from harness.record import Record

Options = Mapping[str, Any]

_ENTRY = re.compile(r"^@(\w+)\{\s*([^,\s]+)\s*,.*?^\}", flags=re.MULTILINE | re.DOTALL)
_WHEN = re.compile(r"^[ \t]*when\s*=\s*\{([^}]*)\},?[ \t]*\n", flags=re.MULTILINE)


class Entry(NamedTuple):
    """One entry of a bibliography."""

    key: str
    text: str  # as printed
    when: str  # the option it depends on: 'variant=halves', 'dropout'; '' for every run

    def counts_for(self, options: Options) -> bool:
        """Whether the entry counts for a run with these options of its plugin."""
        name, equals, value = self.when.partition("=")
        if not self.when:
            return True
        return str(options.get(name)) == value if equals else bool(options.get(name))


def parse(text: str) -> list[Entry]:
    """The entries of a .bib file; each ends with a closing brace at the beginning of a line."""
    entries = []
    for found in _ENTRY.finditer(text):
        condition = _WHEN.search(found[0])
        entries.append(Entry(found[2], _WHEN.sub("", found[0]), condition[1].strip() if condition else ""))
    return entries


def bibliography(records: Iterable[Record]) -> str:
    """The entries of the architectures and tasks of these runs, in the variants that were run; each key once."""
    found: dict[str, str] = {}
    for (kind, name), options in _used(records).items():
        path = _file(kind, name)
        for entry in parse(path.read_text(encoding="utf-8")) if path else ():
            if any(entry.counts_for(one) for one in options):
                found.setdefault(entry.key, entry.text)
    return "\n\n".join(found[key] for key in sorted(found))


def _used(records: Iterable[Record]) -> dict[tuple[registry.Kind, str], list[Options]]:
    """Which plugins were used, and with which options of their own."""
    used: dict[tuple[registry.Kind, str], list[Options]] = {}
    for spec in [record.spec for record in records]:
        used.setdefault(("task", spec.task), []).append(spec.task_options)
        for part in split_parts(spec.architecture):
            prefix = f"{short_name(part)}."
            own = {n.removeprefix(prefix): v for n, v in spec.architecture_options.items() if n.startswith(prefix)}
            used.setdefault(("architecture", part), []).append(own)
    return used


def _file(kind: registry.Kind, name: str) -> Path | None:
    """The .bib file beside a plugin; None where there is none, or the plugin is not here any more."""
    try:
        plugin = registry.find(kind, name)
        path = plugin.path or source.locate(plugin.module)
    except HarnessError:
        return None
    beside = path.with_suffix(".bib") if path else None
    return beside if beside and beside.is_file() else None
