"""The pages of the documentation, and the Python that is printed on them."""

import ast
import builtins
import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.rst"))]

_MARKDOWN = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
# A comment above a block says why it is not run: ".. not run: fastai".
_RST = re.compile(
    r"(?:^ *\.\. not run: (?P<reason>.+)\n\n)?"
    r"^(?P<indent> *)\.\. code-block:: python\n(?P<code>(?:(?P=indent) {3}.*\n|\n)+)",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Block:
    """Python that a page prints."""

    page: str
    line: int
    code: str
    not_run: str | None = None

    def compile(self):
        # Tracebacks show the line of the page.
        return compile("\n" * (self.line - 1) + self.code, self.page, "exec")


def find_blocks(page: Path) -> list[Block]:
    """Return the blocks of Python of a page, from top to bottom."""
    text = page.read_text()
    if page.suffix == ".md":
        return [
            Block(page.name, text.count("\n", 0, match.start(1)) + 1, match[1])
            for match in _MARKDOWN.finditer(text)
        ]
    return [
        Block(
            page.name,
            text.count("\n", 0, match.start("code")) + 1,
            textwrap.dedent(match["code"]),
            match["reason"],
        )
        for match in _RST.finditer(text)
    ]


def find_undefined(blocks: list[Block]) -> set[str]:
    """Return the names that blocks use before they, or Python, define them."""
    defined, undefined = set(dir(builtins)), set()
    for block in blocks:
        nodes = list(ast.walk(ast.parse(block.code)))
        for node in nodes:
            defined |= _definitions(node)
        undefined |= {node.id for node in nodes if isinstance(node, ast.Name)} - defined
    return undefined


def _definitions(node: ast.AST) -> set[str]:
    match node:
        case ast.Name(ctx=ast.Store()):
            return {node.id}
        case ast.arg():
            return {node.arg}
        case ast.FunctionDef() | ast.ClassDef():
            return {node.name}
        case ast.Import() | ast.ImportFrom():
            return {(each.asname or each.name).partition(".")[0] for each in node.names}
    return set()
