"""The pages of the documentation, and the code that they show."""

import re
from dataclasses import dataclass

from tests.support.repository import ROOT

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = sorted(str(path.relative_to(ROOT)) for path in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: str
    line: int
    language: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


def text(page: str) -> str:
    """The content of a page."""
    return (ROOT / page).read_text("utf-8")


def blocks(page: str, *languages: str) -> list[Block]:
    """The fenced blocks of a page, in order; of these languages if any are named."""
    content = text(page)
    found = [
        Block(page, content[: match.start()].count("\n") + 1, match[1], match[2]) for match in FENCE.finditer(content)
    ]
    return [block for block in found if not languages or block.language in languages]


WHOLE_CONFIGS = [block for page in PAGES for block in blocks(page, "yaml") if block.text.startswith("version:")]
