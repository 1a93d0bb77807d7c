"""Situations 45 to 52: long and odd content, and what WeChat says of it."""

import json
from typing import Any

import pytest

from tests.support.configuration import MESSAGE
from tests.support.send_weixin import OPENIDS, seed
from tests.support.world import LONG_TEXT, PAGE_NUMBER, OpenWorld, World, reached


@pytest.mark.parametrize("over", ["cut", "40058"])
async def test_situation_45_a_long_text_arrives_whole_in_numbered_pages(world: World, over: str) -> None:
    await world.sandbox.post("seed", seed(knobs={"qy.text_over": over}))
    answer = await world.send(data={**MESSAGE, "message": LONG_TEXT})

    texts = [message["text"] for message in await world.inbox()]
    assert all(len(text.encode()) <= 2048 for text in texts)
    assert [PAGE_NUMBER.match(text).groups() for text in texts] == [("1", "3"), ("2", "3"), ("3", "3")]  # type: ignore[union-attr]  # it has just matched
    assert "".join(PAGE_NUMBER.sub("", text) for text in texts) == f"H\n{LONG_TEXT}\nDate: D"
    assert (answer["result"], len(answer["data"]["msgids"])) == (True, 3)


async def test_situation_45_a_text_without_end_is_refused_before_anything_is_sent(world: World) -> None:
    answer = await world.send(data={**MESSAGE, "message": LONG_TEXT * 20})
    robot = await world.send("robot", content=LONG_TEXT * 20)

    for refused in (answer, robot):
        assert (refused["code"], refused["data"]) == (1306000, None)
        assert "too long" in refused["message"]
    assert (await world.fetches(), await world.sends(), await world.sends("robot")) == (0, 0, 0)


async def test_situation_46_when_page_two_fails_page_three_is_not_sent(world: World) -> None:
    await world.fault("qy", {"errcode": 40058}, match={"nth": 2})
    answer = await world.send(data={**MESSAGE, "message": LONG_TEXT})

    assert await world.sends() == 2
    assert reached(answer) == ([], ["zhangsan"], [])
    entry = answer["data"]["failed"][0]
    assert (entry["pages_accepted"], entry["pages"]) == (1, 3)


async def test_situation_46_when_nobody_knows_about_page_two_page_three_is_not_sent(open_world: OpenWorld) -> None:
    world = await open_world(qy={"wx_qy_duplicate_check": False})
    await world.fault("qy", {"close": True}, match={"nth": 2})
    answer = await world.send(receiver="zhangsan,lisi", data={**MESSAGE, "message": LONG_TEXT})

    assert (await world.sends(), answer["data"]["outcome"]) == (2, "unknown")
    assert reached(answer) == ([], [], ["zhangsan", "lisi"])


@pytest.mark.parametrize(("platform", "limit"), [("qy", 2048), ("robot", 4096)])
async def test_situation_47_long_markdown_keeps_fences_and_fonts_closed(
    world: World, platform: str, limit: int
) -> None:
    await world.sandbox.post("seed", seed(knobs={"qy.markdown_over": "40058"}))
    text = "## 告警\n```python\n" + "print('磁盘')\n" * 150 + '```\n<font color="warning">' + "严重" * 400 + "</font>"
    form: dict[str, Any] = (
        {"content": text, "msgtype": "markdown"}
        if platform == "robot"
        else {"data": {**MESSAGE, "message": text, "msgtype": "markdown"}}
    )
    answer = await world.send(platform, **form)

    pages = [message["body"]["markdown"]["content"] for message in await world.inbox()]
    assert answer["result"] is True
    assert len(pages) > 1
    for page in pages:
        assert len(page.encode()) <= limit
        assert page.count("```") % 2 == 0
        assert page.count("<font") == page.count("</font>")
    assert "".join(pages).count("print('磁盘')") == 150
    assert ["".join(pages).count(character) for character in "严重"] == [400, 400]


async def test_situation_47_a_robot_mentions_people_once(world: World) -> None:
    await world.send("robot", content="长" * 1500, mentioned_list="lisi,@all", mentioned_mobile_list=["13800000000"])

    first, *rest = [message["body"]["text"] for message in await world.inbox()]
    assert (first["mentioned_list"], first["mentioned_mobile_list"]) == (["lisi", "@all"], ["13800000000"])
    assert [text.keys() for text in rest] == [{"content"}, {"content"}]


async def test_situation_47_markdown_of_a_robot_mentions_nobody_in_lists(world: World) -> None:
    answer = await world.send("robot", msgtype="markdown", mentioned_list="lisi")

    assert (answer["result"], await world.sends("robot")) == (False, 0)


@pytest.mark.parametrize(
    ("text", "what"),
    [("x" * 21, "20 characters"), ("a\nb", "line breaks"), ("磁盘 🔥", "emoji")],
)
async def test_situation_48_what_a_template_will_not_show_is_flagged_and_sent_as_it_is(
    world: World, text: str, what: str
) -> None:
    answer = await world.send("mp", data={**MESSAGE, "message": text})

    assert answer["result"] is True
    (warning,) = answer["data"]["warnings"]
    assert warning["field"] == "message"
    assert what in warning["what"]
    assert (await world.inbox())[0]["body"]["data"]["keyword1"]["value"] == text


KEYS = {"heading": "thing1", "message": "thing5", "date": "time2", "remark": "character_string3"}
FITTING = {"heading": "告警", "message": "磁盘", "date": "2026-01-02 15:04", "remark": "A-1"}


async def test_situation_48_a_value_that_a_typed_key_refuses_is_not_even_sent(open_world: OpenWorld) -> None:
    world = await open_world(mp={"wx_template_keys": KEYS})
    for field, value in {"message": "x" * 21, "date": "yesterday", "remark": "中文"}.items():
        answer = await world.send("mp", data={**FITTING, field: value})
        assert answer["result"] is False
        assert f"[{field}]" in answer["message"]
        assert KEYS[field] in answer["message"]
    assert await world.sends("mp") == 0


@pytest.mark.parametrize("errmsg", ["argument invalid! data.thing5.value invalid", "data.thing5 invalid rid: 1-2-3"])
async def test_situation_48_a_field_that_wechat_refuses_is_told_by_the_callers_name(
    open_world: OpenWorld, errmsg: str
) -> None:
    world = await open_world(mp={"wx_template_keys": KEYS})
    await world.fault("mp", {"errcode": 47003, "errmsg": errmsg}, times=0)
    data = (await world.send("mp", data=FITTING))["data"]

    assert (data["errcode"], data["class"], data["field"]) == (47003, "message", "message")
    assert "thing5" in data["hint"]
    assert "message" in data["hint"]


async def test_situation_48_the_sandbox_refuses_as_wechat_does(open_world: OpenWorld) -> None:
    world = await open_world(mp={"wx_template_keys": {"message": "const5"}})
    await world.sandbox.post("seed", seed(keys={"const5": "const"}))
    data = (await world.send("mp", data={**MESSAGE, "message": "x" * 30}))["data"]

    assert (data["errcode"], data["field"]) == (47003, "message")


async def test_situation_49_a_message_that_was_half_read_is_no_success(world: World) -> None:
    body = json.dumps({"errcode": 0, "errmsg": "ok. Warning: wrong json format. ", "msgid": "1"})
    await world.fault("qy", {"body": body}, times=0, when="after")
    answer = await world.send()

    assert (answer["result"], answer["code"]) == (False, 1306000)
    assert (answer["data"]["errcode"], answer["data"]["class"]) == (0, "message")
    assert (answer["data"]["outcome"], reached(answer)) == ("unknown", ([], [], ["zhangsan"]))
    assert await world.sends() == 1


@pytest.mark.parametrize(
    ("platform", "errcode"), [("mp", 40037), ("mp", 43116), ("qy", 40056), ("qy", 301002), ("robot", 93000)]
)
async def test_situation_50_wrong_settings_are_not_tried_again(world: World, platform: str, errcode: int) -> None:
    await world.fault(platform, {"errcode": errcode}, times=0)
    answer = await world.send(platform)

    data = answer["data"]
    assert (answer["code"], data["errcode"], data["class"], data["retryable"]) == (1306000, errcode, "config", False)
    assert await world.sends(platform) == 1


async def test_situation_50_wrong_settings_end_the_call_for_the_other_receivers(world: World) -> None:
    openids = [f"o{number:027}" for number in range(200)]
    await world.sandbox.post("seed", seed(openids=openids))
    await world.fault("mp", {"errcode": 40037}, times=0)
    answer = await world.send("mp", receiver=openids)

    assert reached(answer) == ([], openids, [])
    assert await world.sends("mp") <= 16  # those that were under way beside the first


async def test_situation_51_a_held_message_is_accepted_and_said_to_be_held(world: World) -> None:
    await world.sandbox.post("seed", seed())
    await world.fault("mp", {"errcode": 40252, "errmsg": "内容审核中"}, match={"touser": OPENIDS[1]})
    answer = await world.send("mp", receiver=OPENIDS[:3])

    assert (answer["result"], answer["data"]["accepted"]) == (True, OPENIDS[:3])
    assert answer["data"]["held"] == [OPENIDS[1]]
    assert await world.sends("mp") == 3


@pytest.mark.parametrize("platform", ["qy", "mp", "robot"])
async def test_situation_52_an_unknown_code_is_final_and_passed_on(world: World, platform: str) -> None:
    await world.fault(platform, {"errcode": 99999}, times=0)
    answer = await world.send(platform)

    data = answer["data"]
    assert (answer["code"], data["errcode"], data["class"], data["retryable"]) == (1306000, 99999, "unknown", False)
    assert data["errmsg"].startswith("system error")
    assert ("rid: " if platform == "mp" else "hint: [") in data["errmsg"]
    assert await world.sends(platform) == 1
