"""Long text in pages: whole, in order, and never over the limit."""

import random
import re
from collections.abc import Callable

import pytest

from esb.channels.pagination import CLOSING, MOST_PAGES, markdown_pages, pages
from esb.core.errors import ParameterError

ALPHABETS = ["ab \n", "中文告警，。", "é\u0301ñß", "😀🇨🇳👩\u200d💻", "a中😀é \n(1/2)"]
MARK = re.compile(r"\((\d+)/(\d+)\)\n")


def text_of(chance: random.Random, size: int) -> str:
    alphabet = chance.choice(ALPHABETS)
    return "".join(chance.choices(alphabet, k=size))


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("limit", [32, 100, 2048])
def test_pages_are_within_the_limit_numbered_and_join_to_the_text(seed: int, limit: int) -> None:
    chance = random.Random(seed)
    text = text_of(chance, chance.randrange(1, limit * 12))
    made = pages(text, limit, most=1000)
    assert all(len(page.encode()) <= limit for page in made)
    if len(text.encode()) <= limit:
        assert made == [text]
        return
    marks = [MARK.match(page) for page in made]
    assert [mark and mark.groups() for mark in marks] == [
        (str(number), str(len(made))) for number in range(1, len(made) + 1)
    ]
    assert "".join(page.partition("\n")[2] for page in made) == text


@pytest.mark.parametrize("seed", range(20))
def test_pages_are_filled_as_far_as_lines_and_blanks_allow(seed: int) -> None:
    chance = random.Random(seed)
    made = pages(text_of(chance, 20_000), 2048, most=100)
    assert all(len(page.encode()) >= 2048 // 3 for page in made[:-1])
    assert all(len(page.encode()) >= 2048 - 3 - 2 * 3 for page in pages("中文告警" * 5000, 2048, most=100)[:-1])


@pytest.mark.parametrize("text", ["", "a", "a" * 2048, "中" * 682, "😀" * 512])
def test_a_text_within_the_limit_is_left_as_it_is(text: str) -> None:
    assert pages(text, 2048) == [text]


@pytest.mark.parametrize("cut", [pages, markdown_pages])
def test_a_page_has_as_many_bytes_as_its_limit(cut: Callable[[str, int], list[str]]) -> None:
    assert cut("a" * 2048, 2048) == ["a" * 2048]
    assert len(cut("a" * 2049, 2048)) == 2
    assert max(len(page) for page in cut("a" * 9000, 2048)) <= 2048


@pytest.mark.parametrize("text", ["a" * 2049, "中" * 683, "😀" * 513])
def test_one_character_too_many_makes_two_pages(text: str) -> None:
    assert [page.partition("\n")[0] for page in pages(text, 2048)] == ["(1/2)", "(2/2)"]


@pytest.mark.parametrize(("size", "count"), [(9 * 26, 9), (9 * 26 + 1, 10), (99 * 24, 99), (99 * 24 + 1, 109)])
def test_numbers_that_need_another_digit_find_room(size: int, count: int) -> None:
    made = pages("a" * size, 32, most=1000)
    assert len(made) == count
    assert max(len(page) for page in made) <= 32


def test_a_megabyte_is_cut_in_no_time() -> None:
    made = pages("告警" * 200_000, 2048, most=1000)
    assert 585 < len(made) < 600


@pytest.mark.parametrize("cut", [pages, markdown_pages])
@pytest.mark.parametrize("text", ["a" * (2048 * MOST_PAGES), "告警" * 5_000_000, "<font color=info>" * 100_000])
def test_a_text_that_needs_too_many_pages_is_refused_in_no_time(
    cut: Callable[[str, int], list[str]], text: str
) -> None:
    with pytest.raises(ParameterError, match="too long"):
        cut(text, 2048)


def markdown_of(chance: random.Random) -> str:
    """Text, fenced code and coloured words, in any order but sound."""
    parts = []
    for _ in range(chance.randrange(5, 60)):
        words = "".join(chance.choices(["告警 ", "x" * 70, "\n", "> quote\n", "**b** ", "`c` ", "a ```b``` c"], k=20))
        match chance.randrange(3):
            case 0:
                parts.append(f"\n```python\n{words}\n```\n")
            case 1:
                colour = chance.choice(["info", "comment", "warning"])
                parts.append(f'<font color="{colour}">{words}</font>')
            case 2:
                parts.append(words)
    return "".join(parts)


@pytest.mark.parametrize("limit", [400, 2048, 4096])
@pytest.mark.parametrize("seed", range(30))
def test_markdown_pages_are_whole_within_the_limit_and_lose_nothing(seed: int, limit: int) -> None:
    text = markdown_of(random.Random(seed))
    made = markdown_pages(text, limit, most=1000)
    assert all(len(page.encode()) <= limit for page in made)
    for page in made:
        assert len(re.findall(r"^[ \t]*```[^`\n]*$", page, re.MULTILINE)) % 2 == 0
        outside = re.sub(r"^[ \t]*```[^`\n]*\n.*?^[ \t]*```$", "", page, flags=re.MULTILINE | re.DOTALL)
        assert outside.count("<font") == outside.count("</font>")

    def words(marked: str) -> str:
        return re.sub(r"^\(\d+/\d+\)\n|```python|```|</?font[^>]*>|\s", "", marked)

    assert "".join(words(page) for page in made) == words(text)


@pytest.mark.parametrize(
    "text", ["```" + "x" * 9000, "<font " + "y" * 9000 + ">", "```\n" * 3000, "<font color=a>" * 900]
)
def test_odd_markdown_does_not_break_the_limit(text: str) -> None:
    assert all(len(page.encode()) <= 2048 for page in markdown_pages(text, 2048))


@pytest.mark.parametrize(("mark", "closing"), [("", ""), ("<font color=info>", "</font>")])
def test_a_page_of_markdown_is_filled_to_the_byte(mark: str, closing: str) -> None:
    made = markdown_pages(mark + "a" * 2900, 2048)
    assert len(made) == 2
    assert made[0].endswith(f"a{closing}")
    assert len(made[0].encode()) == (2048 - len(CLOSING) + len(closing) if mark else 2048)


def test_a_text_has_twenty_pages_at_most() -> None:
    for cut in (pages, markdown_pages):
        assert len(cut("a" * 39_000, 2048)) == 20
        with pytest.raises(ParameterError, match="too long"):
            cut("a" * 40_900, 2048)
    assert len(pages("a" * 20 * (2048 - len("(20/20)\n")), 2048)) == 20
