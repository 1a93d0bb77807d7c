"""Texts that attack a page: in every field of every form they are text, and no address of theirs is a link."""

from html.parser import HTMLParser
from itertools import cycle

import pytest

from tests.support.hostile_texts import ADDRESSES, TEXTS
from tests.support.sandbox_messages import send_everything
from tests.support.wechat_client import WeChat

ELEMENTS = frozenset(
    {
        *("html", "head", "meta", "title", "link", "script", "body", "svg", "symbol", "path", "circle", "use"),
        *("a", "header", "span", "p", "nav", "div", "aside", "form", "input", "label", "datalist", "option", "button"),
        *("main", "h1", "h2", "h3", "ol", "ul", "li", "article", "b", "time", "footer", "section", "select", "small"),
        *("code", "strong", "em", "br", "blockquote", "pre", "table", "thead", "tbody", "tr", "th", "td", "hr", "dl"),
        *("dt", "dd", "img"),
    }
)
ATTRIBUTES = frozenset(
    {
        *("lang", "charset", "name", "content", "rel", "href", "type", "class", "viewbox", "d", "cx", "cy", "r"),
        *("width", "height", "aria-hidden", "id", "title", "datetime", "action", "method", "value", "list"),
        *("autocomplete", "spellcheck", "for", "hreflang", "aria-current", "aria-label", "aria-labelledby", "role"),
        *(
            "hidden",
            "tabindex",
            "data-on",
            "data-off",
            "data-events",
            "data-older",
            "data-calls",
            "src",
            "defer",
            "target",
            "alt",
        ),
        *("loading", "download"),
    }
)


class Reader(HTMLParser):
    """Everything in a page that could act."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.addresses: set[str] = set()
        self.scripts: list[str | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.addresses |= {value or "" for name, value in attrs if name in ("href", "src", "action")}
        if tag == "script":
            self.scripts.append(dict(attrs).get("src"))


@pytest.mark.parametrize(("text", "address"), list(zip(TEXTS, cycle(ADDRESSES), strict=False)))
async def test_hostile_texts_are_text_everywhere(wechat: WeChat, text: str, address: str) -> None:
    number = await send_everything(wechat, text, address)
    await wechat.send(await wechat.wecom_token(), touser=f"zhangsan|{text}")
    paths = ["/_sandbox/inbox", *(f"/_sandbox/inbox/{each + 1}" for each in range(number))]
    query = {"platform": text, "app": text, "touser": text, "text": text}
    for path, params in [*((each, {}) for each in paths), ("/_sandbox/inbox", query)]:
        response = await wechat.raw("GET", path, headers={"Accept": "text/html"}, params=params)
        assert response.status == 200
        reader = Reader()
        reader.feed(await response.text())

        assert reader.elements <= ELEMENTS
        assert reader.attributes <= ATTRIBUTES
        assert all(source and source.startswith("/_sandbox/inbox/static/") for source in reader.scripts)
        harmless = ("/_sandbox/", "#", "?", "https://a.example")
        assert {each for each in reader.addresses if not each.startswith(harmless)} == set()


async def test_the_attack_is_shown_as_it_was_written(wechat: WeChat) -> None:
    await wechat.robot(TEXTS[0])
    response = await wechat.raw("GET", "/_sandbox/inbox", headers={"Accept": "text/html"})
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in await response.text()
