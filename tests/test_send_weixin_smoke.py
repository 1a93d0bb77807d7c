from tests.conftest import Gateway, Sandbox


async def test_a_message_sent_arrives(gateway: Gateway, sandbox: Sandbox) -> None:
    answer = await gateway.send()
    assert (answer["result"], answer["code"], answer["message"]) == (True, 0, "OK")
    assert answer["data"]["accepted"] == ["zhangsan"]
    assert [message["text"] for message in await sandbox.messages()] == ["H\nM\nDate: D"]
