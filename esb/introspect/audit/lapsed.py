"""Rules about rights that have ended, and about what nobody has or may call."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain

from esb.config import names_in_rights
from esb.config.systems import USE
from esb.config.yaml import did_you_mean
from esb.gateway import chains
from esb.introspect.audit.rule import Place, rule
from esb.introspect.audit.subject import Subject


@rule(
    "W137",
    "low",
    "this time has passed, so what it ends is over",
    "write a later one, or take away what has ended",
)
def ended(subject: Subject) -> Iterator[Place]:
    """Yield the ends of apps and of their grants that lie in the past."""
    now = datetime.now(UTC)
    for apps, index, entry in subject.app_models():
        if entry.expires is not None and entry.expires <= now:
            yield Place(apps.stanza.config, ("apps", index, "expires"))
        for number, grant in enumerate(entry.grants):
            if grant.until is not None and grant.until <= now:
                yield Place(apps.stanza.config, ("apps", index, "grants", number, "until"))


@rule(
    "W138",
    "low",
    f"no component with `use: {USE}` has this system, so nothing takes its defaults",
    "write the first word of their names, or take it away",
)
def system_of_nobody(subject: Subject) -> Iterator[Place]:
    """Yield the systems whose defaults count for no component."""
    names = {stanza.name.partition(".")[0] for stanza in subject.config.components if stanza.use == USE}
    systems = subject.root.children.get("systems")
    for name in systems.children if systems is not None and subject.components_are_known else ():
        if name not in names:
            yield Place(subject.root, ("systems", name), f"'{name}'{did_you_mean(str(name), names)}: ")


@rule(
    "W139",
    "medium",
    "nobody may call this component: it is restricted, and no app has a right for just this one",
    "give one app its name without * ? and [ in `grants`, or set `active: false`",
)
def restricted_to_nobody(subject: Subject) -> Iterator[Place]:
    """Yield the restricted components that no app of the file may call now. `*` opens none of them."""
    if subject.app_codes() is None or ("apps" in subject.config.services and "apps" not in subject.services):
        return
    now = datetime.now(UTC).timestamp()
    every = [entry.rights() for _, _, entry in subject.app_models()]
    alive = [rights for rights in every if not rights.disabled and now < rights.expires]
    granted = set(chain.from_iterable(grant.components for rights in alive for grant in rights.in_force(now)))
    for stanza in subject.config.components:
        opened = not granted.isdisjoint(names_in_rights(stanza.name, stanza.path))
        if stanza.restricted and stanza.active and not opened and not chains.foreign(subject.chain(stanza)):
            yield Place(stanza.section, ("restricted",))


RULES = (ended, system_of_nobody, restricted_to_nobody)
