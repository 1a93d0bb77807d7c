"""Features for which several processes need a shared store."""

from pathlib import Path
from typing import Any

import pytest

from esb import Call, Component, Params
from esb.config import load
from esb.core.errors import ConfigError
from esb.gateway.app import create_app
from tests.support.databases import stanza

ACCEPTED = "services: {store: {use: memory, config: {per_process: accept}}}\n"
OFFICIAL_ACCOUNT = "wx_app_id: wx1, wx_secret: s, wx_template_id: t, wx_token_api: plain"
PLAIN = (
    "components[0].config.wx_token_api: each fetch of a plain token kills the one before, so processes that share no "
    "memory kill each other's; use stable, or services.store: {use: redis}, or one worker instead of 2"
)


class Counter(Component[Any, Params]):
    """Counts in its own memory."""

    async def handle(self, call: Call, params: Params) -> Any: ...

    def worker_hazards(self) -> dict[str, str]:
        return {"counter": "each process counts for itself; leave it out"}


def mistakes(folder: Path, stanza: str, workers: int = 2) -> list[str]:
    path = folder / "esb.yaml"
    path.write_text(
        f"version: 1\nserver: {{workers: {workers}}}\n{ACCEPTED}components:\n  - {{path: /a/b/, {stanza}}}\n"
    )
    try:
        create_app(load(path, {}))
    except ConfigError as error:
        return [f"{mistake.key}: {mistake.text}" for mistake in error.mistakes]
    return []


@pytest.mark.parametrize(
    "stanza",
    [
        f"use: cmsi_send_mp_weixin, config: {{{OFFICIAL_ACCOUNT}}}",
        f"use: cmsi_send_weixin, config: {{wx_type: mp, {OFFICIAL_ACCOUNT}}}",
    ],
)
def test_plain_tokens_need_a_shared_store(tmp_path: Path, stanza: str) -> None:
    assert mistakes(tmp_path, stanza) == [PLAIN]
    assert mistakes(tmp_path, stanza.replace("plain", "stable")) == []
    assert mistakes(tmp_path, stanza, workers=1) == []


def test_a_wecom_app_needs_none_whatever_its_config_says_of_official_accounts(tmp_path: Path) -> None:
    config = "wx_qy_corpid: c, wx_qy_corpsecret: s, wx_qy_agentid: 1, wx_token_api: plain"
    assert mistakes(tmp_path, f"use: cmsi_send_weixin, config: {{{config}}}") == []


def test_a_component_of_others_may_declare_what_it_cannot_share(tmp_path: Path) -> None:
    assert mistakes(tmp_path, 'use: "tests.gateway.test_worker_safety:Counter"') == [
        "components[0].config.counter: each process counts for itself; leave it out, or services.store: {use: redis}, "
        "or one worker instead of 2"
    ]


@pytest.mark.parametrize("database", [False, True])
def test_with_a_database_each_process_counts_limits_for_itself_and_nothing_else(tmp_path: Path, database: bool) -> None:
    path = tmp_path / "esb.yaml"
    services = f"services:\n{stanza('sqlite:///esb.db')}" if database else ""
    component = "components: [{path: /a/b/, use: cmsi_get_msg_type}]\n"
    path.write_text(f"version: 1\nserver: {{workers: 2}}\n{services}{component}")
    with pytest.raises(ConfigError) as error:
        create_app(load(path, {}))
    (mistake,) = error.value.mistakes
    lacking = "count limits" if database else "remember nonces and idempotency keys and count limits"
    assert mistake.text.startswith(f"each of 2 processes would {lacking} for itself; use redis")
