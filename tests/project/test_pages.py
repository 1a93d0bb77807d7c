"""Pages as they stand in the repository: no template has what a policy forbids, every text has a Chinese one."""

import io
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_keywords, parse_mapping_cfg
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from esb.core.i18n import CHINESE, LOCALE
from esb.portal.language import DOMAIN
from esb.portal.static_files import FOLDER
from tests.support.repository import ROOT

TEMPLATES = sorted((ROOT / "esb").rglob("templates/*.html"))
FILES = LOCALE / CHINESE / "LC_MESSAGES"
KEYWORDS = re.search(r"^PAGES_KEYWORDS = (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
PLACEHOLDER = re.compile(r"%\((\w+)\)\w")
FORBIDDEN = {
    "a script in the page": re.compile(r"<script(?![^>]*\bsrc=)", re.IGNORECASE),
    "a style in the page": re.compile(r"<style|\sstyle\s*=", re.IGNORECASE),
    "a handler in an attribute": re.compile(r"\son[a-z]+\s*=", re.IGNORECASE),
    "code in an attribute of htmx": re.compile(r"\bhx-(?:on|live|vals|vars)\b|\bjs:|javascript:", re.IGNORECASE),
    "a filter of htmx's triggers": re.compile(r'hx-trigger="[^"]*\['),
    "text that is not escaped": re.compile(r"\|\s*safe\b|autoescape\s+false|Markup\("),
    "an address elsewhere": re.compile(r"""(?:src|href|action)\s*=\s*["'](?:https?:)?//""", re.IGNORECASE),
}
"""Fault -> where a template has it. Scripts are evaluated by htmx in some attributes, which a policy forbids."""
COMPRESSED = 1024 * 1024
"""Bytes of all static files, as a wheel has them."""


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: f"{path.parent.parent.name}/{path.name}")
def test_no_template_has_what_the_policy_forbids(template: Path) -> None:
    found = template.read_text()
    assert [fault for fault, pattern in FORBIDDEN.items() if pattern.search(found)] == []


def test_static_files_are_small_and_their_licences_are_with_them() -> None:
    files = [path for path in FOLDER.rglob("*") if path.is_file()]
    assert sum(len(zlib.compress(path.read_bytes())) for path in files) <= COMPRESSED
    vendored = [path for path in FOLDER.iterdir() if path.name.endswith((".min.js", "-bundle.js", "swagger-ui.css"))]
    assert vendored
    licences = {path.stem for path in (FOLDER / "licenses").iterdir()}
    assert {re.split(r"[.-]", path.name)[0] for path in vendored} <= {re.split(r"[.-]", each)[0] for each in licences}


@pytest.fixture(scope="module")
def catalogue() -> Catalog:
    with (FILES / f"{DOMAIN}.po").open("rb") as file:
        return read_po(file, CHINESE)


def texts() -> Iterator[str]:
    """Yield the texts that `make catalogues` finds in the pages."""
    assert KEYWORDS is not None
    with (ROOT / "babel.pages.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]  # Babel has no types here
    for _, _, message, _, _ in extract_from_dir(ROOT, methods, options, keywords=parse_keywords(KEYWORDS[1].split())):
        yield message if isinstance(message, str) else message[0]


def test_every_text_of_a_page_has_a_chinese_one_with_the_same_placeholders(catalogue: Catalog) -> None:
    found = set(texts())
    assert len(found) > 30
    for text in sorted(found):
        message = catalogue.get(text)
        assert message is not None, f"run make catalogues, and translate: {text}"
        chinese = message.string if isinstance(message.string, str) else (message.string or [""])[0]
        assert chinese, f"translate: {text}"
        assert sorted(PLACEHOLDER.findall(chinese)) == sorted(PLACEHOLDER.findall(text)), text


def test_no_chinese_text_of_a_page_was_forgotten(catalogue: Catalog) -> None:
    found = set(texts())
    ids = [message.id if isinstance(message.id, str) else message.id[0] for message in catalogue if message.id]
    assert [each for each in ids if each not in found] == [], "run make catalogues"


def test_the_compiled_catalogue_of_pages_is_what_the_texts_compile_to(catalogue: Catalog) -> None:
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    assert (FILES / f"{DOMAIN}.mo").read_bytes() == compiled.getvalue(), "run make catalogues"
