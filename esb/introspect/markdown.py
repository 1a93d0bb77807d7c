"""A component as an API document in Markdown, in English or Chinese."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from esb.config.component_paths import TOKEN_VARIABLE
from esb.contracts.component import Reply
from esb.core.errors import Message, template
from esb.core.i18n import Translate
from esb.introspect.bounds import bounds
from esb.introspect.caller_contract import (
    AUTHORIZATION,
    CODES,
    TOKEN,
    AnswerEnvelope,
    AsynchronousParams,
    CallerParams,
    FailureData,
    headers_of,
)
from esb.introspect.declared import Declared
from esb.introspect.examples import answer_example, request_example
from esb.introspect.json_schema import Schema, schema_of
from esb.introspect.tables import Row, Table, answer_schemas, example, tables

ENVELOPED = template("The answer is the third-party system's own, completed with what is missing of these:")
RAW = template("The answer is the third-party system's own: status, headers and body. Errors of the gateway are JSON:")
DATA_OF_FAILURE = template("data of a failure")
CONTENTS = template("Contents of {name}")
SEPARATOR = template("; ")
DEFAULT = template("default {default}")
FIELD, TYPE, REQUIRED = template("field"), template("type"), template("required")
DESCRIPTION, CODE, HEADER = template("description"), template("code"), template("header")
YES, NO, NONE = template("yes"), template("no"), template("None.")
PATH_VARIABLE = template("part of the address")
COMPONENTS, COMPONENT = template("Components"), template("component")
SWITCHED_OFF = template("Switched off.")
AS_A_FORM = template("They are the fields of a form (multipart/form-data), with files in: {names}")
FOR_OPERATORS = template("For operators: what stands below config in esb.yaml.")


def index(pages: Sequence[tuple[Declared, str]], translate: Translate) -> str:
    """Write the page that leads to the documents of these components, each by its address; a table for each system."""
    parts = [f"# {translate(COMPONENTS)}"]
    titles = _line([translate(COMPONENT), translate(DESCRIPTION)])
    for system in dict.fromkeys(declared.system for declared, _ in pages):
        rows = []
        for declared, address in pages:
            if declared.system == system:
                first = [translate(paragraph) for paragraph in declared.paragraphs[:1]]
                off = [] if declared.stanza.active else [translate(SWITCHED_OFF)]
                rows.append(_line([f"[{declared.system}/{declared.name}]({address})", " ".join([*first, *off])]))
        parts += [f"## {system}", "\n".join([titles, _line(["---"] * 2), *rows])]
    return "\n\n".join(parts) + "\n"


class Page:
    """The document of one component, as it grows."""

    def __init__(self, declared: Declared, translate: Translate) -> None:
        self._declared = declared
        self._translate = translate
        self._parts: list[str] = []

    def text(self) -> str:
        """Write the whole document."""
        declared = self._declared
        self._parts = [f"## {declared.system}/{declared.name}"]
        self._heading("Request method")
        self._parts.append(", ".join(declared.stanza.methods))
        self._heading("Request address")
        self._parts.append("\n\n".join(declared.paths))
        self._heading("Common parameters")
        if declared.takes_credentials:
            self._tables(tables(schema_of(CallerParams)))
        else:
            self._parts.append(self._translate(NONE))
        self._heading("Description")
        self._parts += [self._translate(paragraph) for paragraph in declared.paragraphs]
        self._request()
        self._answer()
        self._heading("Error codes")
        self._grid((CODE, DESCRIPTION), ((str(code), self._translated(text)) for code, text in CODES.items()))
        self._config()
        return "\n\n".join(self._parts) + "\n"

    def _request(self) -> None:
        declared = self._declared
        params = schema_of(declared.component.params_type)
        self._heading("Request parameters")
        self._heading("Request headers", 4)
        by_header = [AUTHORIZATION] if declared.takes_credentials else []
        headers = [*by_header, *headers_of(declared.component, asynchronous=declared.asynchronous)]
        self._grid((HEADER, DESCRIPTION), ((header.name, self._translated(header.description)) for header in headers))
        if declared.variables:
            self._heading("Path variables", 4)
            self._rows([Row(name, "string", True, self._of_path(name)) for name in declared.variables])
        self._heading("Interface parameters", 4)
        self._tables(tables(params))
        if declared.asynchronous:
            self._heading("Parameters of an asynchronous call", 4)
            self._tables(tables(schema_of(AsynchronousParams)))
        if declared.uploads:
            self._parts.append(self._translate(AS_A_FORM).format(names=", ".join(sorted(declared.uploads))))
        self._heading("Request example")
        caller = example(schema_of(CallerParams)) if declared.takes_credentials else {}
        self._json({**caller, **request_example(declared)})

    def _of_path(self, name: str) -> str:
        return TOKEN if name == TOKEN_VARIABLE and self._declared.stanza.tokens else PATH_VARIABLE

    def _answer(self) -> None:
        declared = self._declared
        kind = declared.component.answer_type
        if (shown := answer_example(declared)) is not None:
            self._heading("Answer example")
            self._json(shown | {"request_id": "…"})
        self._heading("Answer fields")
        if not declared.answers_envelope:
            self._parts.append(self._translate(RAW if kind is Reply else ENVELOPED))
        self._tables(tables(schema_of(AnswerEnvelope)), optional=False)
        data: Schema = schema_of(kind) if declared.answers_envelope else {}
        told, of_failure = answer_schemas(data, schema_of(FailureData))
        for schema, outermost in ((told, "data"), (of_failure, self._translate(DATA_OF_FAILURE))):
            for table in tables(schema):
                if table.rows:
                    self._contents(Table(table.of or outermost, table.rows), optional=False)

    def _config(self) -> None:
        found = tables(schema_of(self._declared.component.config_type))
        if not found[0].rows:
            return
        self._heading("Configuration")
        self._parts.append(self._translate(FOR_OPERATORS))
        self._tables(found)

    # Markdown

    def _heading(self, title: str, level: int = 3) -> None:
        self._parts.append(f"{'#' * level} {self._translate(title)}")

    def _json(self, value: Any) -> None:
        self._parts.append(f"```json\n{json.dumps(value, indent=4, ensure_ascii=False)}\n```")

    def _tables(self, found: Sequence[Table], optional: bool = True) -> None:
        for table in found:
            if table.of:
                self._contents(table, optional)
            elif table.rows:
                self._rows(table.rows, optional)
            else:
                self._parts.append(self._translate(NONE))

    def _contents(self, table: Table, optional: bool) -> None:
        self._parts.append(f"#### {Message(CONTENTS, {'name': table.of}).render(self._translate)}")
        self._rows(table.rows, optional)

    def _rows(self, rows: Iterable[Row], optional: bool = True) -> None:
        titles = (FIELD, TYPE, REQUIRED, DESCRIPTION) if optional else (FIELD, TYPE, DESCRIPTION)
        self._grid(titles, (self._row(row, optional) for row in rows))

    def _row(self, row: Row, optional: bool) -> tuple[str, ...]:
        needed = (self._translate(YES if row.required else NO),) if optional else ()
        return (row.name, row.kind, *needed, self._described(row))

    def _described(self, row: Row) -> str:
        text = self._translated(row.description)
        parts = [*([text] if text else []), *bounds(row, self._translate)]
        if row.default:
            parts.append(self._translate(DEFAULT).format(default=row.default))
        return self._translate(SEPARATOR).join(parts)

    def _translated(self, text: str) -> str:
        return self._translate(text) if text else ""  # "" is the catalogue's header

    def _grid(self, titles: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        lines = [_line([self._translate(title) for title in titles]), _line(["---"] * len(titles))]
        self._parts.append("\n".join([*lines, *(_line(row) for row in rows)]))


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"
