"""CSV, as tools export a table: the first line names the columns. With tabs, as `mysql --batch` writes it."""

import csv
import re
from collections.abc import Collection, Iterator
from typing import TextIO

from esb.cli.bkpaas.values import Row, RowError

LONGEST_FIELD = 1 << 26
"""Characters of one field: documents of components are fields."""
_DELIMITERS = ("\t", ",", ";", "|")
_ESCAPED = {"n": "\n", "t": "\t", "0": "\0", "r": "\r", "\\": "\\"}
_NULLS = frozenset({"\\N", "NULL"})


def csv_rows(stream: TextIO, wanted: Collection[str]) -> Iterator[Row]:
    """Yield the wanted columns of each row. RowError if the first line names none of them, or a row is another's."""
    header = stream.readline()
    delimiter = max(_DELIMITERS, key=header.count)
    columns = [name.strip(" `\"'\r\n").lower() for name in header.split(delimiter)]
    if not set(columns) & set(wanted):
        raise RowError(1, f"the first line names no column of this table, such as {' or '.join(sorted(wanted)[:3])}")
    csv.field_size_limit(LONGEST_FIELD)
    is_batch = delimiter == "\t"
    reader = csv.reader(stream, delimiter=delimiter, quoting=csv.QUOTE_NONE if is_batch else csv.QUOTE_MINIMAL)
    try:
        for fields in reader:
            if not fields:
                continue
            if len(fields) != len(columns):
                raise RowError(reader.line_num + 1, f"a row of {len(fields)} fields for {len(columns)} columns")
            row: Row = {}
            for name, field in zip(columns, fields, strict=True):
                if name in wanted:
                    row[name] = None if field in _NULLS else _unescaped(field) if is_batch else field
            yield row
    except csv.Error:
        raise RowError(reader.line_num + 1, "no CSV: a quote that is not closed, or a field without an end") from None


def _unescaped(field: str) -> str:
    return re.sub(r"\\(.)", lambda found: _ESCAPED.get(found[1], found[0]), field) if "\\" in field else field
