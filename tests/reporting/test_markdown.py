"""Text in Markdown: it is shown as it is, and has no effect."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skfashion._reporting.markdown import escape, format_code, format_table
from tests.reporting.pages import PARSER, Page

# Characters that mean something, often.
TEXTS = st.text(
    st.sampled_from("\\`*_[]()#+-.!|<>&~$:@/\"'=^{} \n\r\t\x00ab1é\u2028")
    | st.characters(codec="utf-8"),
    max_size=30,
)


def shown(text):
    """Return text as one line, which is how a cell shows it."""
    spaced = "".join(
        " " if each in "\x85\u2028\u2029" or each < " " or "\x7f" <= each <= "\x9f" else each
        for each in text
    )
    return " ".join(spaced.split())


@given(TEXTS, TEXTS)
def test_a_table_shows_any_text_as_it_is(head, cell):
    page = Page(format_table([head, "b"], [[cell, "x"]]))
    assert page.tables == [[[shown(head), "b"], [shown(cell), "x"]]]
    assert page.kinds <= {"inline", "text", "text_special"} | {
        f"{tag}_{end}"
        for tag in ("table", "thead", "tbody", "tr", "th", "td")
        for end in ("open", "close")
    }


@given(TEXTS)
def test_a_heading_shows_any_text_as_it_is(text):
    page = Page(f"# a {escape(text)} b")
    assert page.headings == [f"a {shown(text)} b"]


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "a | b",
        "[a](javascript:alert(1))",
        "![a](http://example.org/a.png)",
        "`code` *a* __b__ ~~c~~ __init__ $x$ &lt; &#60;",
        "a\n\n# b\n\n| c |",
        "https://example.org @name :tada: #1",
    ],
)
def test_html_has_the_text_in_paragraphs_only(text):
    html = PARSER.render(f"a {escape(text)}")
    assert html.startswith("<p>a ")
    assert html.count("<") == 2
    assert "://" not in escape(text)


def test_plain_names_stay_readable():
    assert escape("T-shirt/top, mobilenet_v2: 3.5%") == "T-shirt/top, mobilenet_v2: 3.5%"


def test_long_text_is_cut():
    assert escape("a" * 501) == "a" * 499 + "…"


def test_code_may_hold_fences():
    code = 'text = """\n```\n# no heading\n`````\n"""'
    page = Page(format_code(code, "python"))
    assert page.code == [("python", code + "\n")]
    assert page.kinds == {"fence"}
