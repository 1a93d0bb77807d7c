"""esb explain: what would become of a call, and which line of the configuration says so."""

import asyncio
import json
import sys
from contextlib import AsyncExitStack
from typing import Any

import click
from pydantic import ValidationError

from esb.cli.exchange import UNIX, admin_answer
from esb.cli.listing import format_option
from esb.cli.options import CONFIG_INVALID, config_option, exit_at_mistakes
from esb.config import Admin, load
from esb.gateway.app import GATEWAY, Gateway, create_app
from esb.gateway.process_database import opened
from esb.introspect.explain import Asked, concluded, explained

EXIT = {"allowed": 0, "refused": 1, "unknown": 3}
TARGET = "/-/explain"
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - asked at this machine
NOT_HERE = "not known here"


@click.command(short_help="Tell what would become of a call, and why.")
@config_option
@click.option("--app", required=True, metavar="APP", help="The code of the app that calls.")
@click.option("--component", required=True, metavar="S.C", help="The component: system.component, or its path.")
@click.option("--user", default="", metavar="USER", help="The user for whom it calls.")
@click.option(
    "--as",
    "by",
    type=click.Choice(["bk_username", "bk_token"]),
    default="bk_username",
    show_default=True,
    help="How the call says who the user is: by name, or by a login state.",
)
@click.option("--at", metavar="TIME", help="When: a time with its zone, or a date (its end).  [default: now]")
@click.option("--receiver", "receivers", multiple=True, metavar="NAME", help="A receiver whose pace is told.")
@click.option("--test-env", is_flag=True, help="With the header X-Use-Test-Env.")
@format_option
def explain(path: str, form: str, **asked: Any) -> None:
    """Tell what each link of the chain would say to a call, and where that stands. Nothing is called or counted.

    It takes for granted that the app proves who it is: no secret is asked for. What is counted (limits, gates, pace)
    comes from the shared store or from the admin listener of the running gateway, for which ESB_ADMIN_TOKEN is the
    token. Exit code 0 if the call is allowed, 1 if it is refused, 3 if only the secret itself could tell or a link does
    not explain itself, 78 if the configuration is wrong.
    """
    question = _asked(asked)
    config = load(path)
    with exit_at_mistakes(CONFIG_INVALID):
        gateway = create_app(config)[GATEWAY]
        answer = asyncio.run(_answer(gateway, question))
    admin = config.server.admin
    if admin is not None and question.at is None and any(link["verdict"] == NOT_HERE for link in answer["links"]):
        answer |= concluded(_completed(answer["links"], admin, question))
    click.echo(json.dumps(answer, indent=2, ensure_ascii=False) if form == "json" else _text(answer))
    sys.exit(EXIT[answer["verdict"]])


def _asked(given: dict[str, Any]) -> Asked:
    try:
        return Asked.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        option = {"by": "as", "receivers": "receiver"}.get(str(first["loc"][0]), first["loc"][0])
        raise click.BadParameter(first["msg"], param_hint=f"--{option}") from None


async def _answer(gateway: Gateway, question: Asked) -> dict[str, Any]:
    store = gateway.store
    async with AsyncExitStack() as stack:
        if gateway.database is not None:  # which knows the apps
            stack.push_async_callback(gateway.database.close)
            await opened(gateway.database, gateway.config)
        if not store.shared:
            return await explained(gateway, question, live=False)
        stack.push_async_callback(store.close)
        await store.open()
        answer = await explained(gateway, question, live=True)
        if store.trouble:  # then it fell back to the memory of this process, which has counted nothing
            return await explained(gateway, question, live=False)
        return answer


def _completed(links: list[dict[str, Any]], admin: Admin, question: Asked) -> list[dict[str, Any]]:
    """Return the links; those that only the running gateway knows, as that one tells them."""
    try:
        running = {link["link"]: link for link in _running(admin, question)}
    except click.ClickException as error:
        return [
            {**link, "why": f"{link['why']} ({error.message})"} if link["verdict"] == NOT_HERE else link
            for link in links
        ]
    return [running.get(link["link"], link) if link["verdict"] == NOT_HERE else link for link in links]


def _running(admin: Admin, question: Asked) -> list[dict[str, Any]]:
    """Return the links as the admin listener tells them. ClickException if it does not."""
    body = question.model_dump_json(by_alias=True).encode()
    if admin.unix is not None:
        url = f"{UNIX}{admin.unix}"
    else:
        host = ANY_ADDRESS.get(admin.host, admin.host)
        url = f"http://{f'[{host}]' if ':' in host else host}:{admin.port}"
    return list(admin_answer(url, TARGET, "links", "does not explain it", body)["links"])


def _text(answer: dict[str, Any]) -> str:
    lines = []
    for link in answer["links"]:
        until = f" until {link['until']}" if link["until"] else ""
        where = f"  [{link['where']}]" if link["where"] else ""
        lines.append(f"{link['link']}: {link['verdict']}{until}: {link['why']}{where}")
    code = "" if answer["code"] is None else f": {answer['code']} {answer['message']}"
    return "\n".join([*lines, f"=> {answer['verdict']}{code}"])
