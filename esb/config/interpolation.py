"""`${…}` in the texts of a configuration: environment variables, files with secrets, the sandbox's address."""

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from esb.config.sandbox import SandboxAddress
from esb.config.text_encoding import not_utf8
from esb.config.yaml import PLACEHOLDERS, Section
from esb.core.errors import GatewayError, Mistake

REFERENCE = re.compile(r"(?P<literal>\$\$\{)|\$\{(?P<inside>[^}]*)(?P<end>\}?)")
VARIABLE = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::(?P<how>[-?])(?P<text>[^{}]*))?", re.DOTALL)
FORMS = "${VAR}, ${VAR:-default}, ${VAR:?message}, ${file:/path} or ${sandbox}"
MAX_FILE = 1 << 20


FileState = tuple[int, ...]


def state_of(path: Path) -> FileState:
    """Return inode, mtime and size: other ones once the file is written to or replaced; () if there is none."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return ()
    return found.st_ino, found.st_mtime_ns, found.st_size


def _content(path: Path) -> bytes:
    """Return the first bytes of a regular file, one more than MAX_FILE at most. _NoRegularFile, OSError, ValueError.

    It is opened without waiting, or a FIFO that nobody writes to would hold whoever reads esb.yaml for ever.
    """
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK | os.O_NOCTTY)) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise _NoRegularFile
        return file.read(MAX_FILE + 1)


def _without_fallback(inside: str) -> str:
    """Return the inside of a `${…}` without the text behind :- or :?, which may be a secret."""
    match = VARIABLE.fullmatch(inside)
    return inside if match is None or not match["how"] else f"{match['name']}:{match['how']}…"


class _NoRegularFile(GatewayError):
    """A FIFO or a device, which may have no end, or none yet."""


class _UnresolvedError(GatewayError):
    """A `${…}` that cannot be resolved; the text says what to do."""


class _MissingError(_UnresolvedError):
    """A `${…}` that names what is not there, and may be elsewhere."""


@dataclass
class Interpolation:
    """The `${…}` of one file: fills in its sections, and collects the mistakes."""

    environ: Mapping[str, str]
    folder: Path
    """The folder to which a relative `${file:…}` is relative."""
    sandbox: SandboxAddress | None
    placeholders: bool = False
    """True if what is not there is no mistake: something takes its place, of which nothing is said."""
    mistakes: list[Mistake] = field(default_factory=list)
    files: dict[Path, FileState] = field(default_factory=dict)
    """The files that `${file:…}` named, readable or not, and their states when they were read."""

    def fill(self, section: Section) -> Section:
        """Return the section with every `${…}` in its texts filled in. A text that is just one can be of any type."""
        if section.children:
            return section.with_children({key: self.fill(child) for key, child in section.children.items()})
        if not isinstance(section.value, str) or "${" not in section.value:
            return section
        return self._fill_text(section, section.value)

    def _fill_text(self, section: Section, text: str) -> Section:
        pieces: list[str] = []
        references: list[str] = []
        failures: list[str] = []
        placed: list[str] = []

        def piece(match: re.Match[str]) -> str:
            if match["literal"]:
                return "${"
            try:
                pieces.append(self._resolve(match["inside"], closed=bool(match["end"])))
            except _UnresolvedError as error:
                if self.placeholders and isinstance(error, _MissingError):
                    placed.append(PLACEHOLDERS[0])
                    return PLACEHOLDERS[0]
                failures.append(str(error))
                return ""
            references.append(f"${{{_without_fallback(match['inside'])}}}")
            return pieces[-1]

        filled = REFERENCE.sub(piece, text)
        empty = [name for match in REFERENCE.finditer(text) if (name := self._empty_variable(match["inside"]))]
        if failures:
            self.mistakes += [section.mistake(failure) for failure in failures]
            return replace(section, unresolved=True)
        whole = REFERENCE.fullmatch(text)
        return replace(
            section,
            value=filled,
            loose=whole is not None and not whole["literal"],
            outside=tuple(pieces),
            references=tuple(references),
            unresolved=bool(placed),
            note=f"the environment variable {' and '.join(dict.fromkeys(empty))} is empty" if empty else "",
        )

    def _empty_variable(self, inside: str | None) -> str:
        """Return the name of the variable if this reference to it is filled in with nothing; else ""."""
        match = VARIABLE.fullmatch(inside or "")
        return match["name"] if match and not match["how"] and not self.environ.get(match["name"]) else ""

    def _resolve(self, inside: str, closed: bool) -> str:
        if not closed:
            raise _UnresolvedError("${ without its }; write $${ for a literal ${")
        if inside.startswith("file:"):
            return self._read(inside.removeprefix("file:"))
        if inside in ("sandbox", "sandbox_smtp_port"):
            return self._sandbox(inside)
        match = VARIABLE.fullmatch(inside)
        if match is None:
            raise _UnresolvedError(f"expected {FORMS}; write $${{ for a literal ${{")
        return self._variable(match["name"], match["how"], match["text"])

    def _variable(self, name: str, how: str | None, text: str) -> str:
        value = self.environ.get(name, "" if how else None)
        if value is None:
            raise _MissingError(f"the environment variable {name} is not set; set it, or write ${{{name}:-default}}")
        if how and not value:
            if how == "?":
                raise _MissingError(f"the environment variable {name} is not set: {text or 'it is required'}")
            return text
        value = value.removeprefix("\ufeff").removesuffix("\n").removesuffix("\r")
        try:
            value.encode()
        except UnicodeEncodeError:  # bytes that are no UTF-8 come as lone surrogates
            raise _UnresolvedError(f"the environment variable {name} is not UTF-8") from None
        return value

    def _sandbox(self, inside: str) -> str:
        if self.sandbox is None:
            raise _UnresolvedError("there is no sandbox; add a `sandbox:` stanza to this configuration")
        if inside == "sandbox":
            return self.sandbox.url
        if self.sandbox.smtp_port is None:
            raise _UnresolvedError("the sandbox takes no mails; add `smtp_port` to the `sandbox:` stanza")
        return str(self.sandbox.smtp_port)

    def _read(self, name: str) -> str:
        path = self.folder / name
        self.files[path] = state_of(path)
        try:
            content = _content(path)
            text = content.decode("utf-8-sig")
        except _NoRegularFile:
            raise _UnresolvedError(f"cannot read the file {name}: it is no regular file") from None
        except FileNotFoundError as error:
            raise _MissingError(f"cannot read the file {name}: {error.strerror}") from None
        except OSError as error:
            raise _UnresolvedError(f"cannot read the file {name}: {error.strerror}") from None
        except UnicodeDecodeError as error:
            raise _UnresolvedError(f"cannot read the file {name}: {not_utf8(error.object, name)}") from None
        except ValueError:
            raise _UnresolvedError("cannot read this file: a null byte is in its name") from None
        if len(content) > MAX_FILE:
            raise _UnresolvedError(f"cannot read the file {name}: over {MAX_FILE} bytes")
        if not text.strip():
            raise _UnresolvedError(f"the file {name} is empty")
        return text.removesuffix("\n").removesuffix("\r")
