"""Texts to people in DingTalk: the token, and the fate of each receiver."""

import pytest

from esb.testing import AssertNoSecrets, CallComponent, OpenGateway, Upstream, assert_keeps_promises

SECRET, TOKEN = "the-secret-of-the-app", "a-token-of-dingtalk"
SEND = "/v1.0/robot/oToMessages/batchSend"


@pytest.fixture
async def people(gateway: OpenGateway, upstream: Upstream) -> None:
    """A gateway whose app talks to the upstream."""
    upstream.answers({"processQueryKey": "q1"}, path=SEND)
    upstream.answers({"accessToken": TOKEN, "expireIn": 7200}, path="/v1.0/oauth2/accessToken")
    await gateway("dingtalk_people", {"app_key": "ding1", "app_secret": SECRET, "host": upstream.url})


@pytest.mark.usefixtures("people")
async def test_each_receiver_has_a_fate(upstream: Upstream, call: CallComponent) -> None:
    upstream.answers({"processQueryKey": "q1", "invalidStaffIdList": ["eve"]}, path=SEND)

    answer = await call(receiver="ann, eve", content="Disk is full")

    assert (answer["result"], answer["data"]["accepted"], answer["data"]["msgids"]) == (False, ["ann"], ["q1"])
    assert [(failed["receiver"], failed["class"]) for failed in answer["data"]["failed"]] == [("eve", "receiver")]


@pytest.mark.usefixtures("people")
async def test_many_receivers_are_sent_20_at_once_with_one_token(upstream: Upstream, call: CallComponent) -> None:
    answer = await call(receiver=[f"u{number}" for number in range(45)], content="Disk is full")

    assert len(answer["data"]["accepted"]) == 45
    assert sorted(len(sent.json["userIds"]) for sent in upstream.requests if sent.path == SEND) == [5, 20, 20]
    assert [request.path for request in upstream.requests].count("/v1.0/oauth2/accessToken") == 1


@pytest.mark.usefixtures("people")
async def test_a_dead_token_is_renewed_and_the_message_sent_once_more(upstream: Upstream, call: CallComponent) -> None:
    upstream.answers({"code": "InvalidAuthentication", "message": "dead"}, status=401, path=SEND, times=1)

    assert (await call(receiver="ann", content="Disk is full"))["result"] is True


@pytest.mark.usefixtures("people")
async def test_dingtalks_refusal_is_told(
    upstream: Upstream, call: CallComponent, assert_no_secrets: AssertNoSecrets
) -> None:
    upstream.answers({"code": "robot.notExist", "message": f"no robot, {TOKEN}"}, status=400, path=SEND)

    answer = await call(receiver="ann", content="Disk is full")

    assert answer["message"] == "Message sending failed, no robot, ***"
    assert answer["data"]["errcode"] == "robot.notExist"
    assert_no_secrets(TOKEN, SECRET)


@pytest.mark.usefixtures("people")
async def test_it_keeps_the_promises_of_a_sender(upstream: Upstream, call: CallComponent) -> None:
    await assert_keeps_promises(call, upstream, {"receiver": "ann", "content": "Disk is full"}, secrets=[TOKEN])
