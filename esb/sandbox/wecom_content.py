"""Contents of WeCom messages by msgtype: the checks, and the text that is left after the platform cut it."""

from base64 import b64decode
from collections.abc import Callable, Mapping
from hashlib import md5
from typing import Any

from esb.sandbox.knobs import Knobs
from esb.sandbox.wire import Refusal

TEXT_BYTES = 2048
ROBOT_TEXT_BYTES = 5120
ROBOT_MARKDOWN_BYTES = 4096
ARTICLES = 8
RICH_ARTICLE_BYTES = 666 * 1024
IMAGE_BYTES = 2 * 1024 * 1024
CARD_TYPES = ("text_notice", "news_notice", "button_interaction", "vote_interaction", "multiple_interaction")
INTERACTIVE_CARDS = CARD_TYPES[2:]

Payload = Mapping[str, Any]
Check = Callable[[Payload, Knobs], str]


class NotUnderstood(Exception):
    """The platform answers errcode 0 with a warning and sends nothing."""


def app_text(body: Mapping[str, Any], knobs: Knobs) -> str:
    """Return the text that an app message shows; 40008 for an unknown msgtype, 44004 without content."""
    return _checked(body, knobs, APP_CHECKS)


def chat_text(body: Mapping[str, Any], knobs: Knobs) -> str:
    """Return the text that a message to a group chat of an app shows, likewise."""
    return _checked(body, knobs, CHAT_CHECKS)


def robot_text(body: Mapping[str, Any], knobs: Knobs) -> str:
    """Return the text that a robot message shows; raises NotUnderstood under `robot.markdown_over` "warning"."""
    return _checked(body, knobs, ROBOT_CHECKS)


def is_interactive(body: Mapping[str, Any]) -> bool:
    """Return True if the answer carries a response_code, with which the card can be updated once."""
    card = body.get("template_card")
    return body.get("msgtype") == "template_card" and isinstance(card, dict) and card["card_type"] in INTERACTIVE_CARDS


def _checked(body: Mapping[str, Any], knobs: Knobs, checks: Mapping[str, Check]) -> str:
    kind = body.get("msgtype")
    check = checks.get(kind) if isinstance(kind, str) else None
    if check is None:
        raise Refusal(40008)
    payload = body.get(str(kind))
    if not isinstance(payload, dict):
        raise Refusal(44004)
    return check(payload, knobs)


def _text(payload: Payload, knobs: Knobs) -> str:
    return _limited("text", _filled(payload, "content"), knobs.qy_text_over)


def _markdown(payload: Payload, knobs: Knobs) -> str:
    return _limited("markdown", _filled(payload, "content"), knobs.qy_markdown_over)


def _limited(kind: str, content: str, over: str) -> str:
    if over == "40058":
        _at_most(kind, content, TEXT_BYTES)
    return _cut(content, TEXT_BYTES)


def _robot_text(payload: Payload, knobs: Knobs) -> str:
    return _at_most("text", _filled(payload, "content"), ROBOT_TEXT_BYTES)


def _robot_markdown(payload: Payload, knobs: Knobs) -> str:
    content = _filled(payload, "content")
    if knobs.robot_markdown_over == "warning" and len(content.encode()) > ROBOT_MARKDOWN_BYTES:
        raise NotUnderstood
    return _at_most("markdown", content, ROBOT_MARKDOWN_BYTES)


def _at_most(kind: str, content: str, limit: int) -> str:
    if len(content.encode()) > limit:
        raise Refusal(40058, f"{kind}.content exceed max length {limit}")
    return content


def _media(payload: Payload, knobs: Knobs) -> str:
    if not isinstance(payload.get("media_id"), str) or not payload["media_id"]:
        raise Refusal(40007)
    return ""


def _textcard(payload: Payload, knobs: Knobs) -> str:
    title, description = _filled(payload, "title"), _filled(payload, "description")
    if "://" not in _filled(payload, "url"):
        raise Refusal(40058, "textcard.url is invalid")
    return f"{title[:128]}\n{description[:512]}"


def _news(payload: Payload, knobs: Knobs) -> str:
    return "\n".join(_filled(article, "title") for article in _articles(payload))


def _mpnews(payload: Payload, knobs: Knobs) -> str:
    articles = _articles(payload)
    if sum(len(_filled(article, "content").encode()) for article in articles) > RICH_ARTICLE_BYTES:
        raise Refusal(45002)
    return "\n".join(_filled(article, "title") for article in articles)


def _articles(payload: Payload) -> list[Payload]:
    articles = payload.get("articles")
    if not isinstance(articles, list) or not articles or not all(isinstance(article, dict) for article in articles):
        raise Refusal(44004)
    if len(articles) > ARTICLES:
        raise Refusal(45008)
    return articles


def _mini_program(payload: Payload, knobs: Knobs) -> str:
    _filled(payload, "appid")
    return _filled(payload, "title")


def _template_card(payload: Payload, knobs: Knobs) -> str:
    if payload.get("card_type") not in CARD_TYPES:
        raise Refusal(40058, "template_card.card_type is invalid")
    title = payload.get("main_title")
    shown = [title.get("title") if isinstance(title, dict) else None, payload.get("sub_title_text")]
    texts = [text for text in shown if isinstance(text, str) and text]
    if not texts:
        raise Refusal(40058, "template_card.main_title.title is missing")
    if payload["card_type"] in ("text_notice", "news_notice") and not payload.get("card_action"):
        raise Refusal(40058, "template_card.card_action is missing")
    return "\n".join(texts)


def _robot_image(payload: Payload, knobs: Knobs) -> str:
    try:
        image = b64decode(_filled(payload, "base64"), validate=True)
    except ValueError:
        raise Refusal(40058, "image.base64 is invalid") from None
    if len(image) > IMAGE_BYTES:
        raise Refusal(40009)
    if md5(image, usedforsecurity=False).hexdigest() != _filled(payload, "md5").lower():
        raise Refusal(301019)
    return ""


def _filled(payload: Payload, key: str) -> str:
    value = payload.get(key)
    if not isinstance(value, str) or not value:
        raise Refusal(44004)
    return value


def _cut(content: str, limit: int) -> str:
    return content.encode()[:limit].decode(errors="ignore")


APP_CHECKS: dict[str, Check] = {
    "text": _text,
    "markdown": _markdown,
    "markdown_v2": _robot_markdown,
    "image": _media,
    "voice": _media,
    "video": _media,
    "file": _media,
    "textcard": _textcard,
    "news": _news,
    "mpnews": _mpnews,
    "miniprogram_notice": _mini_program,
    "template_card": _template_card,
}
CHAT_CHECKS = {kind: APP_CHECKS[kind] for kind in APP_CHECKS.keys() - {"miniprogram_notice", "template_card"}}
ROBOT_CHECKS: dict[str, Check] = {
    "text": _robot_text,
    "markdown": _robot_markdown,
    "markdown_v2": _robot_markdown,
    "image": _robot_image,
    "voice": _media,
    "file": _media,
    "news": _news,
    "template_card": _template_card,
}
