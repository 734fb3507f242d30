"""Markdown that shows external text as plain text."""

import re
import unicodedata
from collections.abc import Iterable, Sequence

_MOST_CHARACTERS = 500
# Characters of Markdown itself take a backslash. A single "_" has no effect inside a word.
_MARKDOWN = re.compile(r"[\\`*\[\]#]|(?<![^\W_])_|_(?![^\W_])")
# Characters of HTML and of extensions: tables, strikethrough, formulas, mentions, links and emoji.
_EXTENSIONS = re.compile(r"[&<>|~$@]|:(?=\S)")
_NO_TEXT = {"Cc", "Zl", "Zp"}


def escape(text: str) -> str:
    """Return text as Markdown that shows it in one line, without an effect on the page.

    Line breaks and control characters become spaces. Long text is cut.
    """
    spaced = "".join(" " if unicodedata.category(each) in _NO_TEXT else each for each in text)
    line = " ".join(spaced.split())
    if len(line) > _MOST_CHARACTERS:
        line = f"{line[: _MOST_CHARACTERS - 1]}…"
    line = _MARKDOWN.sub(r"\\\g<0>", line)
    return _EXTENSIONS.sub(lambda match: f"&#{ord(match[0])};", line)


def format_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of escaped text."""
    lines = [[*map(escape, columns)], ["---"] * len(columns)]
    lines += ([*map(escape, row)] for row in rows)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def format_code(code: str, language: str) -> str:
    """Return a block of code, between fences that are longer than any in the code."""
    runs = re.findall("`{3,}", code)
    fence = "`" * max([3, *(len(run) + 1 for run in runs)])
    return f"{fence}{language}\n{code}\n{fence}"
