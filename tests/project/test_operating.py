"""The tables of docs/operating.md, in both languages: they hold what there is, and nothing else."""

import re

import pytest

from esb.core.reasons import Reason
from tests.support.repository import ROOT

PAGES = ("docs/operating.md", "docs/operating.zh-CN.md")
ROW = re.compile(r"\| ([^|]+) \| (.+) \|")


def tables(page: str, heading: str) -> list[dict[str, str]]:
    """The tables of this page whose first column has this heading: first cell of each row -> the rest of it."""
    found: list[dict[str, str]] = []
    inside: dict[str, str] | None = None
    for line in (ROOT / page).read_text().splitlines():
        row = ROW.fullmatch(line)
        if row is None:
            inside = None
        elif inside is None:
            inside = {}
            if row[1] == heading:
                found.append(inside)
        elif not row[1].startswith("---"):
            assert row[1] not in inside, line
            inside[row[1]] = row[2]
    return found


@pytest.mark.parametrize("page", PAGES)
def test_every_reason_of_a_refused_call_is_explained(page: str) -> None:
    reasons, _ = tables(page, "`reason`")
    assert list(reasons) == [f"`{reason}`" for reason in Reason]
