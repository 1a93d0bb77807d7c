"""Calls to paste: what a page shows does what it says, as it stands there."""

import asyncio
import os
import sys

import pytest

from tests.support.portal import Portal

CALLER = {"ESB_APP_CODE": "esb_demo", "ESB_APP_SECRET": "demo-secret", "ESB_USERNAME": "admin"}


async def run(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **CALLER},
    )
    output, _ = await process.communicate()
    return output.decode()


@pytest.mark.parametrize("name", ["curl", "client", "requests"])
async def test_a_call_that_is_pasted_is_a_dry_run(portal: Portal, name: str) -> None:
    page = await portal.json("/c/cmsi/send_weixin")
    text = next(call["text"] for call in page["calls"] if call["name"] == name)
    command = ("sh", "-c", text) if name == "curl" else (sys.executable, "-c", text)
    output = await run(*command)
    assert "dry_run" in output, output
    assert "This is a test." in output
