"""Listings: a table for people, JSON for programs."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

format_option = click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="A table, or JSON for programs.",
)


def show(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], form: str) -> None:
    """Print rows: all of them as JSON, or a table of these columns."""
    if form == "json":
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    cells = [[column.upper() for column in columns], *([_cell(row[column]) for column in columns] for row in rows)]
    for line in aligned(cells):
        click.echo(line)


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the rows of a table as lines, each column as wide as the longest of its cells."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ",".join(value) if isinstance(value, list) else str(value)
