"""The reasons that the log gives: every error of ours has one that says more than its class, where there is more."""

import ast
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import esb
from esb.core.errors import AuthenticationError, EsbError, Limited, Refused, UpstreamError
from esb.core.reasons import Reason

VAGUE = {"AuthenticationError", "EsbError"}
"""Errors that mean many things: whoever raises one names the reason."""
SOURCES = [path for path in Path(esb.__file__).parent.rglob("*.py") if not {"sandbox", "client"} & {*path.parts}]


def vague_raises(path: Path) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in VAGUE:
            yield node


def descendants(kind: type[EsbError]) -> Iterator[type[EsbError]]:
    for each in kind.__subclasses__():
        yield each
        yield from descendants(each)


def test_who_raises_an_error_of_many_meanings_names_the_reason() -> None:
    nameless = [
        f"{path}:{node.lineno}"
        for path in SOURCES
        for node in vague_raises(path)
        if "call_reason" not in {keyword.arg for keyword in node.keywords}
    ]
    assert nameless == []
    assert sum(1 for path in SOURCES for _ in vague_raises(path)) > 20


def test_every_other_error_of_ours_has_a_reason_of_its_own() -> None:
    for module in pkgutil.walk_packages(esb.__path__, "esb."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    ours = [kind for kind in descendants(EsbError) if kind.__module__.startswith("esb.")]
    assert [kind for kind in ours if kind.call_reason is Reason.COMPONENT] == []


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (EsbError("no", call_reason=Reason.BODY), Reason.BODY),
        (Limited("later", 1.0, call_reason=Reason.OVERLOADED), Reason.OVERLOADED),
        (UpstreamError("ldap", "search", "away", call_reason=Reason.STORE), Reason.STORE),
        (UpstreamError("ldap", "search", "away").with_sent(False), Reason.UPSTREAM),
        (EsbError("no", call_reason=Reason.BODY).with_data({"a": 1}), Reason.BODY),
        (EsbError("no {reason}", reason="way"), Reason.COMPONENT),
        (Refused("no"), Reason.REFUSED),
        (AuthenticationError("who?"), Reason.AUTHENTICATION),
    ],
)
def test_an_error_has_the_reason_of_its_class_or_the_one_it_was_given(error: EsbError, reason: Reason) -> None:
    assert error.call_reason is reason
