"""SQL as mysqldump writes it, and as people do: the rows of its INSERT statements, one after the other.

Nothing is kept but the row that is being read. Values of tables that nobody asks for are not looked at.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import TextIO

from esb.cli.bkpaas.text_window import TextWindow
from esb.cli.bkpaas.values import UNREADABLE, Row, RowError, Value, text_of_bytes, unescaped

_QUOTED = re.compile(r"'(?:[^'\\]++|\\.|'')*+'|\"(?:[^\"\\]++|\\.|\"\")*+\"|`(?:[^`]++|``)*+`", re.DOTALL)
_UNQUOTED = re.compile(rf"(?:[^'\"`;/#-]++|{_QUOTED.pattern}|-(?=[^-])|/(?=[^*]))*+", re.DOTALL)
_PLAIN = re.compile(r"[^'\"`(),;/#\s-]++|.", re.DOTALL)
_SPACE = re.compile(r"\s*+")
_ONE = re.compile(r".", re.DOTALL)
_WORD = re.compile(r"[A-Za-z_]++")
_NAME = re.compile(r"`((?:[^`]++|``)++)`|\"([^\"]++)\"|([\w$]++)")
_VALUE = re.compile(
    r"(?:_[A-Za-z0-9]++\s*+)?"  # a character set: _binary 'x'
    r"(?:'(?P<single>(?:[^'\\]++|\\.|'')*+)'|\"(?P<double>(?:[^\"\\]++|\\.|\"\")*+)\""
    r"|(?:[xX]'(?P<hex>[0-9A-Fa-f]*+)'|0x(?P<hexadecimal>[0-9A-Fa-f]++))|(?:[bB]'(?P<bits>[01]++)'|0b(?P<binary>[01]++))"
    r"|(?P<number>[-+]?[0-9.]++(?:[eE][-+]?[0-9]++)?)|(?P<word>[A-Za-z]++))",
    re.DOTALL,
)
_LONG_VALUE = re.compile(r"(?:_[A-Za-z0-9]++\s*+)?(?:['\"]|[xX]'|0x)")
_WHOLE = re.compile(r"[-+]?[0-9]+")
_WORDS: Mapping[str, Value] = {"NULL": None, "TRUE": 1, "FALSE": 0}
_NO_COLUMNS = frozenset(
    {"PRIMARY", "KEY", "UNIQUE", "INDEX", "CONSTRAINT", "FOREIGN", "FULLTEXT", "SPATIAL", "CHECK", "PERIOD"}
)
_BEFORE_A_TABLE = frozenset({"LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "IGNORE", "INTO"})
_BEFORE_A_NEW_TABLE = frozenset({"IF", "NOT", "EXISTS"})
_QUOTES = frozenset("`\"'")
_BEGINNINGS = ("MySQL dump", "MariaDB dump")
_CUT_OFF = "the file ends in the middle of a statement: it was cut off"


class Statements:
    """The statements of one file. `wanted`: the columns to read, by table.

    `declared`: all columns of tables, in their order, as other files declare them; those of this file are added.
    """

    def __init__(
        self, stream: TextIO, wanted: Mapping[str, Collection[str]], declared: dict[str, list[str]] | None = None
    ) -> None:
        self._window = TextWindow(stream)
        self._wanted = wanted
        self._columns = {} if declared is None else declared
        self._is_whole = True
        self.tables: set[str] = set()
        """The wanted tables that were seen, those without a row too."""

    def rows(self) -> Iterator[tuple[str, Row]]:
        """Yield the table and the wanted columns of each row. RowError if one cannot be read, or the end is missing."""
        while self._next():
            match self._word():
                case "INSERT" | "REPLACE":
                    yield from self._insert()
                case "CREATE":
                    self._create()
                case "DELIMITER":
                    self._skip_bodies()
                case _:
                    self._skip_statement()
        if not self._is_whole:
            raise self._error("the line `-- Dump completed` is missing: the dump was cut off, or has failed")

    def _insert(self) -> Iterator[tuple[str, Row]]:
        table = self._table(_BEFORE_A_TABLE)
        wanted = self._wanted.get(table)
        if wanted is None:
            self._skip_statement()
            return
        self.tables.add(table)
        columns = self._names() if self._next() == "(" else self._columns.get(table)
        match self._word():
            case "VALUES" | "VALUE" if columns is None:
                text = "INSERT without names of columns, and no CREATE TABLE before it: dump with --complete-insert"
                raise self._error(f"{table}: {text}")
            case "VALUES" | "VALUE":
                yield from ((table, row) for row in self._tuples(table, columns or [], wanted))
            case "SET":
                yield table, self._assignments(table, wanted)
            case _:
                raise self._error(f"{table}: this INSERT has no VALUES")
        self._skip_statement()  # ON DUPLICATE KEY UPDATE …

    def _tuples(self, table: str, columns: list[str], wanted: Collection[str]) -> Iterator[Row]:
        while True:
            values = self._values()
            if len(values) != len(columns):
                raise self._error(f"{table}: a row of {len(values)} values for {len(columns)} columns")
            row = {name: value for name, value in zip(columns, values, strict=True) if name in wanted}
            yield self._readable(table, row)
            if self._next() != ",":
                return
            self._pass(",")

    def _assignments(self, table: str, wanted: Collection[str]) -> Row:
        row: Row = {}
        while True:
            name = self._name().lower()
            self._pass("=")
            value = self._value()
            if name in wanted:
                row[name] = value
            if self._next() != ",":
                return self._readable(table, row)
            self._pass(",")

    def _readable(self, table: str, row: Row) -> Row:
        for name, value in row.items():
            if value is UNREADABLE:
                raise self._error(f"{table}: the value of {name} is an expression")
        return row

    def _values(self) -> list[Value]:
        """Return the values of one row, brackets passed."""
        self._pass("(")
        values = [self._value()]
        while self._next() == ",":
            self._pass(",")
            values.append(self._value())
        self._pass(")")
        return values

    def _value(self) -> Value:
        self._next()
        is_long = _LONG_VALUE.match(self._window.peek(32)) is not None
        found = (self._window.take_long if is_long else self._window.take)(_VALUE)
        if found is None or self._next() not in {",", ")", ";", ""}:
            self._skip_expression()
            return UNREADABLE
        kind, text = found.lastgroup, found[found.lastgroup or 0]
        match kind:
            case "single":
                return unescaped(text, "'")
            case "double":
                return unescaped(text, '"')
            case "hex" | "hexadecimal":
                return text_of_bytes(bytes.fromhex(text if len(text) % 2 == 0 else f"0{text}"))
            case "bits" | "binary":
                return int(text, 2)
            case "word":
                return _WORDS.get(text.upper(), UNREADABLE)
            case _:
                return int(text) if _WHOLE.fullmatch(text) else text

    def _skip_expression(self) -> None:
        """Pass all up to the next comma, the closing bracket or the end of the statement."""
        depth = 0
        while char := self._next():
            if char in _QUOTES:
                if self._window.take_long(_QUOTED) is None:
                    break
            elif depth == 0 and char in ",);":
                return
            else:
                depth += (char == "(") - (char == ")")
                self._window.take(_PLAIN)
        raise self._error(_CUT_OFF)

    def _create(self) -> None:
        word = self._word()
        if (self._word() if word == "TEMPORARY" else word) == "TABLE":
            table = self._table(_BEFORE_A_NEW_TABLE)
            if self._next() == "(":
                self._columns[table] = self._declared()
            if table in self._wanted:
                self.tables.add(table)
        self._skip_statement()

    def _declared(self) -> list[str]:
        """Return the names of the columns that a CREATE TABLE declares."""
        columns = []
        self._pass("(")
        while True:
            is_quoted = self._next() in _QUOTES
            name = self._name()
            if is_quoted or name.upper() not in _NO_COLUMNS:
                columns.append(name.lower())
            self._skip_expression()
            if self._next() != ",":
                return columns
            self._pass(",")

    def _table(self, before: Collection[str]) -> str:
        """Return the name of the table that comes next, perhaps behind these words, without that of its database."""
        while True:
            is_quoted = self._next() in _QUOTES
            name = self._name()
            if is_quoted or name.upper() not in before:
                break
        if self._next() == ".":
            self._pass(".")
            name = self._name()
        return name.lower()

    def _names(self) -> list[str]:
        self._pass("(")
        names = [self._name().lower()]
        while self._next() == ",":
            self._pass(",")
            names.append(self._name().lower())
        self._pass(")")
        return names

    def _name(self) -> str:
        self._next()
        found = self._window.take(_NAME)
        if found is None:
            raise self._error("expected a name" if self._window.peek() else _CUT_OFF)
        return (found[1] or found[2] or found[3]).replace("``", "`")

    def _word(self) -> str:
        self._next()
        found = self._window.take(_WORD)
        return found[0].upper() if found else ""

    def _pass(self, char: str) -> None:
        found = self._next()
        if found != char:
            raise self._error(f"expected {char}" if found else _CUT_OFF)
        self._window.take(_ONE)

    def _next(self) -> str:
        """Return the next character that is neither blank nor in a comment; "" at the end."""
        while True:
            char = self._window.peek()
            if char.isspace():
                self._window.take(_SPACE)
            elif char == "#" or (char == "-" and re.fullmatch(r"--\s?", self._window.peek(3))):
                self._note_comment(self._window.skip_past("\n") or "")
            elif char == "/" and self._window.peek(2) == "/*":
                if self._window.skip_past("*/") is None:
                    raise self._error(_CUT_OFF)
            else:
                return char

    def _note_comment(self, comment: str) -> None:
        text = comment.lstrip("- ")
        if text.startswith(_BEGINNINGS):
            self._is_whole = False
        elif text.startswith("Dump completed"):
            self._is_whole = True

    def _skip_statement(self) -> None:
        while True:
            self._window.skip(_UNQUOTED)
            char = self._next()
            if char == ";":
                self._pass(";")
                return
            if not char:
                return
            if char in _QUOTES and self._window.take_long(_QUOTED) is None:
                raise self._error(_CUT_OFF)
            if char in "-/":
                self._window.take(_ONE)

    def _skip_bodies(self) -> None:
        """Pass what stands between DELIMITER and DELIMITER ; : bodies of triggers and procedures hold statements."""
        while (self._window.skip_past("\n") or ";").strip() != ";":
            if self._window.skip_past("\nDELIMITER") is None:
                return

    def _error(self, text: str) -> RowError:
        return RowError(self._window.line, text)
