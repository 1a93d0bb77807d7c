"""Html as text: what people would read, and no time for what nobody would write."""

import pytest

from esb.channels.mail.html_text import MOST_CHARACTERS, text_of
from tests.support.costs import affordable


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<b>你好</b>", "你好"),
        ("plain &lt;text&gt; &amp; more", "plain <text> & more"),
        ("a < b, c > d", "a < b, c > d"),
        ("<p>one</p><p>two</p>", "one\n\ntwo"),
        ("one<br>two<BR/>three", "one\ntwo\nthree"),
        ("<ul><li>one</li><li>two</li></ul>", "- one\n\n- two"),
        ("<table><tr><td>CPU</td><td>91%</td></tr></table>", "CPU 91%"),
        ("<a href='https://x.test/a?b=1&amp;c=2'>see</a>", "see <https://x.test/a?b=1&c=2>"),
        ('<a href="https://x.test/">https://x.test/</a>', "https://x.test/"),
        ('<a href="https://x.test/"><img alt=""></a>', "https://x.test/"),
        ('<a href="javascript:alert(1)">click</a>', "click"),
        ('<img src="cid:a" alt="the disk">', "the disk"),
        ("<style>b {color: red}</style><script>if (a<b) x()</script>text", "text"),
        ("<head><title>T</title></head><body>text</body>", "text"),
        ("<!-- a <b> c -->text<!DOCTYPE html>", "text"),
        ("<!-- never closed", ""),
        ("<style>never closed", ""),
        ("  many \n\n blanks  ", "many blanks"),
        ("a&nbsp;b", "a b"),
        ('<a href="http://x.test">A</a> b</a> c', "A <http://x.test> b c"),
        ("", ""),
    ],
)
def test_what_html_shows_is_its_text(markup: str, text: str) -> None:
    assert text_of(markup) == text


@pytest.mark.parametrize(
    "unit",
    [
        "<",
        "<a",
        "<!--",
        "<a href='",
        '<a href="x">',
        "</a>",
        "<style>",
        "&amp;",
        "<p>",
        "href=",
        "<a href=\"' alt='",
        "&",
    ],
)
def test_odd_markup_takes_no_longer_than_other_text(unit: str) -> None:
    markup = unit * (MOST_CHARACTERS // len(unit))
    assert affordable(lambda: text_of(markup), 10)


def test_only_the_beginning_of_a_very_long_one_is_told_and_the_cut_is_shown() -> None:
    text = text_of("a" * (MOST_CHARACTERS + 1))
    assert (len(text), text[-3:]) == (MOST_CHARACTERS + 2, "a\n…")
