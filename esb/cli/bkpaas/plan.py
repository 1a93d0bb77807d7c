"""The plan: all that an import will write, what it cannot carry over, and what has to be chosen first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo

from esb.cli.bkpaas.channels import Channels, routes_of, timeouts_of
from esb.cli.bkpaas.components import Components
from esb.cli.bkpaas.parts import AppPart, Collision, ComponentPart, Fate, GrantPart, Left, Limits
from esb.cli.bkpaas.rights import CONTROLLER, SKIP_USER_AUTH, Rights
from esb.cli.bkpaas.self_service import SelfService
from esb.cli.bkpaas.tables import Tables
from esb.cli.bkpaas.values import as_moment, as_text

NOT_CARRIED = {
    "esb_user_auth_token": ("user tokens", "the parameter bk_access_token is refused as unknown"),
    "esb_access_token": ("user tokens", "the parameter bk_access_token is refused as unknown"),
    "esb_wxmp_access_token": ("access tokens of official accounts", "tokens are in memory, and fetched anew"),
    "esb_api_doc": ("documents", "`esb docs` writes those of the components here"),
    "esb_component_doc": ("documents", "`esb docs` writes those of the components here"),
}
"""The content of tables that are only counted, and why it stays behind."""
JWT_KEYS = "jwt::private_public_key"
JWT_KEYS_GO_TO = "its public key is for services.jwt, its private one for bk_user and `identity: jwt`"


@dataclass(frozen=True, slots=True)
class Expired:
    """The choice for rights that are over by their date: what to do, and for `extend` how long they go on."""

    fate: Fate
    extension: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Plan:
    """All that an import does. `open`: components that every app may call."""

    files: Sequence[str]
    generation: str
    board: str | None
    tables: dict[str, int]
    apps: Sequence[AppPart]
    grants: Sequence[GrantPart]
    impersonators: Sequence[str]
    open: Sequence[str]
    components: Sequence[ComponentPart]
    limits: Sequence[Limits]
    collisions: Sequence[Collision]
    left: Sequence[Left]

    @property
    def undecided(self) -> list[GrantPart]:
        """The rights that are over, and for which nothing was chosen: nothing can be written before."""
        return [grant for grant in self.grants if grant.fate == "undecided"]


def plan_of(tables: Tables, zone: tzinfo, now: datetime, expired: Expired | None, board: str | None) -> Plan:
    """Return the plan for these tables. `zone`: of the times in them; `expired`: None if nothing was chosen."""
    self_service = SelfService(tables, routes_of(tables))
    channels = Channels(tables, self_service.declared)
    components = Components(channels)
    rights = Rights(tables, channels, zone)
    services = [*self_service.parts(channels.names, timeouts_of(tables))]
    opened = sorted({*channels.open, *self_service.open(channels.names)} - channels.closed)
    channel_losses = [_with_use(left, channels, rights) for left in (*channels.left, *components.left)]
    return Plan(
        files=tables.files,
        generation=" and ".join(tables.generations),
        board=board,
        tables=tables.counts,
        apps=rights.apps,
        grants=[*_grants(rights, set(opened), now, expired)],
        impersonators=rights.impersonators,
        open=opened,
        components=[*components.parts, *services],
        limits=components.limits,
        collisions=[*channels.collisions(rights.numbers)],
        left=[*channel_losses, *self_service.left, *rights.left, *_others(tables, zone)],
    )


def _with_use(left: Left, channels: Channels, rights: Rights) -> Left:
    """Return what is said of a channel, with its last use."""
    used = [rights.used[each.number] for each in channels.by_path.get(left.name, ()) if each.number in rights.used]
    return replace(left, last_used=max(used)) if used and left.kind == "channel" else left


def _grants(rights: Rights, opened: set[str], now: datetime, expired: Expired | None) -> Iterator[GrantPart]:
    for (app, component), right in sorted(rights.rights.items()):
        if component in opened:
            continue  # every app has that
        end, fate = right.end, _fate(right.end, now, expired)
        if fate == "kept":
            end = None
        elif fate == "extended" and expired is not None:
            end = now + expired.extension
        yield GrantPart(app, component, right.end, end, fate, tuple(right.sources), right.last_used)


def _fate(end: datetime | None, now: datetime, expired: Expired | None) -> Fate:
    if end is None or now < end:
        return "carried"
    return "undecided" if expired is None else expired.fate


def _others(tables: Tables, zone: tzinfo) -> Iterator[Left]:
    """Yield what stays behind of tables that hold neither apps, rights nor components."""
    counts = tables.counts
    for table, (kind, why) in NOT_CARRIED.items():
        if count := counts.get(table):
            latest = as_moment(tables.latest.get(table), zone)
            yield Left(kind, table, f"{count} rows", f"not carried over: {why}", latest, count)
    for row in tables.rows(CONTROLLER):
        code = as_text(row["func_code"]).strip()
        if code != SKIP_USER_AUTH:
            why = JWT_KEYS_GO_TO if code == JWT_KEYS else "nothing here asks it"
            yield Left("function controller", CONTROLLER, code, f"not carried over: {why}")
