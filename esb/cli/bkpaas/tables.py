"""The tables of the old ESB, of both generations: what is read of them, from dumps and CSV files."""

import gzip
import io
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from esb.cli.bkpaas.csv_rows import csv_rows
from esb.cli.bkpaas.statements import Statements
from esb.cli.bkpaas.values import Row, RowError
from esb.core.errors import ConfigError, Mistake

COLUMNS: Mapping[str, Collection[str]] = {
    "paas_app": ("code", "auth_token"),
    "esb_app_account": ("app_code", "app_token"),
    "esb_component_system": ("id", "board", "name", "execute_timeout", "query_timeout", "timeout"),
    "esb_channel": (
        *("id", "board", "path", "method", "component_system_id", "system_id", "component_codename", "component_name"),
        *("name", "is_active", "timeout_time", "timeout", "type", "comp_conf", "config", "perm_level"),
        *("permission_level", "rate_limit_required", "rate_limit_conf", "extra_info"),
    ),
    "esb_app_component_perm": ("app_code", "component_id", "expires", "last_accessed_time"),
    "esb_app_component_permission": ("board", "bk_app_code", "component_id", "expires"),
    "permission_app_resource": ("bk_app_code", "api_id", "gateway_id", "resource_id", "expires"),
    "permission_app_api": ("bk_app_code", "api_id", "gateway_id", "expires"),
    "core_api": ("id", "name"),
    "esb_component_resource_binding": ("board", "component_id", "component_method", "component_path", "resource_id"),
    "esb_function_controller": ("board", "func_code", "switch_status", "wlist"),
    "esb_buffet_component": (
        *("id", "name", "system_id", "dest_url", "dest_http_method", "favor_post_ctype", "extra_headers"),
        *("extra_params", "registed_path", "registed_http_method", "status", "timeout_time", "type", "mappings_input"),
        *("mappings_output", "last_modified_time"),
    ),
    "esb_buffet_component_mapping": ("id", "name"),
    "esb_user_auth_token": ("last_accessed_time",),
    "esb_access_token": ("updated_time",),
    "esb_wxmp_access_token": ("last_updated_time",),
    "esb_api_doc": ("updated_time",),
    "esb_component_doc": ("updated_time",),
}
"""The columns that are read, by table; each generation has some of them."""
COUNTED = frozenset(
    {"esb_user_auth_token", "esb_access_token", "esb_wxmp_access_token", "esb_api_doc", "esb_component_doc"}
)
"""Tables of which nothing is carried over: their rows are counted, and the latest time in them is kept."""
NEEDED: Mapping[str, Collection[str]] = {
    "paas_app": ("code", "auth_token"),
    "esb_app_account": ("app_code", "app_token"),
    "esb_component_system": ("id", "name"),
    "esb_channel": ("id", "path", "component_codename"),
    "esb_app_component_perm": ("app_code", "component_id", "expires"),
    "esb_app_component_permission": ("bk_app_code", "component_id", "expires"),
    "permission_app_resource": ("bk_app_code", "resource_id", "expires"),
    "core_api": ("id", "name"),
    "esb_component_resource_binding": ("component_id", "resource_id"),
    "esb_function_controller": ("func_code", "switch_status", "wlist"),
    "esb_buffet_component": ("registed_path", "registed_http_method", "dest_url"),
}
"""The columns without which a row says nothing."""
LEGACY, CURRENT = "bk-paas", "blueking-apigateway"
STDIN = "-"
GZIP = b"\x1f\x8b"
_CSV = frozenset({".csv", ".tsv"})
_CODINGS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig"))
_PACKED = {b"\x28\xb5\x2f\xfd": "zstd", b"\xfd7zXZ": "xz", b"BZh": "bzip2", b"PK\x03\x04": "zip", b"7z\xbc\xaf": "7z"}


class Tables:
    """The rows of all files, by table. `files`: their names."""

    def __init__(self, files: Sequence[str]) -> None:
        """Read the files. ConfigError if one cannot be read, or is none of the old ESB."""
        self.files = [*dict.fromkeys("stdin" if file == STDIN else Path(file).name for file in files)]
        self.seen: set[str] = set()
        """The tables that are in the files, be it without a row."""
        self.latest: dict[str, str] = {}
        """The latest time in the rows of a table that is only counted."""
        self._counted: Counter[str] = Counter()
        self._declared: dict[str, list[str]] = {}
        self._rows: dict[str, dict[tuple[object, ...], Row]] = {}
        for file in files:
            self._read(file)
        if not self.seen:
            raise ConfigError([Mistake(", ".join(files), 1, "tables", "there is no table of an old ESB in it")])

    def rows(self, table: str) -> Iterator[Row]:
        """Yield the rows of a table, each once."""
        yield from self._rows.get(table, {}).values()

    def keep_board(self, board: str) -> None:
        """Forget the rows of other boards."""
        for rows in self._rows.values():
            for key in [key for key, row in rows.items() if row.get("board") not in {None, board}]:
                del rows[key]

    @property
    def counts(self) -> dict[str, int]:
        """The number of rows of each table that was seen."""
        seen = (table for table in COLUMNS if table in self.seen)
        return {table: self._counted[table] or len(self._rows.get(table, ())) for table in seen}

    @property
    def boards(self) -> list[str]:
        """The boards whose channels, rights and switches are here."""
        used = ("esb_channel", "esb_app_component_permission", "esb_function_controller")
        boards = Counter(row.get("board") for table in used for row in self.rows(table))
        return sorted(str(board) for board in boards if board is not None)

    @property
    def generations(self) -> list[str]:
        """The ESBs that the tables are of: one, or both if somebody has put them together."""
        is_legacy = {"perm_level" in row or "component_system_id" in row for row in self.rows("esb_channel")}
        if not is_legacy:
            return [LEGACY if "paas_app" in self.seen or "esb_app_component_perm" in self.seen else CURRENT]
        return [name for name, mark in ((LEGACY, True), (CURRENT, False)) if mark in is_legacy]

    def _read(self, file: str) -> None:
        try:
            with _opened(file) as stream:
                table = _table_of(file)
                if table is not None:
                    self._keep_all(file, table, csv_rows(stream, COLUMNS[table]))
                    return
                statements = Statements(stream, COLUMNS, self._declared)
                for name, row in statements.rows():
                    self._keep(file, name, row)
                self.seen |= statements.tables
        except RowError as error:
            raise ConfigError([Mistake(file, error.line, "file", error.text)]) from None
        except (EOFError, gzip.BadGzipFile):
            raise ConfigError([Mistake(file, 1, "file", "the gzip file is damaged, or was cut off")]) from None
        except UnicodeError:
            raise ConfigError([Mistake(file, 1, "file", "no text in the coding that its first bytes name")]) from None
        except OSError as error:
            raise ConfigError([Mistake(file, 1, "file", f"cannot be read: {error.strerror}")]) from None

    def _keep_all(self, file: str, table: str, rows: Iterator[Row]) -> None:
        self.seen.add(table)
        for row in rows:
            self._keep(file, table, row)

    def _keep(self, file: str, table: str, row: Row) -> None:
        if missing := [name for name in NEEDED.get(table, ()) if name not in row]:
            raise ConfigError([Mistake(file, 1, table, f"the table has no column {' and '.join(missing)}")])
        if table in COUNTED:
            self._counted[table] += 1
            self.latest[table] = max(self.latest.get(table, ""), *(str(value or "") for value in row.values()), "")
            return
        rows = self._rows.setdefault(table, {})
        number = row.get("id")
        rows[tuple(row.items()) if number is None else (str(number), row.get("board"))] = row


def _table_of(file: str) -> str | None:
    """Return the table that a CSV file is of, None for a dump. ConfigError if its name is that of none."""
    name = Path(file).name.lower().removesuffix(".gz")
    if Path(name).suffix not in _CSV:
        return None
    table = Path(name).stem.rpartition(".")[2]
    if table not in COLUMNS:
        text = "the name of a CSV file is that of its table, such as esb_channel.csv; this one is none of an old ESB"
        raise ConfigError([Mistake(file, 1, "file", text)])
    return table


@contextmanager
def _opened(file: str) -> Iterator[TextIO]:
    """Open a file, `-` for stdin, unpacked and decoded. What is no UTF-8 stays as it is, for blobs are not."""
    with _bytes_of(file) as raw:
        is_gzip = raw.peek(2)[:2] == GZIP
        binary = _buffered(gzip.GzipFile(fileobj=raw)) if is_gzip else raw
        start = binary.peek(8)[:8]
        for mark, name in _PACKED.items():
            if start.startswith(mark):
                raise ConfigError([Mistake(file, 1, "file", f"packed by {name}: unpack it first; gzip is understood")])
        coding = next((coding for mark, coding in _CODINGS if start.startswith(mark)), "utf-8")
        with io.TextIOWrapper(binary, encoding=coding, errors="surrogateescape", newline="") as stream:
            yield stream


@contextmanager
def _bytes_of(file: str) -> Iterator[io.BufferedReader]:
    if file == STDIN:
        yield _buffered(sys.stdin.buffer)
    else:
        with open(file, "rb") as raw:
            yield raw


def _buffered(raw: Any) -> io.BufferedReader:
    return io.BufferedReader(raw)
