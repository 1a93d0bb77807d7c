"""The findings of `esb check`: lines for people, JSON for programs, SARIF for code scanning.

Source: Static Analysis Results Interchange Format (SARIF) 2.1.0, OASIS, sections 3.13 to 3.49.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from esb._version import __version__
from esb.core.errors import Mistake
from esb.introspect.audit import RULES
from esb.introspect.audit.rule import Rule, Severity, Warned

LEVELS: dict[Severity, str] = {"high": "error", "medium": "warning", "low": "note"}
"""Severity of a rule -> level of SARIF."""
MISTAKE = "mistake"
"""Id of what is wrong, and no matter of opinion."""
MISTAKE_RULE = {
    "id": MISTAKE,
    "shortDescription": {"text": "a mistake, with which no gateway starts"},
    "defaultConfiguration": {"level": "error"},
}


@dataclass(frozen=True, slots=True)
class Report:
    """All that there is to say about a configuration with so many `components`."""

    components: int
    mistakes: Sequence[Mistake]
    warnings: Sequence[Warned]

    def as_text(self) -> str:
        """Return a line for each mistake and each warning, and one for the sum."""
        lines = [*map(str, self.mistakes), *map(str, self.warnings)]
        if not self.mistakes:
            count = f", {len(self.warnings)} warnings" if self.warnings else ""
            lines.append(f"ok: {self.components} components{count}")
        return "\n".join(lines)

    def as_json(self) -> str:
        """Return one JSON object with all of it."""
        found = {
            "ok": not self.mistakes,
            "components": self.components,
            "mistakes": [mistake._asdict() for mistake in self.mistakes],
            "warnings": [warned.as_json() for warned in self.warnings],
        }
        return json.dumps(found, indent=2, ensure_ascii=False)

    def as_sarif(self) -> str:
        """Return a log of SARIF with one run."""
        places = {rule.id: index for index, rule in enumerate(RULES, 1)}
        results = [_result(MISTAKE, 0, "error", mistake) for mistake in self.mistakes]
        results += [_result(rule.id, places[rule.id], LEVELS[rule.severity], said) for rule, said in self.warnings]
        driver = {"name": "esb check", "version": __version__, "rules": [MISTAKE_RULE, *map(_rule, RULES)]}
        log = {
            "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
            "version": "2.1.0",
            "runs": [{"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}],
        }
        return json.dumps(log, indent=2, ensure_ascii=False)


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "name": rule.find.__name__,
        "shortDescription": {"text": rule.text},
        "help": {"text": f"{rule.fix}. More: {rule.page}"},
        "defaultConfiguration": {"level": LEVELS[rule.severity]},
        "properties": {"severity": rule.severity},
    }


def _result(rule: str, index: int, level: str, said: Mistake) -> dict[str, Any]:
    return {
        "ruleId": rule,
        "ruleIndex": index,
        "level": level,
        "message": {"text": f"{said.key}: {said.text}"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": _uri(said.file)},
                    "region": {"startLine": said.line},
                },
                "logicalLocations": [{"fullyQualifiedName": said.key}],
            }
        ],
    }


def _uri(file: str) -> str:
    """Return the path as a reference of RFC 3986: relative ones stay relative, for they are those of the repository."""
    path = Path(file)
    return path.as_uri() if path.is_absolute() else quote(os.fsencode(path.as_posix()))
