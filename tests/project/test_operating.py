"""The tables of docs/operating.md, in both languages: they hold what there is, and nothing else."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest

from esb.core.delivery_events import CallbackTried, CredentialHeld, DeliveryAttempted, ReceiptsTaken
from esb.core.events import (
    CallFinished,
    Crashed,
    Event,
    LibraryLogged,
    PluginLogged,
    Reloaded,
    StoreTurned,
    TokenFetched,
    UpstreamFinished,
    WorkerEnded,
)
from esb.core.process_events import DatabaseTurned, KeysUnprotected, RestartFinished
from esb.core.reasons import Reason
from esb.telemetry import logs
from esb.telemetry.log_fields import FIELDS
from tests.support.configuration import DEMO, WECOM
from tests.support.gateway import Gateway, OpenGateway, Sandbox
from tests.support.repository import ROOT

PAGES = ("docs/operating.md", "docs/operating.zh-CN.md")
ROW = re.compile(r"\| ([^|]+) \| (.+) \|")


def tables(page: str, heading: str) -> list[dict[str, str]]:
    """The tables of this page whose first column has this heading: first cell of each row -> the rest of it."""
    found: list[dict[str, str]] = []
    inside: dict[str, str] | None = None
    for line in (ROOT / page).read_text().splitlines():
        row = ROW.fullmatch(line)
        if row is None:
            inside = None
        elif inside is None:
            inside = {}
            if row[1] == heading:
                found.append(inside)
        elif not row[1].startswith("---"):
            assert row[1] not in inside, line
            inside[row[1]] = row[2]
    return found


@pytest.mark.parametrize("page", PAGES)
def test_every_reason_of_a_refused_call_is_explained(page: str) -> None:
    reasons, _ = tables(page, "`reason`")
    assert list(reasons) == [f"`{reason}`" for reason in Reason]


# Lines


SAMPLES: dict[str, Any] = {"str": "x", "float": 1.0, "tuple": (), "Mapping": {}}
"""Type of a field -> a value of it; 1 of any other."""
MORE: dict[type, list[dict[str, Any]]] = {
    CallFinished: [
        {
            "source": "caller",
            "reason": Reason.BODY,
            "claimed_app": "shop",
            "asked_path": "/a/",
            "secret_number": 1,
            "sent": {},
        }
    ],
    UpstreamFinished: [{"failure": "away", "kind": "network"}, {"failure": ""}],
    TokenFetched: [{"outcome": "fetched"}, {"outcome": "refused"}],
    StoreTurned: [{"trouble": "it is full"}, {"trouble": ""}],
    DatabaseTurned: [{"trouble": "it is full"}, {"trouble": ""}],
    CallbackTried: [{"outcome": "told", "why": ""}, {"outcome": "given up", "why": "status 500"}],
    ReceiptsTaken: [{"outcome": "delivered", "why": ""}, {"outcome": "refused", "why": "no signature"}],
    DeliveryAttempted: [{"failure": ""}],
    CredentialHeld: [{"reason": ""}, {"reason": "config"}],
    KeysUnprotected: [{"reason": "process"}, {"reason": "full"}],
    Crashed: [{"detail": "data.x is a set"}],
    Reloaded: [{"mistakes": ("esb.yaml:1: a: b",)}, {"mistakes": ()}],
    RestartFinished: [{"trouble": "it did not start"}, {"trouble": ""}],
    WorkerEnded: [{"stuck": True}, {"stuck": False}],
    LibraryLogged: [{"kind": "ValueError"}],
    PluginLogged: [{}],
}
"""Class of an event -> values of fields that bring other lines, or more fields of them."""


def samples() -> Iterator[Event]:
    """Events of every class, with as little and with as much as there may be to tell."""
    for kind in get_args(Event):
        needed = {
            field.name: _sample(getattr(field.type, "__name__", "") or str(field.type))
            for field in fields(kind)
            if field.default is MISSING
        }
        for more in [{}, *MORE.get(kind, [])]:
            yield kind(**{**needed, **more})


def _sample(annotation: Any) -> Any:
    kind = getattr(get_origin(annotation) or annotation, "__name__", str(annotation))
    return SAMPLES.get(kind, 1)


def seen() -> dict[str, tuple[set[str], set[str]]]:
    """Event of a line -> the fields that it always has, and all that it may have."""
    found: dict[str, tuple[set[str], set[str]]] = {}
    for event in samples():
        line = FIELDS[type(event)](event)
        name = "library" if isinstance(event, LibraryLogged) else line["event"]
        names = line.keys() - {"event", "level"}
        always, ever = found.get(name, (names, set()))
        found[name] = (set(always & names), ever | names)
    return found


def names(cell: str) -> set[str]:
    return set(re.findall(r"`([\w ]+)`", cell))


@pytest.mark.parametrize("page", PAGES)
def test_every_line_of_the_log_is_documented_with_its_fields(page: str) -> None:
    (rows,) = tables(page, "`event`")
    documented = {}
    for event, rest in rows.items():
        _, always, more = rest.split("|")
        documented[event.strip("`") if "`" in event else "library"] = (names(always), names(always) | names(more))
    assert documented == seen()


@pytest.mark.parametrize("page", PAGES)
def test_every_field_that_does_not_say_it_itself_is_explained(page: str) -> None:
    (rows,) = tables(page, "field" if page == PAGES[0] else "字段")
    explained = set().union(*map(names, rows))
    plain = {"system", "interface", "component", "method", "client_ip", "platform", "account", "outcome", "refused"}
    plain |= {"logger", "text", "why", "doing", "version", "pid", "address", "generation", "mistakes"}
    plain |= {"unfinished", "lines", "trouble"}
    assert set().union(*(ever for _, ever in seen().values())) == explained | plain


# The five questions


def commands(page: str) -> list[str]:
    return re.findall(r"```bash\n(jq .*?)\n```", (ROOT / page).read_text(), re.DOTALL)


def test_both_pages_ask_alike() -> None:
    first, second = map(commands, PAGES)
    assert first == second
    assert len(first) == 5


@pytest.mark.skipif(shutil.which("jq") is None, reason="there is no jq")
async def test_supports_five_questions_are_answered_by_jq(
    open_gateway: OpenGateway, sandbox: Sandbox, tmp_path: Path
) -> None:
    gateway = await open_gateway(WECOM, sandbox_url=sandbox.url)
    kept = "0123456789abcdef0123456789abcdef"
    await gateway.post(
        {**DEMO, "receiver": "zhangsan;nobody", "data": {"heading": "H", "message": "M"}},
        headers={"X-Bkapi-Request-Id": kept},
    )
    await gateway.call(auth={"bk_app_code": "shop", "bk_app_secret": "wrong"})
    await gateway.call("v2/cmsi/send_weixin", {**DEMO, "bk_app_secret": "next-secret"})
    await sandbox.post("faults", {"match": {"path": "/cgi-bin/message/send"}, "action": {"status": 500}, "times": 1})
    await gateway.send()
    refused, request, secrets, paths, hosts = [_answered(command, gateway, tmp_path) for command in commands(PAGES[0])]

    assert [line[1:3] for line in refused] == [["app_unknown", "/cmsi/send_weixin/"]]
    assert [line["event"] for line in request] == ["upstream call", "upstream call", "call"]
    assert request[-1]["sent"]["failed"] == 1
    assert secrets == [{"esb_demo": 1}]
    assert paths == [{"/api/c/compapi/v2/cmsi/send_weixin/": {"esb_demo": 1}}]
    assert hosts == [{sandbox.url.removeprefix("http://"): {"http": 1}}]


def _answered(command: str, gateway: Gateway, folder: Path) -> list[Any]:
    """What this command prints, of the log that this gateway has written."""
    with (folder / "esb.log").open("w") as log:
        write = logs.listener({}, log)
        for event in gateway.events:
            write(event)
    done = subprocess.run(["/bin/bash", "-c", command], cwd=folder, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]
