"""The plan as JSON and as a text. Secrets are in neither: they are told by the columns that they stand in."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from esb.cli.bkpaas.parts import Channel, GrantPart, Left, Limit, Secret
from esb.cli.bkpaas.plan import Plan
from esb.cli.listing import aligned
from esb.core.clock import utc_text
from esb.core.redaction import REDACTED

FATES = {
    "carried": "",
    "kept": "over; kept without an end",
    "extended": "over; extended",
    "dropped": "over; dropped",
    "undecided": "OVER: choose",
}
CHOICE = (
    "The old ESB never looked at the end of a right: these may be in daily use. Nothing is written until you choose:\n"
    "--expired drop (they are left out), keep (they go on without an end), or extend=90d (they go on for so long)."
)


def as_json(plan: Plan) -> str:
    """Return the plan for programs."""
    view = {
        "files": plan.files,
        "generation": plan.generation,
        "board": plan.board,
        "tables": plan.tables,
        "apps": [{"code": app.code, "secrets": [secret.source for secret in app.secrets]} for app in plan.apps],
        "grants": [_grant(grant) for grant in plan.grants],
        "impersonations": [{"app": app, "users": "*", "components": "*"} for app in plan.impersonators],
        "open": plan.open,
        "components": [
            {"component": part.name, "from": part.source, "stanza": _without_secrets(part.stanza)}
            for part in plan.components
        ],
        "limits": [
            {
                "component": each.component,
                "default": _rules(each.default),
                "apps": {app: _rules(rules) for app, rules in each.apps.items()},
                "in_stanza": each.is_written,
            }
            for each in plan.limits
        ],
        "collisions": [
            {
                "component": each.name,
                "channels": [_channel(channel) for channel in each.channels],
                "why": each.text,
                "gains": each.gains,
            }
            for each in plan.collisions
        ],
        "not_carried_over": [_left(each) for each in plan.left],
        "undecided": len(plan.undecided),
    }
    return json.dumps(view, indent=2, ensure_ascii=False)


def as_text(plan: Plan) -> Iterator[str]:
    """Yield the lines of the plan for people."""
    board = f", board {plan.board}" if plan.board else ""
    yield f"plan: from {', '.join(plan.files)} ({plan.generation}{board})"
    yield from _table("tables", ("table", "rows"), plan.tables.items())
    yield from _table("apps", ("app", "secrets"), ((app.code, _sources(app.secrets)) for app in plan.apps))
    grants = (
        (each.app, each.component, _when(each.end), _when(each.last_used, "unknown"), FATES[each.fate])
        for each in plan.grants
    )
    yield from _table("grants", ("app", "component", "until", "last used", ""), grants)
    if plan.open:
        yield from _table("open to every app, so each of the apps above gets a right", ("component",), zip(plan.open))
    impersonations = ((app, "*", "*") for app in plan.impersonators)
    yield from _table("impersonations", ("app", "users", "components"), impersonations)
    components = (
        (
            part.name,
            stanza["path"],
            stanza["use"],
            "no" if "active" in stanza else "yes",
            ", ".join(stanza.get("config", ())),
        )
        for part in plan.components
        for stanza in [part.stanza]
    )
    yield from _table("components, written by -o", ("component", "path", "use", "active", "config"), components)
    yield from _table("limits", ("component", "app", "calls", ""), _limits(plan))
    collisions = (
        (each.name, " ".join(f"{channel.path}({channel.number})" for channel in each.channels), each.text, gains)
        for each in plan.collisions
        for gains in [f"more than before for: {', '.join(each.gains)}" if each.gains else ""]
    )
    yield from _table("names that several paths have", ("component", "channels", "", ""), collisions)
    left = ((each.table, each.name, _when(each.last_used, ""), each.text) for each in plan.left)
    yield from _table("not carried over, or not as it was", ("table", "what", "last used", "why"), left)
    if undecided := plan.undecided:
        columns = ("app", "component", "over since", "last used")
        yield from _table("rights that are over", columns, map(_over, undecided))
        yield ""
        yield CHOICE


def _grant(grant: GrantPart) -> dict[str, Any]:
    return {
        "app": grant.app,
        "component": grant.component,
        "until": _moment(grant.end),
        "ended": _moment(grant.until) if grant.fate != "carried" else None,
        "decision": grant.fate,
        "last_used": _moment(grant.last_used),
        "from": grant.sources,
    }


def _channel(channel: Channel) -> dict[str, Any]:
    return {"id": channel.number, "path": channel.path, "methods": channel.methods, "level": channel.level}


def _left(left: Left) -> dict[str, Any]:
    return {
        "kind": left.kind,
        "table": left.table,
        "what": left.name,
        "why": left.text,
        "last_used": _moment(left.last_used),
        "count": left.count,
    }


def _over(grant: GrantPart) -> tuple[str, ...]:
    return grant.app, grant.component, _when(grant.until), _when(grant.last_used, "unknown")


def _limits(plan: Plan) -> Iterator[tuple[str, ...]]:
    for each in plan.limits:
        where = "" if each.is_written else "its component is not here yet"
        for app, rules in (("every", each.default), *each.apps.items()):
            for rule in rules:
                yield each.component, app, f"{rule.tokens} in {rule.minutes} min", where


def _rules(rules: Sequence[Limit]) -> list[dict[str, int]]:
    return [rule._asdict() for rule in rules]


def _without_secrets(value: Any) -> Any:
    if isinstance(value, Secret):
        return REDACTED
    if isinstance(value, Mapping):
        return {key: _without_secrets(each) for key, each in value.items()}
    return [_without_secrets(each) for each in value] if isinstance(value, list | tuple) else value


def _sources(secrets: Sequence[Secret]) -> str:
    return ", ".join(secret.source for secret in secrets) or "none here: bkauth may have them"


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else utc_text(moment.timestamp())


def _when(moment: datetime | None, none: str = "never") -> str:
    return none if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def _table(title: str, columns: Sequence[str], rows: Any) -> Iterator[str]:
    cells = [tuple(str(cell) for cell in row) for row in rows]
    if not cells:
        return
    yield ""
    yield f"{title}: {len(cells)}"
    yield from (f"  {line}" for line in aligned([tuple(column.upper() for column in columns), *cells]))
