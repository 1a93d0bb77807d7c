"""The Chinese catalogue and the code: every text that a caller can see is found, translated, and can be filled."""

import ast
import gettext
import importlib
import io
import pkgutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_keywords, parse_mapping_cfg
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

import esb
from esb.core.errors import EsbError, Limited
from esb.core.i18n import CHINESE, DOMAIN, LOCALE
from tests.support.repository import ROOT

PO = LOCALE / CHINESE / "LC_MESSAGES" / f"{DOMAIN}.po"
KEYWORDS = (ROOT / "babel.keywords").read_text().split()
TEXT_ARGUMENT = {name: int(position or 1) - 1 for name, _, position in (keyword.partition(":") for keyword in KEYWORDS)}
"""Function -> index of its argument that is a text."""


def templates() -> set[str]:
    """The texts that `make catalogues` finds in the code."""
    with (ROOT / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]  # Babel has no types here
    found = extract_from_dir(ROOT, methods, options, keywords=parse_keywords(KEYWORDS))
    return {message for _, _, message, _, _ in found if isinstance(message, str)}


@pytest.fixture(scope="module")
def catalogue() -> Catalog:
    with PO.open("rb") as file:
        return read_po(file, CHINESE)


def placeholders(text: str) -> list[tuple[str, str]]:
    """Return the placeholders of a template with their format specifications, sorted."""
    return sorted((name, spec or "") for _, name, spec, _ in Formatter().parse(text) if name is not None)


def test_every_text_has_a_chinese_one_with_the_same_placeholders(catalogue: Catalog) -> None:
    found = templates()
    assert len(found) > 250
    for text in sorted(found):
        message = catalogue.get(text)
        assert message is not None, f"run make catalogues, and translate: {text}"
        assert message.string, f"translate: {text}"
        assert not message.fuzzy, f"check the translation of: {text}"
        assert placeholders(str(message.string)) == placeholders(text), text


def test_no_chinese_text_was_forgotten_in_english(catalogue: Catalog) -> None:
    for message in catalogue:
        words = "".join(literal for literal, _, _, _ in Formatter().parse(str(message.id)))
        if any(word.isalpha() and word.isascii() and word not in NAMES for word in words.replace("_", " ").split()):
            assert not str(message.string).isascii(), message.id


NAMES = {"disposition", "content", "id", "bkauth"}
"""Words that are names in Chinese too: header fields, systems."""


def test_the_compiled_catalogue_is_what_the_texts_compile_to(catalogue: Catalog) -> None:
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    expected = vars(gettext.GNUTranslations(compiled))["_catalog"]
    with PO.with_suffix(".mo").open("rb") as file:
        actual = vars(gettext.GNUTranslations(file))["_catalog"]
    expected.pop(""), actual.pop("")  # the header: dates and versions of tools
    assert actual == expected, "run make catalogues"


def test_every_error_whose_first_argument_is_its_text_is_collected() -> None:
    for module in pkgutil.walk_packages(esb.__path__, "esb."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    told = {EsbError.__init__, Limited.__init__}
    missing = {error.__name__ for error in errors(EsbError) if error.__init__ in told} - TEXT_ARGUMENT.keys()
    assert not missing, "list them in babel.keywords"


def errors(root: type[EsbError]) -> Iterator[type[EsbError]]:
    yield root
    for error in root.__subclasses__():
        if error.__module__.startswith("esb."):
            yield from errors(error)


@cache
def sources() -> dict[Path, ast.Module]:
    """All modules that may tell a caller something."""
    paths = (path for path in sorted((ROOT / "esb").rglob("*.py")) if "sandbox" not in path.parts)
    return {path: ast.parse(path.read_text()) for path in paths}


def test_no_text_is_put_together_before_it_is_told() -> None:
    """Only a template that stands in the catalogue can be translated; what varies are its values."""
    for path, tree in sources().items():
        constants = set(unmarked(tree))
        for call, text in texts(tree):
            assert not isinstance(text, ast.JoinedStr | ast.BinOp | ast.IfExp), f"{path}:{call.lineno}: put together"
            assert not is_formatted(text), f"{path}:{call.lineno}: formatted before it can be translated"
            assert not (isinstance(text, ast.Name) and text.id in constants), (
                f'{path}:{call.lineno}: mark the constant for the catalogues: {text.id} = template("…")'
            )


def test_every_constant_that_waits_to_be_filled_is_marked() -> None:
    for path, tree in sources().items():
        for name, value in unmarked(tree).items():
            sentence = " " in value and "${" not in value and placeholders_or_none(value)
            assert not sentence, f'{path}: mark it for the catalogues: {name} = template("…")'


def placeholders_or_none(text: str) -> list[tuple[str, str]]:
    try:
        return placeholders(text)
    except ValueError:
        return []  # braces of another kind


def unmarked(tree: ast.Module) -> dict[str, str]:
    """The module's constants that are plain texts."""
    return {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def texts(tree: ast.Module) -> Iterator[tuple[ast.Call, ast.expr]]:
    """Every call of a function that takes a text, with that argument."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else ""
            if name in TEXT_ARGUMENT and len(node.args) > TEXT_ARGUMENT[name]:
                yield node, node.args[TEXT_ARGUMENT[name]]


def is_formatted(text: ast.expr) -> bool:
    return isinstance(text, ast.Call) and isinstance(text.func, ast.Attribute) and text.func.attr in {"format", "join"}
