"""The papers behind architectures and tasks, with BibTeX where what is known of them is enough for an entry."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

# As plugins write them: 'Cho et al. 2014, Learning Phrase ..., arXiv:1406.1078', perhaps after 'dropout: '.
_PAPER = re.compile(
    r"(?:[\w ]+: )?(?P<authors>[^\d:;]+?) (?P<year>(?:19|20)\d\d), "
    r"(?P<title>(?!arXiv:).+?)(?:, arXiv:(?P<arxiv>\d{4}\.\d{4,5}))?"
)


class Reference(NamedTuple):
    """What a name stands on."""

    name: str
    text: str
    bibtex: str  # '' where too little is known


def listed(references: Mapping[str, str]) -> list[Reference]:
    return [Reference(name, text, bibtex(text)) for name, text in sorted(references.items()) if text]


def bibtex(text: str) -> str:
    """An entry for each paper of a reference that gives authors, year and title."""
    return "\n".join(_entry(found) for part in text.split("; ") if (found := _PAPER.fullmatch(part.strip())))


def _entry(paper: re.Match[str]) -> str:
    names = re.split(r", | & ", paper["authors"].removesuffix(" et al."))
    authors = " and ".join([*names, "others"] if paper["authors"].endswith(" et al.") else names)
    word = re.sub(r"\W", "", paper["title"].split()[0]).lower()
    key = f"{re.sub(r'[^a-z]', '', names[0].lower())}{paper['year']}{word}"
    lines = {"author": authors, "title": paper["title"], "year": paper["year"]}
    if paper["arxiv"]:
        lines |= {"eprint": paper["arxiv"], "archivePrefix": "arXiv"}
    body = ",\n".join(f"  {name} = {{{value}}}" for name, value in lines.items())
    return f"@misc{{{key},\n{body}\n}}"
