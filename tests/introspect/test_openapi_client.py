"""A client that openapi-python-client makes of `esb openapi` sends, and reads the answers."""

import inspect
from pathlib import Path
from typing import Any

import pytest

from esb.gateway.app import GATEWAY
from esb.introspect.declared import declared
from esb.introspect.openapi import document
from esb.introspect.openapi_30 import as_openapi_30
from tests.support import openapi_client
from tests.support.every_component import EVERYTHING
from tests.support.gateway import OpenGateway, Sandbox


@pytest.mark.parametrize("version", ["3.1", "3.0"])
async def test_a_generated_client_has_every_operation_and_sends(
    open_gateway: OpenGateway, sandbox: Sandbox, tmp_path: Path, version: str
) -> None:
    gateway = await open_gateway(EVERYTHING, sandbox_url=sandbox.url)
    described = document(declared(gateway.app[GATEWAY].config))
    openapi_client.generate(described if version == "3.1" else as_openapi_30(described), tmp_path)
    with openapi_client.importable(tmp_path):
        async with openapi_client.client(gateway.url) as client:
            assert await answered(described, client) == openapi_client.operations(tmp_path)
            assert await sandbox.messages() == []
            await a_message_is_sent(client)
            await a_failure_is_typed(client)

    assert "from a generated client" in (await sandbox.messages())[0]["text"]


async def answered(described: dict[str, Any], client: Any) -> set[str]:
    """Call each operation as the document shows it, dry where it sends; return the names of all."""
    names = set()
    for operation in (each for path in described["paths"].values() for each in path.values()):
        name = f"{operation['tags'][0]}.{operation['operationId']}"
        call = openapi_client.module(f"api.{name}").asyncio_detailed
        taken = inspect.signature(call).parameters
        needed = [key for key, each in taken.items() if each.default is each.empty and key not in {"client", "body"}]
        arguments: dict[str, Any] = dict.fromkeys(needed, "stats")
        if "x_dry_run" in taken:
            arguments["x_dry_run"] = True
        content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        if kind := content.get("schema", {}).get("$ref", "").rpartition("/")[2]:
            example = described["components"]["schemas"][kind]["examples"][0]
            arguments["body"] = getattr(openapi_client.module("models"), kind).from_dict(example)
        answer = await call(client=client, **arguments)
        status = 400 if name.startswith("alert.") else 200  # without alerts, and its callers are told by status
        assert (answer.status_code, answer.parsed is None) == (status, False), name
        names.add(name)
    return names


async def a_message_is_sent(client: Any) -> None:
    models = openapi_client.module("models")
    send = openapi_client.module("api.cmsi.cmsi_send_weixin").asyncio
    body = models.SendWeixinParams(
        receiver="zhangsan,nobody", data=models.Notice(heading="Hello", message="from a generated client")
    )

    answer = await send(client=client, body=body, idempotency_key="order-42")

    assert (answer.result, answer.code) == (False, 1306000)
    assert answer.data.accepted == ["zhangsan"]
    missed = answer.data.failed[0]
    assert (missed.receiver, missed.class_) == ("nobody", "receiver")
    assert answer.data.retryable is False


async def a_failure_is_typed(client: Any) -> None:
    models = openapi_client.module("models")
    send = openapi_client.module("api.cmsi.cmsi_send_weixin").asyncio
    body = models.SendWeixinParams(receiver="zhangsan", data=models.Notice(heading="", message=""))

    answer = await send(client=client, body=body, blueking_language="zh-hans")

    assert (answer.result, answer.data) == (False, None)
    assert "这个字段是必填项" in answer.message
