"""A gateway as a process of its own, with one engine of the way out, between hostile callers and an evil upstream."""

import asyncio
import json
import re
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.processes.command_line import environment
from tests.support.repository import ROOT

CONFIG = """\
version: 1
server:
  port: 0
  outgoing: ENGINE
  trusted_proxies: [127.0.0.1]
  admin: {unix: FOLDER/admin}
services:
  apps: {use: static, config: {apps: [{code: app, secrets: [app-secret], impersonate: ["*"]}]}}
  login: {use: bk_login, config: {url: UPSTREAM, app_token: login-token}}
  users: {use: bk_user, config: {url: UPSTREAM}}
  access_tokens: {use: bk_ssm, config: {url: UPSTREAM, app_code: esb, app_secret: ssm-secret}}
components:
  - path: /cmsi/send_weixin/
    aliases: [/v2/cmsi/send_weixin/]
    methods: [GET, POST]
    timeout: 2
    use: cmsi_send_weixin
    test_config: {}
    config: {wx_type: qy, wx_qy_corpid: ww1, wx_qy_corpsecret: s, wx_qy_agentid: 1, wx_qy_host: UPSTREAM,
             wx_qy_allow_all: true}
  - path: /cmsi/send_mp_weixin/
    timeout: 2
    use: cmsi_send_mp_weixin
    config: {wx_app_id: wx1, wx_secret: s, wx_template_id: T, wx_mp_host: UPSTREAM}
  - {path: /cmsi/send_mail/, use: cmsi_send_mail, timeout: 2, config: {dest_url: UPSTREAM/mail}}
  - path: /cmsi/send_sms/
    timeout: 2
    use: cmsi_send_sms
    config: {tencent_secret_id: i, tencent_secret_key: k, tencent_region: r, tencent_host: UPSTREAM, sdk_app_id: "1",
             sms_sign: S, template_id: "1"}
  - {path: /cmsi/send_voice_msg/, use: cmsi_send_voice_msg, timeout: 2, config: {dest_url: UPSTREAM/voice}}
  - {path: /cmsi/send_msg/, use: cmsi_send_msg, timeout: 2}
  - {path: /cmsi/get_msg_type/, use: cmsi_get_msg_type, timeout: 2}
  - {path: /chat/robot/, use: cmsi_send_wecom_robot, timeout: 2, config: {webhook_key: k, wx_qy_host: UPSTREAM}}
  - {path: /other/envelope/, use: http, timeout: 2, config: {hosts: [UPSTREAM], path: /envelope, retries: 1}}
  - {path: /other/form/, use: http, timeout: 2,
     config: {hosts: [UPSTREAM], path: "/form/{a}", send: form, response: wrap}}
  - {path: "/other/wrap/{id}/", use: http, timeout: 2, config: {hosts: [UPSTREAM], path: "/wrap/{id}", response: wrap}}
  - {path: "/other/raw/{id}/", use: http, timeout: 2, methods: [GET, POST, PUT, DELETE, PATCH, HEAD],
     config: {hosts: [UPSTREAM], path: "/raw/{id}", response: raw, idle_timeout: 1}}
"""
READY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class World:
    """A gateway that listens at `port`, and the ways to see what it did."""

    process: asyncio.subprocess.Process
    port: int
    folder: Path

    async def metrics(self) -> Counter[str]:
        """Return the sum of each family of metrics."""
        reader, writer = await asyncio.open_unix_connection(str(self.folder / "admin"))
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        text = (await reader.read()).decode()
        writer.close()
        found: Counter[str] = Counter()
        for name, number in re.findall(r"^(\w+)(?:\{.*\})? ([0-9.e+-]+)$", text, re.MULTILINE):
            found[name] += float(number)  # type: ignore[assignment]  # gauges and sums are floats
        return found

    def lines(self) -> list[dict[str, Any]]:
        """Return the lines of the log since the last time; a line that is no JSON is one of level error."""
        log = self.folder / "log"
        raw = log.read_bytes()
        log.write_bytes(b"")  # the gateway appends
        return [_line(line) for line in raw.splitlines()]

    def memory(self) -> int:
        """Return the bytes that the process has in memory."""
        [line] = re.findall(r"^VmRSS:\s+(\d+)", Path(f"/proc/{self.process.pid}/status").read_text(), re.MULTILINE)
        return int(line) * 1024


def _line(raw: bytes) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(raw)
    except ValueError:
        return {"event": raw.decode(errors="replace"), "level": "error"}
    return found


@asynccontextmanager
async def gateway(engine: str, upstream: str, folder: Path) -> AsyncIterator[World]:
    """Start a gateway and yield it when it is ready; end it by TERM."""
    config = CONFIG.replace("ENGINE", engine).replace("UPSTREAM", upstream).replace("FOLDER", str(folder))
    (folder / "esb.yaml").write_text(config)
    with (folder / "log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "esb", "serve", "-c", str(folder / "esb.yaml")),
            cwd=ROOT,
            env=environment(ESB_LOG="json"),
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(READY_SECONDS):
            ready = await process.stdout.readline()
        assert ready, (folder / "log").read_text()
        yield World(process, int(ready.rpartition(b":")[2]), folder)
        process.terminate()
        async with asyncio.timeout(READY_SECONDS):
            assert await process.wait() == 0, (folder / "log").read_text()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
