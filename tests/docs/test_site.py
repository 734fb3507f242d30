"""The built site in Chromium: search, pictures, copy buttons, both styles, width of a phone."""

import functools
import http.server
import shutil
import subprocess
import sys
from threading import Thread

import pytest
from PIL import Image

from .pages import ROOT

pytestmark = pytest.mark.slow

DOCS = ROOT / "docs"
PAGES = [
    "index.html",
    "getting_started.html",
    "user_guide.html",
    "comparison.html",
    "auto_examples/index.html",
    "auto_examples/plot_photographs.html",
    "api/index.html",
    "api/generated/skfashion.TransferClassifier.html",
    "development.html",
]
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def site():
    """Serve the site of `make docs`, which is built if it is not there."""
    if not DOCS.exists():
        pytest.skip("a source distribution has no pages")
    html = DOCS / "_build" / "html"
    if not (html / "index.html").exists():
        command = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html", DOCS, html]
        subprocess.run(command, check=True)
    handler = functools.partial(QuietHandler, directory=html)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def browser():
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no program called chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        yield started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])


@pytest.fixture
def open_page(browser, site):
    """Open a page of the site; the test fails if the console has an error."""
    contexts, errors = [], []

    def open_page(name, **options):
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda each: errors.append(each.text) if each.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("requestfailed", lambda request: errors.append(request.url))
        page.on("request", lambda each: errors.append(each.url) if is_elsewhere(each.url) else None)
        page.goto(site + name)
        return page

    def is_elsewhere(url):
        return not url.startswith((site, "data:", "blob:"))

    yield open_page
    for context in contexts:
        context.close()
    assert not errors


@pytest.mark.parametrize("name", PAGES)
def test_pages_open_without_errors_and_load_nothing_from_elsewhere(open_page, name):
    page = open_page(name)
    assert page.locator("h1").count() == 1
    links = page.locator(".navbar-nav .nav-link").all_inner_texts()
    header = ["Get started", "User guide", "Examples", "API", "Development"]
    assert [each for each in links if each in header][:5] == header


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("TransferClassifier", "api/generated/skfashion.TransferClassifier.html"),
        ("freeze", "auto_examples/plot_freeze_depth.html"),
        ("jpeg", "photographs.html"),
    ],
)
def test_the_search_box_finds(open_page, words, found):
    page = open_page("index.html")
    page.locator("button.search-button__button, button.search-button").first.click()
    page.locator("input[type=search]:visible").first.fill(words)
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html*")
    page.locator("#search-results li a").first.wait_for()
    page.wait_for_timeout(3000)
    links = page.locator("#search-results li a").evaluate_all("all => all.map(a => a.href)")
    assert any(found in link for link in links)


def test_thumbnails_load_and_are_not_blank(open_page, site):
    page = open_page("auto_examples/index.html")
    thumbnails = page.locator(".sphx-glr-thumbcontainer img")
    assert thumbnails.count() >= 10
    sizes = thumbnails.evaluate_all("all => all.map(image => image.naturalWidth)")
    assert min(sizes) > 0
    names = thumbnails.evaluate_all("all => all.map(image => image.src)")
    assert len(set(names)) == len(names)
    for name in names:
        file = DOCS / "_build" / "html" / name.removeprefix(site)
        with Image.open(file) as image:
            assert len(image.convert("L").getcolors()) > 20, name


def test_the_copy_button_gives_code_that_runs(open_page, tmp_path):
    page = open_page("getting_started.html", permissions=["clipboard-read", "clipboard-write"])
    block = page.locator("div.highlight-python").first
    block.hover()
    block.locator("button.copybtn").click()
    page.wait_for_timeout(500)
    code = page.evaluate("navigator.clipboard.readText()")
    assert code.strip() == block.locator("pre").inner_text().strip()
    program = "import matplotlib\nmatplotlib.use('agg')\n" + code
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "accuracy: " in done.stdout


def test_the_copy_button_leaves_prompts_out(open_page):
    page = open_page("getting_started.html", permissions=["clipboard-read", "clipboard-write"])
    block = page.locator("div.highlight-console").first
    block.hover()
    block.locator("button.copybtn").click()
    page.wait_for_timeout(500)
    code = page.evaluate("navigator.clipboard.readText()")
    assert code.strip() == 'pip install "skfashion[tensorflow,plot,images]"'


CONTRAST = """
() => {
  const channels = color => color.match(/[0-9.]+/g).slice(0, 3).map(value => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  const luminance = color => {
    const [red, green, blue] = channels(color);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const text = luminance(getComputedStyle(document.querySelector("article p")).color);
  const back = luminance(getComputedStyle(document.body).backgroundColor);
  return (Math.max(text, back) + 0.05) / (Math.min(text, back) + 0.05);
}
"""


@pytest.mark.parametrize("name", PAGES[:2])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast_in_both_styles(open_page, name, scheme):
    page = open_page(name, color_scheme=scheme)
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    assert page.evaluate(CONTRAST) >= 7


@pytest.mark.parametrize("name", PAGES)
def test_pages_fit_the_width_of_a_phone(open_page, name):
    page = open_page(name, viewport=PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
