"""Where a long text is cut: whatever people see or click as one thing stays one."""

import random
import re

import pytest
import regex

from esb.channels.cutting import Cutter
from esb.channels.pagination import markdown_pages, pages
from tests.support.costs import affordable

LINK = '<a href="https://ops.example.com/alerts/42?host=db-01&tab=cpu">看图</a>'
ADDRESS = "https://ops.example.com/alerts/42?host=db-01&tab=cpu#now"


def cuts(text: str, room: int) -> list[str]:
    cutter, parts, start = Cutter(text), [], 0
    while start < len(text):
        end = cutter.end(start, room)
        assert start < end
        parts.append(text[start:end])
        start = end
    assert "".join(parts) == text
    assert all(len(part.encode()) <= room for part in parts)
    return parts


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a long line\nanother line\n", ["a long line\n", "another line\n"]),
        ("one two three four", ["one two three ", "four"]),
        ("告警" * 5, ["告警" * 2 + "告", "警" + "告警" * 2]),
        ("告警，一二 cpu_usage", ["告警，一二 ", "cpu_usage"]),
        ("a" * 20, ["a" * 16, "a" * 4]),
        ("ab\u3000cdefghijklmnopq", ["ab\u3000cdefghijklm", "nopq"]),
        ("x" * 12 + "e\u0301" * 3, ["x" * 12 + "e\u0301", "e\u0301" * 2]),
        ("x" * 10 + "🇨🇳", ["x" * 10, "🇨🇳"]),
        ("1\u20e3" * 5, ["1\u20e3" * 4, "1\u20e3"]),
        ("a\r\n" * 6, ["a\r\n" * 5, "a\r\n"]),
        ("x" * 15 + "<b>y</b>", ["x" * 15, "<b>y</b>"]),
        ("告警 a@x.com 告警", ["告警 a@x.com ", "告警"]),
        ("告警告ab@x.com", ["告警告", "ab@x.com"]),
    ],
)
def test_a_text_is_cut_where_it_hurts_least(text: str, parts: list[str]) -> None:
    assert cuts(text, 16) == parts


@pytest.mark.parametrize(
    "whole",
    [
        LINK,
        ADDRESS,
        "https://ops.example.com/告警/图.png",
        "[看图](https://ops.example.com/a/b)",
        "[看图](https://ops.example.com/a_(b)_(c))",
        "[[告警] 看 图](https://ops.example.com/a/b)",
        '![图 1](https://ops.example.com/a.png "磁盘 使用率")',
        '<a href="https://ops.example.com/a/b"><font color="warning">看 图</font></a>',
        "👩\u200d👩\u200d👧\u200d👦",
        "e\u0301",
    ],
)
@pytest.mark.parametrize("before", ["x", "告", "告警 ", "a\n"])
def test_what_belongs_together_is_never_cut_wherever_the_edge_is(whole: str, before: str) -> None:
    for length in range(120):
        text = before * length + whole + "告警" * 100
        assert any(whole in part for part in cuts(text, 128)), length


def test_a_word_that_begins_in_an_address_is_cut_rather_than_the_address() -> None:
    assert cuts("告" * 6 + "ab@x.com_foobar", 32) == ["告" * 6 + "ab@x.com_fooba", "r"]


def test_a_link_longer_than_a_page_is_cut_like_other_text() -> None:
    assert cuts(f"https://x.test/{'a' * 100}", 64)[0] == "https://x.test/" + "a" * 49


@pytest.mark.parametrize("cut", [pages, markdown_pages])
@pytest.mark.parametrize("seed", range(30))
def test_a_long_chinese_text_keeps_every_link_and_every_character(seed: int, cut: type) -> None:
    chance = random.Random(seed)
    words = ["磁盘告警，", "请处理。", "host-01 ", "👩\u200d💻", "é\u0301", "\n", LINK, ADDRESS + " ", "cpu=91.5%;"]
    text = "".join(chance.choices(words, k=300))
    made = [page.partition("\n")[2] for page in cut(text, 2048)]
    assert "".join(made) == text
    for link in (LINK, ADDRESS):
        assert sum(page.count(link) for page in made) == text.count(link)
    clusters = [regex.findall(r"\X", page) for page in made]
    assert [cluster for page in clusters for cluster in page] == regex.findall(r"\X", text)


def test_markdown_links_and_colours_survive_a_cut() -> None:
    text = "".join(
        f'<font color="warning">磁盘 {number}</font> [看图](https://x.test/{number}) ' for number in range(200)
    )
    made = markdown_pages(text, 2048)
    assert len(made) > 3
    assert [int(number) for page in made for number in re.findall(r"\[看图\]\(https://x.test/(\d+)\)", page)] == [
        *range(200)
    ]
    assert all(page.count("<font") == page.count("</font>") for page in made)


def test_a_fence_is_opened_again_by_its_first_line_alone() -> None:
    first, second, *_ = markdown_pages("  ```py\n" + "x = 1\n" * 400 + "```\n", 2048)
    assert first.partition("\n")[2].startswith("  ```py\nx = 1\n")
    assert second.partition("\n")[2].startswith("```py\nx = 1\n")


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "<",
        "<a",
        "[",
        "a@",
        "www.",
        "http://",
        "\u0301",
        "🇨",
        "a:",
        "<a>",
        "\n",
        "a-",
        "[a](",
        "[a](b(",
        "[[a",
        "[a]",
        "<a><b>",
        '![a](b "',
    ],
)
def test_odd_text_is_cut_in_no_time(unit: str) -> None:
    text = unit * (40_000 // len(unit))
    assert affordable(lambda: cuts(text, 2048), 10)
