"""The face has what the signatures of plugins need."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, get_args, get_type_hints

import pytest

import esb
from esb.contracts.component import Component
from esb.contracts.lifecycle import Lifecycle
from esb.contracts.middleware import Middleware
from esb.contracts.services import Apps, Login, Service, TokenIdentities, Users

CONTRACTS = (Component, Middleware, Service, Lifecycle, Apps, Login, Users, TokenIdentities)


def methods(contract: type) -> Iterator[Callable[..., Any]]:
    for name, value in vars(contract).items():
        if inspect.isfunction(value) and (not name.startswith("_") or name in {"__init__", "__call__"}):
            yield value


def classes_in(hint: Any) -> Iterator[type]:
    """Our own classes in an annotation, however deep."""
    if isinstance(hint, list | tuple):
        for part in hint:
            yield from classes_in(part)
    elif isinstance(hint, TypeVar):
        yield from classes_in(hint.__bound__)
    elif get_args(hint):
        yield from classes_in(get_args(hint))
    elif isinstance(hint, type) and hint.__module__.startswith("esb."):
        yield hint


@pytest.mark.parametrize("contract", CONTRACTS)
def test_a_contract_and_all_that_its_signatures_name_is_in_the_face(contract: type) -> None:
    named = {found for method in methods(contract) for found in classes_in([*get_type_hints(method).values()])}
    assert named or contract is Lifecycle
    for found in (contract, *named):
        assert found.__name__ in esb.__all__
        assert getattr(esb, found.__name__) is found


def test_the_face_has_all_that_it_names() -> None:
    assert [name for name in esb.__all__ if not hasattr(esb, name)] == []
