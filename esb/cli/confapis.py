"""BlueKing's component declarations (confapis) as components of ours: `use: http`, one for each.

A key that has no counterpart here is no error: it is noted with its place, for whoever reads the result.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from esb.cli.component_names import Declared, distinct_names
from esb.config import METHODS, VARIABLE, name_of, path_fault, system_of
from esb.config.yaml import Section, read
from esb.core.errors import ConfigError, Mistake
from esb.plugins.http.path_template import fault

REQUIRED = ("path", "dest_path", "dest_http_method")
CARRIED = frozenset(
    {*REQUIRED, "api_type", "comp_codename", "extra_param_fields", "label", "label_en", "method", "name"}
    | {"suggest_method", "timeout"}
)
LOST = {
    "dest_host_group": "not carried over: the component got the hosts of its system",
    "is_hidden": "not carried over: it concerned the documentation only",
}
SENT_AS_BEFORE = frozenset({"GET", "POST", "PUT", "PATCH"})
"""Methods whose parameters `use: http` sends as the old ESB did: a GET's as a query, all others' as JSON."""


CMDB_HEADERS = {"BK_USER": "{username}", "HTTP_BLUEKING_LANGUAGE": "{language}", "HTTP_BLUEKING_SUPPLIER_ID": "0"}
CMDB_MESSAGE = {"code": "bk_error_code", "message": "bk_error_msg"}
"""The work of the code of CMDB's components besides forwarding: it names the caller, and reads codes and messages."""
_CMDB_CODE = re.compile(r"(?:^|\.)cc(?:\.|_|$)")


class Confapis:
    """The declarations of some files. `notes`: what could not be carried over."""

    def __init__(self, files: Sequence[str]) -> None:
        """Read the files. ConfigError if one cannot be read."""
        self.notes: list[Mistake] = []
        self._classes: set[str] = set()
        self._taken: set[tuple[str, str]] = set()
        self._entries = [entry for file in files for entry in self._declared(file)]

    @property
    def systems(self) -> list[str]:
        """Names of the systems whose hosts `components` must be given, in alphabetical order."""
        return sorted({system_of(_path(entry)) for entry in self._entries})

    def components(self, hosts: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
        """Return one stanza for each declaration, in their order. `hosts`: URLs by system."""
        names = distinct_names([Declared(_path(entry), _text(entry, "name")) for entry in self._entries])
        return [self._component(entry, hosts[system_of(_path(entry))], names) for entry in self._entries]

    def _declared(self, file: str) -> Iterator[Section]:
        for entry in self._items(file):
            if not isinstance(entry.value, dict):
                self._note(entry, "left out: expected a mapping")
                continue
            reason = self._why_not(entry)
            if reason is None:
                yield entry
            else:
                key, text = reason
                self._note(entry, f"left out: {text}", key)

    def _items(self, file: str) -> list[Section]:
        try:
            root, mistakes = read(Path(file).read_bytes().decode("utf-8-sig"), file)
        except OSError as error:
            raise ConfigError([Mistake(file, 1, "file", f"cannot be read: {error.strerror}")]) from None
        except UnicodeDecodeError:
            raise ConfigError([Mistake(file, 1, "file", "not UTF-8 text")]) from None
        self.notes += mistakes
        if not isinstance(root.value, list):
            raise ConfigError([root.mistake("expected a list of component declarations")])
        return list(root.children.values())

    def _why_not(self, entry: Section) -> tuple[str, str] | None:
        """Return the key that keeps this declaration from becoming a component, and why; None if none does."""
        for key in REQUIRED:
            if not _text(entry, key):
                return key, "missing"
        path = _path(entry)
        if (text := path_fault(path)) is not None:
            return "path", text
        if (text := fault(_destination(entry)[0])) is not None:
            return "dest_path", text
        if _text(entry, "dest_http_method").upper() not in METHODS:
            return "dest_http_method", "unknown method"
        routes = {(VARIABLE.sub("{}", path), method) for method in _methods(entry)}
        if not routes:
            return "method", "it names no known method"
        if routes & self._taken:
            return "path", "declared twice, the first one stays"
        self._taken |= routes
        return None

    def _component(self, entry: Section, hosts: Sequence[str], names: Mapping[str, str]) -> dict[str, Any]:
        path = _path(entry)
        stanza: dict[str, Any] = {"path": path, **({"name": names[path]} if path in names else {})}
        self._note_losses(entry, names.get(path, name_of(path)))
        labels = dict.fromkeys(label for key in ("label", "label_en") if (label := _text(entry, key)))
        if labels:
            stanza["description"] = " / ".join(" ".join(label.split()) for label in labels)
        stanza |= {"methods": _methods(entry), "use": "http"}
        timeout = entry.value.get("timeout")
        if isinstance(timeout, int | float) and timeout > 0:
            stanza["timeout"] = timeout
        return {**stanza, "config": self._config(entry, hosts)}

    def _config(self, entry: Section, hosts: Sequence[str]) -> dict[str, Any]:
        path, params = _destination(entry)
        method = _text(entry, "dest_http_method").upper()
        config: dict[str, Any] = {"hosts": list(hosts), "path": path, "method": method}
        if method not in SENT_AS_BEFORE:
            config["send"] = "json"
        if _text(entry, "api_type") in {"query", "operate"}:
            config["kind"] = _text(entry, "api_type")
        if _is_cmdb(entry):
            config |= {"headers": dict(CMDB_HEADERS), "message": dict(CMDB_MESSAGE)}
        for name in self._extra_fields(entry):
            match name:
                case "creator":
                    config["username_param"] = name
                case "bk_supplier_account":
                    config["defaults"] = {name: "0"}
                case _:
                    self._note(
                        entry,
                        f"{name!r} is not carried over: only creator and bk_supplier_account are known",
                        "extra_param_fields",
                    )
        return {**config, "params": params} if params else config

    def _extra_fields(self, entry: Section) -> list[str]:
        fields = entry.value.get("extra_param_fields") or []
        return [str(name) for name in (fields if isinstance(fields, list) else re.findall(r"\w+", str(fields)))]

    def _note_losses(self, entry: Section, full_name: str) -> None:
        for key, part in entry.children.items():
            value = part.reread().value
            if key in LOST:
                if value:
                    self._note(entry, LOST[str(key)], key)
            elif key not in CARRIED:
                self._note(entry, "not carried over: there is no key like it", key)
        name = full_name.partition(".")[2]
        if _text(entry, "name") not in {"", name}:
            self._note(entry, f"not carried over: permissions and logs call the component {name!r}", "name")
        if _text(entry, "api_type") not in {"", "query", "operate"}:
            self._note(entry, "not carried over: expected query or operate", "api_type")
        codename = _text(entry, "comp_codename")
        if codename and codename not in self._classes and not _is_cmdb(entry):
            self._classes.add(codename)
            self._note(entry, f"{codename}: what its code does besides forwarding is not carried over", "comp_codename")

    def _note(self, entry: Section, text: str, *keys: str | int) -> None:
        self.notes.append(entry.mistake(text, *keys))


def _is_cmdb(entry: Section) -> bool:
    return system_of(_path(entry)) == "cc" or _CMDB_CODE.search(_text(entry, "comp_codename")) is not None


def _text(entry: Section, key: str) -> str:
    value = entry.value.get(key)
    return value.strip() if isinstance(value, str) else ""


def _path(entry: Section) -> str:
    return f"/{_text(entry, 'path').strip('/')}/"


def _destination(entry: Section) -> tuple[str, dict[str, str]]:
    """Return the path at the upstream, and the parameters that stand in it as a query."""
    path, _, query = _text(entry, "dest_path").partition("?")
    return f"/{path.removeprefix('/')}", dict(parse_qsl(query, keep_blank_values=True))


def _methods(entry: Section) -> list[str]:
    """Return the methods that callers use. Without `method` they are GET and POST, the suggested one first."""
    if words := re.findall(r"[A-Za-z]+", _text(entry, "method").upper()):
        return [method for method in dict.fromkeys(words) if method in METHODS]
    suggested = _text(entry, "suggest_method").upper()
    return sorted(("GET", "POST"), key=lambda method: method != suggested)
