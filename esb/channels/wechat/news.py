"""Articles of WeCom (企业微信): a title, a picture and where a tap leads.

Sources: developer.work.weixin.qq.com/document/path/90236 (news of an app), path/99110 (news of a group robot).
"""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from esb.core.errors import Message
from esb.core.params import Dicts, Label, Params, RequiredText, Text, problem

MOST_ARTICLES = 8
URL_BYTES = 2048
SHOWN_BYTES = {"title": 128, "description": 512}
"""Of each article WeCom shows so much, and says nothing of what it cuts off."""


def _link(value: str) -> str:
    if value and (not value.startswith(("http://", "https://")) or len(value.encode()) > URL_BYTES):
        raise problem("Must be a URL with http:// or https:// of at most {most} bytes", most=URL_BYTES)
    return value


class ArticleParams(Params):
    """One item of the parameter `articles`."""

    title: Annotated[RequiredText, Label("title of the article")] = Field(
        description="title: WeCom shows 128 bytes of it", examples=["Disk full"]
    )
    description: Annotated[Text, Label("description of the article")] = Field(
        "", description="what it is about: WeCom shows 512 bytes of it"
    )
    url: Annotated[RequiredText, AfterValidator(_link), Label("link of the article")] = Field(
        description="where a tap on it leads", examples=["https://example.com/alarm"]
    )
    picurl: Annotated[Text, AfterValidator(_link), Label("picture of the article")] = Field(
        "", description="address of its picture"
    )


def _not_too_many(value: Any) -> Any:
    if len(value) > MOST_ARTICLES:
        raise problem("Must be at most {most} articles", most=MOST_ARTICLES)
    return value


Articles = Annotated[
    tuple[ArticleParams, ...], AfterValidator(_not_too_many), Dicts, Label("articles of the message", "articles")
]
"""The parameter `articles`."""


def news(articles: Sequence[ArticleParams]) -> dict[str, Any]:
    """Return WeCom's object for these articles: what was left out is left out there, too."""
    return {"articles": [{name: text for name, text in article if text} for article in articles]}


def cut_articles(articles: Sequence[ArticleParams]) -> list[dict[str, Any]]:
    """Return a warning for each text that WeCom will cut off."""
    return [
        {
            "field": f"articles[{number}].{name}",
            "what": Message("WeChat shows only the first {most} bytes", {"most": most}),
        }
        for number, article in enumerate(articles)
        for name, most in SHOWN_BYTES.items()
        if len(getattr(article, name).encode()) > most
    ]
