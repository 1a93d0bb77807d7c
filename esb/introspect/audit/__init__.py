"""Warnings about a configuration: what works, and may not be meant. A comment `# esb: allow W101` accepts one.

The comment stands on the line that the warning names, or on the one above.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from esb.config import Config
from esb.core.errors import Mistake
from esb.introspect.audit import hygiene, identity, lapsed, reliability, transport
from esb.introspect.audit.rule import Rule, Warned, applied
from esb.introspect.audit.subject import Subject

__all__ = ["RULES", "Rule", "Warned", "warnings"]

RULES: tuple[Rule, ...] = tuple(
    sorted(
        (*identity.RULES, *transport.RULES, *reliability.RULES, *hygiene.RULES, *lapsed.RULES), key=lambda rule: rule.id
    )
)
"""All rules, by id. An id is never used again for another rule."""
_ALLOWED = re.compile(r"#\s*esb:\s*allow\s+((?:W\d+[\s,]*)+)")


def warnings(config: Config, contents: Mapping[Path, bytes], mistakes: Sequence[Mistake] = ()) -> list[Warned]:
    """Return the warnings about this configuration that no comment in its files allows, by file and line.

    `contents` are the bytes of the files, by absolute path. `mistakes` are all that were found in it: what follows from
    one of them is no warning.
    """
    if config.root is None:
        return []
    subject = Subject(config, mistakes)
    found = [warned for rule in RULES for warned in applied(rule, subject) if not _follows(warned, mistakes)]
    names = {warned.said.file for warned in found}
    files = {name: contents[Path(name).absolute()].decode("utf-8-sig").splitlines() for name in names}
    places = [str(path) for path in config.files]
    return sorted(
        (warned for warned in found if not _is_allowed(warned, files[warned.said.file])),
        key=lambda warned: (places.index(warned.said.file), warned.said.line),
    )


def _follows(warned: Warned, mistakes: Sequence[Mistake]) -> bool:
    """Return whether what the warning is about is a mistake already, or has one in it."""
    key = warned.said.key
    return any(mistake.key == key or mistake.key.startswith((f"{key}.", f"{key}[")) for mistake in mistakes)


def _is_allowed(warned: Warned, lines: list[str]) -> bool:
    near = lines[max(0, warned.said.line - 2) : warned.said.line]
    return any(warned.rule.id in found[1] for line in near if (found := _ALLOWED.search(line)) is not None)
