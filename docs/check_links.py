"""Check that all links inside a built site lead to a page and an anchor, and list the others.

python docs/check_links.py docs/_build/html
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit


class Page(HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, text: str):
        super().__init__()
        self.links: set[str] = set()
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.links.add(value)
            elif name == "id" or (tag == "a" and name == "name"):
                self.anchors.add(value)


def find_broken_links(site: Path) -> tuple[list[str], list[str]]:
    """Return "page: link" for links that lead nowhere, and the external addresses, sorted."""
    # The theme has templates among its static files.
    pages = {
        path.resolve(): Page(path.read_text("utf-8"))
        for path in site.rglob("*.html")
        if "_static" not in path.parts
    }
    broken, external = [], set()
    for path, page in pages.items():
        for link in page.links:
            address, anchor = urldefrag(link)
            parts = urlsplit(address)
            if parts.scheme in ("http", "https"):
                external.add(link)
            elif not parts.scheme and not _exists(path, unquote(parts.path), anchor, pages):
                broken.append(f"{path.relative_to(site.resolve())}: {link}")
    return sorted(broken), sorted(external)


def _exists(page: Path, target: str, anchor: str, pages: dict[Path, Page]) -> bool:
    file = (page.parent / target).resolve() if target else page
    if file.is_dir():
        file /= "index.html"
    if file not in pages:
        return file.is_file()
    return not anchor or unquote(anchor) in pages[file].anchors


def main(site: str) -> int:
    broken, external = find_broken_links(Path(site))
    Path(site, "external_links.txt").write_text("\n".join(external) + "\n")
    for line in broken:
        print(f"broken link in {line}", file=sys.stderr)
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
