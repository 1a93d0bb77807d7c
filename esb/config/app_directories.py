"""Stanzas of services.apps: with the apps of the files that they include, and those that a chain holds."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from esb.config.model import Stanza
from esb.config.stanza_reader import Parts, opened
from esb.config.yaml import Section, joined

CHAIN = "chain"
"""The directory that holds stanzas of others."""
Included = Callable[[Section], Iterable[Section]]
"""A reader of the files that an `include` names."""


def completed(stanza: Stanza, parts: Parts, included: Included) -> Stanza:
    """Return the stanza with all that belongs to it; what is wrong in its config, its back end tells."""
    if stanza.use != CHAIN:
        return _with_included(stanza, included)
    listed = opened(stanza.config, "backends")
    if listed is None or not isinstance(listed.value, list):
        return stanza
    sections, backends = [], []
    for item in (each.reread() for each in listed.children.values()):
        found = parts.stanza(item) if isinstance(item.value, dict) else None
        if found is None:
            sections.append(item)
            continue
        backends.append(completed(found, parts, included))
        sections.append(item.with_children({**item.children, "config": backends[-1].config}))
    listed = listed.with_children(dict(enumerate(sections)))
    config = stanza.config.with_children({**stanza.config.children, "backends": listed})
    return replace(stanza, config=config, backends=tuple(backends))


def _with_included(stanza: Stanza, included: Included) -> Stanza:
    """Return the stanza with the apps of those files that its config includes behind its own."""
    config = stanza.config
    include, apps = opened(config, "include"), opened(config, "apps")
    if include is None or (apps is not None and not isinstance(apps.value, list)):
        return stanza
    found = [] if apps is None else [*apps.children.values()]
    for root in included(include):
        listed = opened(root, "apps")
        if listed is not None and isinstance(listed.value, list):
            found += listed.children.values()
    every = replace(apps or include, key=joined(config.key, "apps"), value=[])
    every = every.with_children(dict(enumerate(found)))
    return replace(stanza, config=config.with_children({**config.children, "apps": every}))
