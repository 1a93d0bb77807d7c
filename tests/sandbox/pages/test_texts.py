"""The texts of the pages: each has a Chinese one, and each template keeps the policy."""

import io
import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_keywords, parse_mapping_cfg
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from esb.sandbox.pages import rendering, static_files
from esb.sandbox.pages.views import FORMS
from tests.support.repository import ROOT

PO = rendering.LOCALE / "zh_Hans" / "LC_MESSAGES" / f"{rendering.DOMAIN}.po"
TEMPLATES = sorted((ROOT / "esb" / "sandbox" / "pages" / "templates").rglob("*.html"))
KEYWORDS = ["_", "ngettext:1,2"]
PLACEHOLDER = re.compile(r"%\((\w+)\)")


@pytest.fixture(scope="module")
def catalogue() -> Catalog:
    with PO.open("rb") as file:
        return read_po(file, "zh_Hans")


def texts() -> set[str]:
    """Return the texts that `make catalogues` finds."""
    with (ROOT / "babel.inbox.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]  # Babel has no types here
    found = extract_from_dir(ROOT, methods, options, keywords=parse_keywords(KEYWORDS))
    return {message if isinstance(message, str) else message[0] for _, _, message, _, _ in found}


def test_every_text_has_a_chinese_one_with_the_same_placeholders(catalogue: Catalog) -> None:
    found = texts()
    assert len(found) > 80
    assert {
        message.id if isinstance(message.id, str) else message.id[0] for message in catalogue if message.id
    } == found
    for text in found:
        message = catalogue.get(text)
        assert message is not None, f"run make catalogues, and translate: {text}"
        string = message.string if isinstance(message.string, str) else (message.string or [""])[0]
        assert string, f"translate: {text}"
        assert not message.fuzzy, f"check the translation of: {text}"
        assert set(PLACEHOLDER.findall(string)) == set(PLACEHOLDER.findall(text)), text


def test_the_compiled_catalogue_is_what_the_texts_compile_to(catalogue: Catalog) -> None:
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    assert PO.with_suffix(".mo").read_bytes() == compiled.getvalue(), "run make catalogues"


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_no_template_has_what_the_policy_forbids(template: Path) -> None:
    text = template.read_text()
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle\s*=|\son[a-z]+\s*=|javascript:", text, re.IGNORECASE)
    assert not re.search(r"\|\s*safe\b|autoescape|(?:src|href|action)=\"(?:https?:)?//", text)


def test_every_form_has_a_template() -> None:
    names = {path.stem for path in TEMPLATES if path.parent.name == "forms"}
    assert names == FORMS | {"template", "mail", "sms", "call", "other"}


def test_the_static_files_are_small_and_ask_nobody_else() -> None:
    folder = ROOT / "esb" / "sandbox" / "pages" / "static"
    contents = [path.read_text() for path in folder.iterdir()]
    assert sum(map(len, contents)) < 60_000
    assert {path.name for path in folder.iterdir()} == set(static_files.names())
    for content in contents:
        assert not re.search(r"@import|url\(|eval\(|new Function|https?://(?!www\.w3\.org/2000/svg)", content)
