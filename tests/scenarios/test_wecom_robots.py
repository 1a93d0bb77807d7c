"""Group robots of WeCom: chosen by name, and what they show."""

import base64
from typing import Any

import pytest

from tests.support.wecom_content import ARTICLE, PICTURE, file_of, file_of_size, people
from tests.support.world import OpenWorld, World

ROBOTS = {"webhook_key": None, "robots": {"ops": "ops-key", "dev": "dev-key"}}


@pytest.mark.parametrize("name", ["ops", "dev"])
async def test_the_caller_says_which_robot_sends(open_world: OpenWorld, name: str) -> None:
    world = await open_world(robot=ROBOTS)
    await world.sandbox.post("seed", people())
    await world.send("robot", robot=name)
    assert [message["app"] for message in await world.inbox()] == [f"{name}-key"]


@pytest.mark.parametrize(
    ("robot", "told"),
    [
        ("", "This field is required: one of dev, ops"),
        ("opps", "did you mean ops?"),
        ("ops-key", "There is no robot of this name"),
        ("x" * 1000, "it is one of dev, ops"),
    ],
)
async def test_a_robot_that_nobody_knows_is_refused_without_a_key(open_world: OpenWorld, robot: str, told: str) -> None:
    world = await open_world(robot=ROBOTS)
    answer = await world.send("robot", robot=robot)
    assert (answer["result"], answer["code"]) == (False, 1306000)
    assert told in answer["message"]
    assert "-key" not in answer["message"].replace("bot-key", "")
    assert await world.sends("robot") == 0


async def test_a_robot_without_a_name_sends_for_those_who_name_none(open_world: OpenWorld) -> None:
    world = await open_world(robot={"robots": {"ops": "ops-key"}})
    await world.sandbox.post("seed", people())
    await world.send("robot")
    await world.send("robot", robot="ops")
    assert [message["app"] for message in await world.inbox()] == ["bot-key", "ops-key"]


async def test_a_robot_shows_pictures_articles_and_tables(world: World) -> None:
    picture = PICTURE[:1000]
    await world.send("robot", msgtype="image", content="", file=file_of(picture))
    await world.send("robot", msgtype="news", content="", articles=[ARTICLE])
    await world.send("robot", msgtype="markdown_v2", content="| a |\n| - |\n")

    image, articles, table = await world.inbox()
    assert base64.b64decode(image["body"]["image"]["base64"]) == picture
    assert articles["body"]["news"] == {"articles": [ARTICLE]}
    assert table["body"] == {"msgtype": "markdown_v2", "markdown_v2": {"content": "| a |\n| - |"}}


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"content": ""}, "message content [content] This field is required."),
        ({"msgtype": "image"}, "file of the message [file] This field is required."),
        ({"msgtype": "image", "size": 2**21 + 1}, "Must have 6 to 2097152 bytes, it has 2097153"),
        ({"msgtype": "news"}, "articles of the message [articles] This field is required."),
        ({"msgtype": "file"}, "Must be one of text, markdown, markdown_v2, image, news"),
    ],
)
async def test_a_robot_without_content_sends_nothing(world: World, params: dict[str, Any], told: str) -> None:
    answer = await world.send("robot", **params | (file_of_size(params) if "size" in params else {}))
    assert told in answer["message"]
    assert await world.sends("robot") == 0


async def test_a_robot_tells_what_it_does_not_show(world: World) -> None:
    answer = await world.send("robot", file=file_of(), articles=[ARTICLE])
    assert [warning["field"] for warning in answer["data"]["warnings"]] == ["file", "articles"]
