"""esb call: a call to a component of a running gateway, and its answer."""

import json
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import click

from esb.cli.exchange import checked, exchange
from esb.cli.options import config_if_any_option
from esb.config import Config, load
from esb.config.component_paths import ROOT

ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - where a gateway listens that listens everywhere


@click.command(short_help="Call a component of a running gateway.")
@config_if_any_option
@click.argument("system")
@click.argument("component")
@click.option(
    "--data", default="", metavar="JSON|@FILE|-", help="The parameters: a JSON object, @FILE, or - for stdin."
)
@click.option("--app", envvar="ESB_APP_CODE", metavar="CODE", show_envvar=True, help="Which app calls.")
@click.option("--secret", envvar="ESB_APP_SECRET", metavar="SECRET", show_envvar=True, help="Its secret.")
@click.option("--user", envvar="ESB_USERNAME", metavar="NAME", show_envvar=True, help="For whom it calls.")
@click.option(
    "--token", envvar="ESB_BK_TOKEN", metavar="BK_TOKEN", show_envvar=True, help="Whose login vouches for it."
)
@click.option("--url", envvar="ESB_URL", metavar="BASE", show_envvar=True, help="The gateway; default: as configured.")
@click.option("--header", "headers", multiple=True, metavar="NAME:VALUE", help="A header more; may be repeated.")
@click.option("--dry-run", is_flag=True, help="Send nothing, only say what would be sent.")
def call(
    path: str,
    system: str,
    component: str,
    data: str,
    app: str | None,
    secret: str | None,
    user: str | None,
    token: str | None,
    url: str | None,
    headers: tuple[str, ...],
    dry_run: bool,
) -> None:
    """Call a component of a running gateway, and print its answer. Exit code 0 only if its result is true.

    Where it is, its path and its method come from the configuration if that is here; else from --url, by name, and as
    a POST. Secrets are safer in the environment than on the command line, which everybody on this machine can read;
    an app's secret that is in neither is asked for.
    """
    params = _params(data)
    config = load(path) if Path(path).is_file() else None
    method, place = _place(config, system, component, params)
    base = (url or _base(config)).rstrip("/")
    sent = {**_extra(headers), **_authorization(app, secret, user, token), **({"X-Dry-Run": "1"} if dry_run else {})}
    status, body = exchange(_request(base + place, method, params, sent))
    envelope = _envelope(body)
    if envelope is None:
        _show_raw(body)
        sys.exit(0 if status < 400 else 1)
    click.echo(json.dumps(envelope, ensure_ascii=False, indent=2))
    sys.exit(0 if envelope["result"] is True else 1)


def _params(data: str) -> dict[str, Any]:
    text = data
    if data == "-":
        text = sys.stdin.read()
    elif data.startswith("@"):
        try:
            text = Path(data[1:]).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise click.BadParameter(f"cannot read {data[1:]}: {error}", param_hint="--data") from error
    try:
        params = json.loads(text or "{}")
    except ValueError as error:
        raise click.BadParameter(f"not JSON: {error}", param_hint="--data") from error
    if not isinstance(params, dict):
        raise click.BadParameter("expected a JSON object", param_hint="--data")
    return params


def _place(config: Config | None, system: str, component: str, params: Mapping[str, Any]) -> tuple[str, str]:
    """Return method and path of a component; variables of the path come from the parameters."""
    method, path = "POST", f"/{quote(system, safe='')}/{quote(component, safe='')}/"
    for stanza in config.components if config is not None else ():
        if stanza.name == f"{system}.{component}":
            method = "POST" if "POST" in stanza.methods else stanza.methods[0]
            path = "/".join(_part(part, params) for part in stanza.path.split("/"))
            break
    return method, f"{ROOT}{path}"


def _part(part: str, params: Mapping[str, Any]) -> str:
    if not part.startswith("{"):
        return part
    name = part.strip("{}")
    if name not in params:
        raise click.BadParameter(f"the path of this component needs {name!r} in it", param_hint="--data")
    return quote(str(params[name]), safe="")


def _base(config: Config | None) -> str:
    if config is None:
        return "http://127.0.0.1:8080"
    host = config.server.host
    host = ANYWHERE.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{host}:{config.server.port}"


def _extra(headers: tuple[str, ...]) -> dict[str, str]:
    pairs = [header.partition(":") for header in headers]
    for name, colon, _ in pairs:
        if not name.strip() or not colon:
            raise click.BadParameter(f"expected NAME:VALUE, found {name!r}", param_hint="--header")
    return {name.strip(): value.strip() for name, _, value in pairs}


def _authorization(app: str | None, secret: str | None, user: str | None, token: str | None) -> dict[str, str]:
    if app and not secret:
        secret = click.prompt(f"secret of {app}", hide_input=True, err=True)
    who = {"bk_app_code": app, "bk_app_secret": secret if app else None, "bk_username": user, "bk_token": token}
    told = {name: value for name, value in who.items() if value}
    return {"X-Bkapi-Authorization": json.dumps(told)} if told else {}


def _request(url: str, method: str, params: Mapping[str, Any], headers: Mapping[str, str]) -> urllib.request.Request:
    if urlsplit(checked(url)).scheme not in {"http", "https"}:
        raise click.BadParameter(f"expected http://… or https://…, found {url!r}", param_hint="--url")
    if method in {"GET", "HEAD"}:
        query = urlencode(
            {name: value if isinstance(value, str) else json.dumps(value) for name, value in params.items()}
        )
        return urllib.request.Request(f"{url}?{query}" if query else url, None, dict(headers), method=method)  # noqa: S310
    sent = {"Content-Type": "application/json", **headers}
    return urllib.request.Request(url, json.dumps(params).encode(), sent, method=method)  # noqa: S310 - checked above


def _envelope(body: bytes) -> dict[str, Any] | None:
    """Return the answer as an envelope; None if it is none, such as a file that a component passes on."""
    try:
        found = json.loads(body)
    except ValueError:
        return None
    return found if isinstance(found, dict) and "result" in found else None


def _show_raw(body: bytes) -> None:
    sys.stdout.buffer.write(body)
    sys.stdout.buffer.flush()
