"""Pictures, files, articles, departments, tags and group chats of WeCom, as callers meet them."""

from typing import Any

import pytest

from tests.support.gateway import Sandbox
from tests.support.loop_time import late
from tests.support.wecom_content import ARTICLE, PICTURE, file_of, file_of_size, people
from tests.support.world import OpenWorld, World, reached

UPLOAD = "/cgi-bin/media/upload"
CHAT = "/cgi-bin/appchat/send"


async def media(sandbox: Sandbox, media_id: str) -> bytes:
    async with sandbox.http.get(f"{sandbox.url}/_sandbox/media/{media_id}") as response:
        assert response.status == 200
        return await response.read()


@pytest.mark.parametrize("kind", ["image", "file"])
async def test_a_file_arrives_byte_for_byte_under_its_name(world: World, kind: str) -> None:
    answer = await world.send(receiver="zhangsan,lisi", data={"msgtype": kind, "file": file_of()})

    assert reached(answer) == (["zhangsan", "lisi"], [], [])
    (message,) = await world.inbox()
    assert message["delivered"] == ["zhangsan", "lisi"]
    assert (message["body"]["msgtype"], message["text"]) == (kind, '磁盘 "1".png')
    assert await media(world.sandbox, message["body"][kind]["media_id"]) == PICTURE
    assert "warnings" not in answer["data"]


async def test_a_file_for_many_is_uploaded_once(open_world: OpenWorld) -> None:
    world = await open_world()
    members = [f"member{number}" for number in range(2500)]
    await world.sandbox.post(
        "seed",
        {"qy": [{"corpid": "ww0000000000000001", "members": members, "apps": people()["qy"][0]["apps"]}]},
    )
    answer = await world.send(receiver=members, data={"msgtype": "file", "file": file_of(b"a,b\r\n1,2\r\n", "a.csv")})

    assert len(answer["data"]["accepted"]) == 2500
    assert (await world.sandbox.calls(UPLOAD), await world.sends()) == (1, 3)


async def test_a_dry_run_uploads_nothing(world: World) -> None:
    answer = await world.send(headers={"X-Dry-Run": "1"}, data={"msgtype": "image", "file": file_of()})

    assert answer["data"]["messages"][0]["body"]["image"] == {"media_id": "media_id"}
    assert (await world.fetches(), await world.sandbox.calls(UPLOAD), await world.sends()) == (0, 0, 0)


async def test_a_repeated_call_uploads_and_sends_once(world: World) -> None:
    headers = {"Idempotency-Key": "k1"}
    answers = [await world.send(headers=headers, data={"msgtype": "image", "file": file_of()}) for _ in range(2)]

    assert answers[0]["data"]["msgids"] == answers[1]["data"]["msgids"]
    assert (await world.sandbox.calls(UPLOAD), await world.sends()) == (1, 1)


async def test_an_upload_with_a_dead_token_is_repeated_with_a_fresh_one(world: World) -> None:
    await world.send()
    await world.sandbox.post("tokens/rotate")
    answer = await world.send(data={"msgtype": "image", "file": file_of()})

    assert reached(answer) == (["zhangsan"], [], [])
    assert (await world.fetches(), await world.sandbox.calls(UPLOAD), await world.sends()) == (2, 2, 2)


@pytest.mark.parametrize("action", [{"errcode": -1}, {"close": True}, {"status": 502, "body": "<html>"}])
async def test_an_upload_that_failed_for_a_moment_is_repeated(world: World, action: dict[str, Any]) -> None:
    match = {"path": UPLOAD, "nth": 1}
    await world.sandbox.post("faults", {"match": match, "action": action, "times": 1, "when": "after"})
    answer = await world.send(data={"msgtype": "image", "file": file_of()})

    assert reached(answer) == (["zhangsan"], [], [])
    assert await world.sends() == 1


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ({"errcode": 40005}, {"errcode": 40005, "class": "message", "retryable": False}),
        ({"errcode": 45009}, {"errcode": 45009, "class": "quota", "retryable": True}),
        ({"close": True}, {"class": "busy", "retryable": True}),
        ({"status": 502, "body": "<html>"}, {"class": "busy", "retryable": True}),
        ({"body": '{"errcode":0,"errmsg":"ok"}'}, {"class": "config", "retryable": False}),
    ],
)
async def test_without_its_file_a_message_is_sent_to_nobody(
    world: World, action: dict[str, Any], expected: dict[str, Any]
) -> None:
    await world.sandbox.post("faults", {"match": {"path": UPLOAD}, "action": action, "times": 0})
    answer = await world.send(receiver="zhangsan,lisi", data={"msgtype": "image", "file": file_of()})

    assert reached(answer) == ([], ["zhangsan", "lisi"], [])
    assert {name: answer["data"][name] for name in expected} == expected
    assert answer["data"].get("outcome") is None
    assert await world.sends() == 0


async def test_an_upload_that_is_under_way_at_the_deadline_has_sent_nothing(open_world: OpenWorld) -> None:
    world = await open_world(timeout=6)
    await world.sandbox.post("faults", {"match": {"path": UPLOAD}, "action": {"hang": True}, "times": 0})
    sending = world.send(data={"msgtype": "image", "file": file_of()})
    answer = await late(6, sending, world.sandbox.has_been_called(UPLOAD))

    assert reached(answer) == ([], ["zhangsan"], [])
    assert (answer["code"], answer["data"].get("outcome")) == (1306201, None)
    assert "[weixin_qy] interface [media_upload]" in answer["message"]
    assert await world.sends() == 0


@pytest.mark.parametrize("action", [{"close": True}, {"status": 502, "body": "<html>"}])
async def test_a_repetition_of_a_call_whose_upload_failed_is_a_first_try(world: World, action: dict[str, Any]) -> None:
    headers, data = {"Idempotency-Key": "k1"}, {"msgtype": "image", "file": file_of()}
    await world.sandbox.post("faults", {"match": {"path": UPLOAD}, "action": action, "times": 0})
    assert reached(await world.send(headers=headers, data=data)) == ([], ["zhangsan"], [])
    await world.heal()

    assert reached(await world.send(headers=headers, data=data)) == (["zhangsan"], [], [])
    assert await world.sends() == 1


async def test_the_quota_of_uploads_stops_no_other_message(world: World) -> None:
    await world.sandbox.post("faults", {"match": {"path": UPLOAD}, "action": {"errcode": 45009}, "times": 0})
    await world.send(data={"msgtype": "image", "file": file_of()})
    assert reached(await world.send()) == (["zhangsan"], [], [])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"msgtype": "image"}, "file of the message [file] This field is required."),
        (
            {"msgtype": "image", "file": "abc"},
            "file of the message [file] Must be the specified parameter data type dict",
        ),
        ({"msgtype": "image", "file": {"name": "a.png"}}, "content of the file [content] This field is required."),
        ({"msgtype": "image", "file": {"content": "no base64!"}}, "content of the file [content] Must be base64"),
        ({"msgtype": "file", "file": {"content": "aGVsbG8h"}}, "file name [name] This field is required."),
        ({"msgtype": "file", "file": file_of(b"hello", "a.txt")}, "Must have 6 to 20971520 bytes, it has 5"),
        (
            {"msgtype": "image", "size": 10 * 2**20 + 1},
            "Must have 6 to 10485760 bytes, it has 10485761",
        ),
        ({"msgtype": "file", "file": file_of(name="a\nb.txt")}, "file name [name] Line breaks"),
        ({"msgtype": "news"}, "articles of the message [articles] This field is required."),
        (
            {"msgtype": "news", "articles": [ARTICLE] * 9},
            "articles of the message [articles] Must be at most 8 articles",
        ),
        ({"msgtype": "news", "articles": [{"title": "T"}]}, "link of the article [url] This field is required."),
        (
            {"msgtype": "news", "articles": [{**ARTICLE, "url": "javascript:1"}]},
            "link of the article [url] Must be a URL",
        ),
    ],
)
async def test_content_that_wecom_would_not_take_is_refused_before_anything_is_sent(
    open_world: OpenWorld, data: dict[str, Any], message: str
) -> None:
    world = await open_world(more="server: {max_body: 20000000}\n")
    answer = await world.send(data=data | (file_of_size(data) if "size" in data else {}))

    assert (answer["result"], answer["code"]) == (False, 1306000)
    assert message in answer["message"]
    assert await world.fetches() == 0


async def test_articles_arrive_as_given(world: World) -> None:
    answer = await world.send(data={"msgtype": "news", "articles": [ARTICLE, {**ARTICLE, "title": "长" * 50}]})

    (message,) = await world.inbox()
    assert message["body"]["news"]["articles"][0] == ARTICLE
    assert message["text"] == "磁盘告警\n" + "长" * 50
    assert [warning["field"] for warning in answer["data"]["warnings"]] == ["articles[1].title"]


async def test_a_table_goes_as_markdown_v2_in_pages_of_4096_bytes(world: World) -> None:
    table = "| 主机 | 磁盘 |\n| --- | --- |\n" + "| host | 91% |\n" * 400
    await world.send(data={"msgtype": "markdown_v2", "heading": "# H", "message": table, "date": "D"})

    messages = await world.inbox()
    assert [message["body"]["msgtype"] for message in messages] == ["markdown_v2"] * 2
    assert 2048 < max(len(message["text"].encode()) for message in messages) <= 4096
    assert "".join(message["text"] for message in messages).count("| host | 91% |\n") == 400


async def test_what_a_form_does_not_show_is_told(world: World) -> None:
    picture = {"msgtype": "image", "file": file_of(), "heading": "H", "message": "M", "articles": [ARTICLE]}
    text = {"heading": "H", "message": "M", "date": "D", "file": file_of()}
    told = [
        [warning["field"] for warning in (await world.send(data=data))["data"]["warnings"]] for data in (picture, text)
    ]
    assert told == [["heading", "message", "articles"], ["file"]]


async def test_departments_and_tags_get_the_message_with_the_members(world: World) -> None:
    await world.sandbox.post("seed", people())
    answer = await world.send(receiver="zhangsan", toparty="2|5，2", totag=["9", "8"])

    (message,) = await world.inbox()
    assert {name: message["body"][name] for name in ("touser", "toparty", "totag")} == {
        "touser": "zhangsan",
        "toparty": "2|5",
        "totag": "9|8",
    }
    assert sorted(message["delivered"]) == ["lisi", "wangwu", "zhangsan"]
    assert reached(answer) == (["zhangsan", "2", "9"], ["5", "8"], [])
    assert answer["message"].endswith("WeChat message sending failed, invalid department or tag: 5|8")
    assert [(entry["class"], str(entry["errmsg"])) for entry in answer["data"]["failed"]] == [
        ("receiver", "invalid department"),
        ("receiver", "invalid tag"),
    ]


async def test_a_department_alone_is_enough_and_a_name_that_leads_nowhere_is_told(world: World) -> None:
    await world.sandbox.post("seed", people())
    assert reached(await world.send(receiver="", toparty=2)) == (["2"], [], [])
    answer = await world.send(receiver="", receiver__username="nobody", toparty=2)
    assert reached(answer) == (["2"], ["nobody"], [])


async def test_a_member_and_a_department_of_one_name_have_two_fates(world: World) -> None:
    await world.sandbox.post("seed", people())
    answer = await world.send(receiver="7,zhangsan", toparty="2")
    assert reached(answer) == (["zhangsan", "2"], ["7"], [])
    answer = await world.send(receiver="zhangsan", toparty="7")
    assert reached(answer) == (["zhangsan"], ["7"], [])


async def test_more_departments_than_one_message_takes_go_in_several(world: World) -> None:
    everywhere = {"userid": "lisi", "departments": [*range(1, 251)]}
    await world.sandbox.post("seed", {"qy": [people()["qy"][0] | {"members": ["zhangsan", everywhere]}]})
    answer = await world.send(receiver="zhangsan", toparty=[*range(1, 251)], totag="8")

    bodies = [message["body"] for message in await world.inbox()]
    assert sorted(body["toparty"].count("|") + 1 for body in bodies) == [50, 100, 100]
    assert [body.get("touser") for body in bodies].count("zhangsan") == 1
    assert (len(answer["data"]["accepted"]), reached(answer)[1]) == (251, ["8"])


@pytest.mark.parametrize("params", [{"to_all": True}, {"to_all": "1", "toparty": "2"}])
async def test_everybody_gets_a_message_only_if_the_operator_allows_it(
    open_world: OpenWorld, params: dict[str, Any]
) -> None:
    world = await open_world()
    refused = await world.send(receiver="", **params)
    assert (refused["result"], await world.sends()) == (False, 0)
    assert "wx_qy_allow_all" in refused["message"]

    world = await open_world(qy={"wx_qy_allow_all": True})
    answer = await world.send(receiver="", **params)
    (message,) = await world.inbox()
    assert (message["body"]["touser"], "toparty" in message["body"]) == ("@all", False)
    assert answer["data"]["accepted"][-1:] == ["2"] or answer["data"]["accepted"] == ["@all"]


@pytest.mark.parametrize(("toparty", "is_warned"), [("1", True), (["2", "1"], True), ("2|1", True), ("11", False)])
async def test_the_root_department_is_told_to_be_everybody_unless_that_is_allowed(
    open_world: OpenWorld, toparty: str | list[str], is_warned: bool
) -> None:
    for allowed in (False, True):
        world = await open_world(qy={"wx_qy_allow_all": allowed})
        everywhere = {"userid": "lisi", "departments": [1, 2, 11]}
        await world.sandbox.post("seed", {"qy": [people()["qy"][0] | {"members": [everywhere]}]})
        data = (await world.send(receiver="", toparty=toparty))["data"]
        warned = [(warning["field"], "everybody" in warning["what"]) for warning in data.get("warnings", [])]
        assert warned == ([("toparty", True)] if is_warned and not allowed else [])
        assert data["failed"] == []


async def test_a_group_chat_gets_the_message(world: World) -> None:
    answer = await world.send(receiver="", chatid="chat1", data={"heading": "H", "message": "长" * 1000, "date": "D"})

    messages = await world.inbox()
    assert reached(answer) == (["chat1"], [], [])
    assert [message["endpoint"] for message in messages] == [CHAT] * 2
    assert all(message["body"]["chatid"] == "chat1" and message["delivered"] == ["chat1"] for message in messages)
    assert all("agentid" not in message["body"] and "touser" not in message["body"] for message in messages)


async def test_a_group_chat_gets_a_picture(world: World) -> None:
    await world.send(receiver="", chatid="chat1", data={"msgtype": "image", "file": file_of()})
    (message,) = await world.inbox()
    assert await media(world.sandbox, message["body"]["image"]["media_id"]) == PICTURE


async def test_an_unanswered_message_to_a_group_chat_is_not_sent_again(world: World) -> None:
    await world.sandbox.post(
        "faults", {"match": {"path": CHAT}, "action": {"close": True}, "when": "after", "times": 1}
    )
    answer = await world.send(receiver="", chatid="chat1")
    assert (reached(answer), answer["data"]["outcome"]) == (([], [], ["chat1"]), "unknown")
    assert await world.sandbox.calls(CHAT) == 1


async def test_a_group_chat_that_another_app_made_is_told(world: World) -> None:
    await world.sandbox.post("seed", people(chats=["chat1"]))
    assert reached(await world.send(receiver="", chatid="chat1")) == (["chat1"], [], [])
    answer = await world.send(receiver="", chatid="chat2")
    assert (answer["data"]["errcode"], reached(answer)) == (86003, ([], ["chat2"], []))


@pytest.mark.parametrize("params", [{"receiver": "zhangsan"}, {"receiver": "", "toparty": "1"}, {"to_all": 1}])
async def test_a_group_chat_stands_alone(world: World, params: dict[str, Any]) -> None:
    answer = await world.send(chatid="chat1", **params)
    assert (answer["message"], await world.fetches()) == (
        "Group chat [chatid] must be the only receiver",
        0,
    )


async def test_an_official_account_has_neither_departments_nor_chats(open_world: OpenWorld) -> None:
    world = await open_world(
        qy={"wx_type": "mp", "wx_app_id": "wx0000000000000001", "wx_secret": "mp-secret", "wx_template_id": "T" * 43}
    )
    answer = await world.send(toparty="2")
    assert answer["message"] == "toparty [toparty] needs WeCom, this is an official account"
