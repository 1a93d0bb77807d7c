"""Survivors that were looked at, and the reason why each is left alive."""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.project.mutants.mutations import Mutant

FILE = Path(__file__).with_name("survivors.toml")


@dataclass(frozen=True, slots=True)
class Survivor:
    """A pattern of mutants: `*` stands for any text, and what is left out for all. `why`: equivalent or accepted."""

    file: str
    why: str
    reason: str
    scope: str = "*"
    before: str = "*"
    after: str = "*"
    operator: str = "*"

    def __post_init__(self) -> None:
        if self.why not in {"equivalent", "accepted"} or not self.reason:
            raise ValueError(f"{self.file}: {self.before}: why is equivalent or accepted, and has a reason")

    def matches(self, mutant: Mutant) -> bool:
        return (
            _matches(self.file, mutant.file)
            and _matches(self.scope, mutant.scope)
            and _matches(self.operator, mutant.operator)
            and _matches(self.before, mutant.before)
            and _matches(self.after, mutant.after)
        )


def load(path: Path = FILE) -> tuple[Survivor, ...]:
    """Read the file. TypeError or ValueError if an entry is not complete."""
    return tuple(Survivor(**entry) for entry in tomllib.loads(path.read_text()).get("survivor", []))


def explained(mutant: Mutant, survivors: Iterable[Survivor]) -> Survivor | None:
    """Return the first pattern that this mutant matches."""
    return next((survivor for survivor in survivors if survivor.matches(mutant)), None)


def _matches(pattern: str, text: str) -> bool:
    return pattern == "*" or re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text) is not None
