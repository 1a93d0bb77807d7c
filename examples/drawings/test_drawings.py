"""drawings/archive and drawings/review, from HTTP to the archive and back."""

import pytest
from aiohttp import FormData

from esb.testing import OpenGateway, Upstream

pytestmark = pytest.mark.asyncio
PNG = b"\x89PNG"


def form() -> FormData:
    made = FormData({"title": "A house"})
    made.add_field("drawing", PNG, filename="house.png", content_type="image/png")
    return made


async def test_a_drawing_goes_to_the_archive(gateway: OpenGateway, upstream: Upstream) -> None:
    upstream.answers({"id": 7})
    opened = await gateway("archive:Archive", {"url": upstream.url})

    answer = await (await opened.request(data=form())).json()

    assert answer["data"] == {"id": 7, "folder": "inbox"}
    (asked,) = upstream.requests
    assert PNG in asked.body
    assert b'filename="house.png"' in asked.body
    assert "archived" in opened.log.getvalue()


async def test_a_review_archives_through_the_other_component(gateway: OpenGateway, upstream: Upstream) -> None:
    upstream.answers({"id": 7})
    archive = {"path": "/drawings/archive/", "use": "archive:Archive", "config": {"url": upstream.url}}
    opened = await gateway("review:Review", path="/drawings/review/", also=[archive])

    answer = await (await opened.request(data=form())).json()

    assert answer["data"] == {"id": 7, "folder": "inbox", "reviewers": []}


async def test_without_a_drawing_the_archive_says_what_is_missing(gateway: OpenGateway, upstream: Upstream) -> None:
    archive = {"path": "/drawings/archive/", "use": "archive:Archive", "config": {"url": upstream.url}}
    opened = await gateway("review:Review", path="/drawings/review/", also=[archive])

    answer = await opened.call(title="A house")

    assert answer["message"].startswith("drawing [drawing] ")
    assert upstream.requests == []
