"""Extraction for `make catalogues`: the texts of documents, besides those that babel finds by itself.

These are the descriptions of fields, `Field(description="…")`, and the docstrings of components.
"""

import ast
import inspect
from collections.abc import Collection, Iterator, Mapping
from typing import IO, Any

from babel.messages.extract import extract_python

Found = tuple[int, None, str, list[str]]
"""Line, no function whose argument it would be, the text, comments for translators."""


def described(
    file: IO[bytes], keywords: Mapping[str, Any], comment_tags: Collection[str], options: Mapping[str, Any]
) -> Iterator[Any]:
    """Yield all texts of a file: an extraction method of babel."""
    yield from extract_python(file, keywords, comment_tags, options)  # type: ignore[arg-type]  # Babel's own types
    file.seek(0)
    for node in ast.walk(ast.parse(file.read())):
        if isinstance(node, ast.Call):
            yield from _description(node)
        elif isinstance(node, ast.ClassDef) and any(_is_component(base) for base in node.bases):
            yield from _paragraphs(node)


def _description(call: ast.Call) -> Iterator[Found]:
    if not (isinstance(call.func, ast.Name) and call.func.id == "Field"):
        return
    for keyword in call.keywords:
        text = keyword.value
        if keyword.arg == "description" and isinstance(text, ast.Constant) and isinstance(text.value, str):
            yield text.lineno, None, text.value, []


def _paragraphs(component: ast.ClassDef) -> Iterator[Found]:
    text = ast.get_docstring(component) or ""
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        if paragraph:
            yield component.lineno, None, " ".join(paragraph.split()), []


def _is_component(base: ast.expr) -> bool:
    return isinstance(base, ast.Subscript) and isinstance(base.value, ast.Name) and base.value.id == "Component"
