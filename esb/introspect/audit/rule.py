"""Rules about configurations that work and may not be what is meant."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import wraps
from typing import Any, Literal, NamedTuple

from esb.config import Section
from esb.config.stanza_reader import deepest
from esb.core.errors import Mistake
from esb.introspect.audit.subject import Secret, Subject

Severity = Literal["high", "medium", "low"]
PAGE = "docs/warnings.md"
"""The page that has a section for each rule."""


class Place(NamedTuple):
    """The section of a file that a warning is about, or keys below it; and what it is about, put before the text."""

    section: Section
    keys: tuple[str | int, ...] = ()
    about: str = ""


Find = Callable[[Subject], Iterable[Place]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: its id, which no other rule ever gets, what it says, and how to mend that."""

    id: str
    severity: Severity
    text: str
    fix: str
    find: Find

    @property
    def page(self) -> str:
        """The page that tells more, and its section."""
        return f"{PAGE}#{self.id.lower()}"


class Warned(NamedTuple):
    """One thing in a file that a rule warns of. `said` has the rule's text and its fix."""

    rule: Rule
    said: Mistake

    def as_json(self) -> dict[str, Any]:
        """Return it with all that its rule says."""
        rule = self.rule
        return {"id": rule.id, "severity": rule.severity, **self.said._asdict(), "fix": rule.fix, "page": rule.page}

    def __str__(self) -> str:
        file, line, key, text = self.said
        return f"{file}:{line}: {self.rule.id}: {key}: {text}"


def rule(id: str, severity: Severity, text: str, fix: str) -> Callable[[Find], Rule]:  # noqa: A002 - the word of the docs
    """Make a decorator: the function under it finds the places of this rule."""
    return lambda find: Rule(id, severity, text, fix, find)


def each_secret(holds: Callable[[Secret], bool]) -> Find:
    """Make the finder of all secrets of which this holds."""

    @wraps(holds)
    def find(subject: Subject) -> Iterator[Place]:
        return (Place(secret.section, secret.keys) for secret in subject.secrets if holds(secret))

    return find


def applied(rule: Rule, subject: Subject) -> Iterator[Warned]:
    """Yield the warnings of this rule. What stands where a `${…}` is not resolved says nothing."""
    for place in rule.find(subject):
        section = deepest(place.section, *place.keys)
        if section.children or not section.unresolved:
            text = f"{place.about}{rule.text}; {rule.fix}"
            yield Warned(rule, place.section.mistake(text, *place.keys))
