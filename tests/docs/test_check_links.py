"""The crawler of `make docs`, on sites of two pages."""

import importlib.util

import pytest

from .pages import ROOT

SCRIPT = ROOT / "docs" / "check_links.py"

pytestmark = pytest.mark.skipif(
    not SCRIPT.exists(), reason="a source distribution has no documentation"
)


@pytest.fixture(scope="module")
def check_links():
    spec = importlib.util.spec_from_file_location("check_links", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def make_site(tmp_path):
    """Write a page with some links, and a second page with an anchor, in a folder."""

    def make_site(*links):
        (tmp_path / "api").mkdir(exist_ok=True)
        (tmp_path / "api" / "index.html").write_text('<h1 id="here">API</h1>')
        (tmp_path / "picture of it.png").write_bytes(b"")
        tags = "".join(f'<a href="{link}">x</a>' for link in links)
        (tmp_path / "index.html").write_text(f'<p id="top">{tags}</p>')
        return tmp_path

    return make_site


@pytest.mark.parametrize(
    "link",
    [
        "api/index.html",
        "api/index.html#here",
        "api/#here",
        "#top",
        "#",
        "picture%20of%20it.png",
        "mailto:someone@example.org",
    ],
)
def test_links_that_lead_somewhere(check_links, make_site, link):
    assert check_links.find_broken_links(make_site(link)) == ([], [])


@pytest.mark.parametrize(
    "link", ["gone.html", "api/index.html#gone", "api/#gone", "#gone", "../index.html", "gone.png"]
)
def test_links_that_lead_nowhere(check_links, make_site, link, capsys):
    site = make_site("api/index.html", link)
    assert check_links.find_broken_links(site) == ([f"index.html: {link}"], [])
    assert check_links.main(site) == 1
    assert link in capsys.readouterr().err


def test_external_links_are_listed(check_links, make_site):
    site = make_site("https://example.org/b#c", "http://example.org/a", "https://example.org/b#c")
    assert check_links.main(site) == 0
    listed = (site / "external_links.txt").read_text().split()
    assert listed == ["http://example.org/a", "https://example.org/b#c"]
