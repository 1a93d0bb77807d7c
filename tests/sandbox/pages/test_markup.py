"""Links, WeCom's markdown and the few tags of texts: what they become, and what stays text."""

import time

import pytest

from esb.sandbox.pages.hues import hue
from esb.sandbox.pages.links import web_address
from esb.sandbox.pages.markdown import markdown, markdown_v2
from esb.sandbox.pages.plain_text import card_description, with_links

REL = 'rel="noopener noreferrer nofollow" target="_blank"'


@pytest.mark.parametrize(
    "address", ["http://a", "https://example.com/x?a=1&b=%20#c", "HTTPS://例子.cn/路径", "http://[::1]/"]
)
def test_addresses_of_web_pages_are_links(address: str) -> None:
    assert web_address(address) == address


@pytest.mark.parametrize(
    "address",
    [
        *(
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            "data:text/html,x",
            "vbscript:x",
            "file:///etc/passwd",
            "blob:x",
        ),
        *("java\nscript:alert(1)", " javascript:alert(1)", "\x01javascript:alert(1)", "https:javascript:alert(1)"),
        *(
            "//example.com",
            "/path",
            "example.com",
            "https://",
            "http:///x",
            "https://a b",
            'https://a"b',
            "https://a'b",
        ),
        *(
            "https://a<b",
            "https://a\u202eb",
            "https://a\u200bb",
            "http://[oops",
            "",
            None,
            7,
            {"url": "https://a"},
            ["https://a"],
        ),
        "https://" + "a" * 3000,
    ],
)
def test_anything_else_is_none(address: object) -> None:
    assert web_address(address) == ""


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a < b & c", "a &lt; b &amp; c"),
        (
            "see https://a.b/c?d=1&e=2, or",
            f'see <a href="https://a.b/c?d=1&amp;e=2" {REL}>https://a.b/c?d=1&amp;e=2</a>, or',
        ),
        ("看https://a.b/c。好", f'看<a href="https://a.b/c" {REL}>https://a.b/c</a>。好'),
        ('<a href="https://a.b">here</a>!', f'<a href="https://a.b" {REL}>here</a>!'),
        ("<a class=x href='https://a.b/?x=1&amp;y=2'>it</a>", f'<a href="https://a.b/?x=1&amp;y=2" {REL}>it</a>'),
        ('<a href="javascript:alert(1)">here</a>', "here"),
        ('<a href="javas&#99;ript:alert(1)">here</a>', "here"),
        ('<a href="https://a.b" onclick="x()">it</a>', f'<a href="https://a.b" {REL}>it</a>'),
        ("<a href=https://a.b>x</a>", f'&lt;a href=<a href="https://a.b" {REL}>https://a.b</a>&gt;x&lt;/a&gt;'),
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
    ],
)
def test_texts_have_links_and_nothing_else(text: str, html: str) -> None:
    assert with_links(text) == html


def test_descriptions_of_text_cards_have_three_shades() -> None:
    assert card_description(
        '<div class="gray">a<</div><br><div class="gray">2 &amp; 3</div><div class="evil">x</div>'
    ) == (
        "&lt;div class=&quot;gray&quot;&gt;a&lt;&lt;/div&gt;<br>"
        '<span class="shade-gray">2 &amp;amp; 3</span>&lt;div class=&quot;evil&quot;&gt;x&lt;/div&gt;'
    )


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("# A *b*", '<p class="md-heading md-h1">A *b*</p>'),
        ("####### seven", "<p>####### seven</p>"),
        ("#tag", "<p>#tag</p>"),
        ("one\ntwo\n\nthree", "<p>one<br>two<br><br>three</p>"),
        ("**a `b` c**", "<p><strong>a <code>b</code> c</strong></p>"),
        ("`<b>**x**`", "<p><code>&lt;b&gt;**x**</code></p>"),
        ("> q1\n> q2\nrest", "<blockquote><p>q1<br>q2</p></blockquote><p>rest</p>"),
        ('<font color="info">**ok**</font>', '<p><span class="md-info"><strong>ok</strong></span></p>'),
        ('<font color="red">no</font>', "<p>&lt;font color=&quot;red&quot;&gt;no&lt;/font&gt;</p>"),
        ("<@zhangsan> look", '<p><span class="md-mention">@zhangsan</span> look</p>'),
        ("[a](https://b.c/d)", f'<p><a href="https://b.c/d" {REL}>a</a></p>'),
        ("[a](javascript:alert(1))", "<p>[a](javascript:alert(1))</p>"),
        ('[a](https://b.c/"onclick=x)', "<p>[a](https://b.c/&quot;onclick=x)</p>"),
        ("- no list\n| no | table |", "<p>- no list<br>| no | table |</p>"),
        ("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>"),
        ("", ""),
    ],
)
def test_markdown_is_wecoms_subset(text: str, html: str) -> None:
    assert markdown(text) == html


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("*i* **b** 2*3*4", "<p><em>i</em> <strong>b</strong> 2<em>3</em>4</p>"),
        (
            "- a\n  - b\n1. c",
            '<ul class="md-list"><li class="md-depth0"><span class="md-mark">•</span><span>a</span></li>'
            '<li class="md-depth1"><span class="md-mark">•</span><span>b</span></li>'
            '<li class="md-depth0"><span class="md-mark">1.</span><span>c</span></li></ul>',
        ),
        (
            "| a | b |\n|---|:-:|\n| <i> | **2** |",
            "<table><thead><tr><th>a</th><th>b</th></tr></thead>"
            "<tbody><tr><td>&lt;i&gt;</td><td><strong>2</strong></td></tr></tbody></table>",
        ),
        ("| a |\nno table", "<p>| a |</p><p>no table</p>"),
        ("---", "<hr>"),
        ("```\n<b>\n# x\n```\nend", '<pre class="md-code">&lt;b&gt;\n# x</pre><p>end</p>'),
        ("```\nopen", "<p>```<br>open</p>"),
        (
            "![pic](https://a.b/c.png)",
            f'<p><a href="https://a.b/c.png" {REL}><span class="md-picture" aria-hidden="true"></span>pic</a></p>',
        ),
        ("![pic](data:image/svg+xml,x)", "<p>![pic](data:image/svg+xml,x)</p>"),
        ('<font color="info">x</font>', "<p>&lt;font color=&quot;info&quot;&gt;x&lt;/font&gt;</p>"),
        ("> # a\n> b", '<blockquote><p class="md-heading md-h1">a</p><p>b</p></blockquote>'),
    ],
)
def test_markdown_v2_has_lists_tables_and_code_as_well(text: str, html: str) -> None:
    assert markdown_v2(text) == html


@pytest.mark.parametrize(
    "piece", ["**", "*", "`", "[", "](", '<font color="info">', '<a href="', "> ", "- ", "|", "```\n", "<@"]
)
def test_no_text_takes_long(piece: str) -> None:
    text = piece * 4000
    began = time.thread_time()
    for made in (markdown, markdown_v2, with_links, card_description):
        made(text)
    assert time.thread_time() - began < 10


@pytest.mark.parametrize(
    ("color", "name"),
    [
        *(("#173177", "blue"), ("e64340", "red"), ("#FF9900", "amber"), ("#07c160", "green"), ("#00ffff", "teal")),
        *(("#8000ff", "violet"), ("#000000", "plain"), ("#888888", "plain"), ("#ffffff", "plain"), ("", "plain")),
        *(("red", "plain"), ("#17317", "plain"), ('#173177" onclick="x', "plain")),
    ],
)
def test_colours_of_senders_are_the_nearest_of_ours(color: str, name: str) -> None:
    assert hue(color) == name
