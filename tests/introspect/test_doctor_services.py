"""The preflight of BlueKing's services: those that answer, with whatever no; and those that do not."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.support.gateway import OpenServer
from tests.support.ports import free_port
from tests.support.preflight import preflight

SECRET = "a-secret-of-the-gateway"
NO: Mapping[str, Any] = {"result": False, "code": 1, "message": "no such user", "data": None}
SERVICES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "login": ("bk_login", {"app_token": SECRET}, {"result": False, "message": "not logged in"}),
    "users": ("bk_user", {"headers": {"X-Key": SECRET}}, {"result": True, "data": []}),
    "apps": ("bk_auth", {"app_code": "esb", "app_secret": SECRET}, {"code": 0, "data": {"is_match": True}}),
    "access_tokens": ("bk_ssm", {"app_secret": SECRET}, {"code": 1901400, "message": "no such token"}),
}


def stanza(kind: str, url: str) -> dict[str, Any]:
    use, config, _ = SERVICES[kind]
    return {kind: {"use": use, "config": {"url": url, **config}}}


def answering(answer: Any, status: int = 200) -> web.Application:
    async def handle(request: web.Request) -> web.Response:
        return web.json_response(answer, status=status)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    return app


@pytest.mark.parametrize("kind", SERVICES)
async def test_a_service_that_answers_is_well_even_if_it_says_no(
    tmp_path: Path, open_server: OpenServer, kind: str
) -> None:
    url = await open_server(answering(SERVICES[kind][2]))
    done = await preflight(tmp_path, services=stanza(kind, url))

    found = done.of(f"services.{kind}")
    assert {check: each.result for check, each in found.items()} == {"name": "ok", "tcp": "ok", "answer": "ok"}
    assert SECRET not in done.text


@pytest.mark.parametrize("kind", SERVICES)
async def test_a_service_that_breaks_is_told(tmp_path: Path, open_server: OpenServer, kind: str) -> None:
    url = await open_server(answering("an error page", 502))
    done = await preflight(tmp_path, services=stanza(kind, url))

    assert done.failed == [f"services.{kind} answer"]
    assert done.of(f"services.{kind}")["answer"].cause
    assert "log of that service" in done.of(f"services.{kind}")["answer"].fix


@pytest.mark.parametrize("kind", SERVICES)
async def test_a_service_that_is_away_is_told_with_its_key(tmp_path: Path, kind: str) -> None:
    done = await preflight(tmp_path, services=stanza(kind, f"http://127.0.0.1:{free_port()}"))

    assert done.failed == [f"services.{kind} tcp"]
    assert f"services.{kind}.config.url" in done.of(f"services.{kind}")["tcp"].fix


async def test_a_secret_that_bkauth_does_not_know_is_told(tmp_path: Path, open_server: OpenServer) -> None:
    url = await open_server(answering({"code": 0, "data": {"is_match": False}}))
    done = await preflight(tmp_path, services=stanza("apps", url))

    assert done.failed == ["services.apps answer"]
    assert "app_code and app_secret" in done.of("services.apps")["answer"].fix
    assert SECRET not in done.text
