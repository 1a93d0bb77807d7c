"""Print the lowest versions that pyproject.toml promises, as pip's constraints, one package a line."""

import re
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
OPEN = ("esb-gateway", "types-")
"""Beginnings of names without a version: the project itself, and annotations that no test runs with."""


def main() -> None:
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    floors: dict[str, str] = {}
    for requirement in sum(project["optional-dependencies"].values(), project["dependencies"]):
        if requirement.startswith(OPEN):
            continue
        match = re.match(r"([\w.-]+)(?:\[[\w,]+\])?[>=]=([\d.]+)", requirement)
        if match is None:
            raise SystemExit(f"pyproject.toml: {requirement}: no lowest version")
        name, floor = match.groups()
        if floors.setdefault(name.lower(), floor) != floor:
            raise SystemExit(f"pyproject.toml: {name}: two lowest versions, {floors[name.lower()]} and {floor}")
    print(*(f"{name}=={floor}" for name, floor in sorted(floors.items())), sep="\n")


if __name__ == "__main__":
    main()
