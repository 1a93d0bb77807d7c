"""The face has what the signatures of plugins need."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, get_args, get_type_hints

import pytest

import esb
from esb.contracts.component import Component
from esb.contracts.lifecycle import Lifecycle
from esb.contracts.middleware import Middleware
from esb.contracts.services import (
    Apps,
    ChainServices,
    Login,
    ProcessServices,
    Service,
    Services,
    TokenIdentities,
    Users,
)
from esb.core import errors as core_errors
from esb.core.call import Call
from esb.core.errors import Draining, EsbError, HeadersTooLarge, TargetTooLong, Unreadable
from esb.core.events import Observer
from esb.database.engine import Database
from esb.outgoing.bulkhead import Bulkheads
from esb.store.protocol import StoreServices

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


LENT = (Call, Services, ChainServices, ProcessServices, StoreServices)
"""What the gateway hands to plugins. Its attributes are part of the face, too."""
OWN = {Observer, Bulkheads, Database}
"""What the gateway lends to its own parts only."""
LATE = {"Database": Database}
"""What contracts name without importing it: its libraries are extras."""
NOT_RAISED = {Draining, Unreadable, TargetTooLong, HeadersTooLarge}
"""Errors of requests that never reach a middleware."""


@pytest.mark.parametrize("lent", LENT)
def test_the_classes_of_all_that_is_lent_are_in_the_face(lent: type) -> None:
    named = {found for hint in get_type_hints(lent, localns=LATE).values() for found in classes_in(hint)} - OWN
    assert named
    for found in named:
        assert getattr(esb, found.__name__, None) is found, found


def test_every_error_that_a_plugin_raises_or_catches_is_in_the_face() -> None:
    errors = {found for found in vars(core_errors).values() if isinstance(found, type) and issubclass(found, EsbError)}
    for found in errors - NOT_RAISED:
        assert getattr(esb, found.__name__, None) is found, found


@pytest.mark.parametrize("name", sorted({*esb.__all__} - {"__version__"}))
def test_help_says_what_everything_in_the_face_is(name: str) -> None:
    found = getattr(esb, name)
    if isinstance(found, type) or inspect.isfunction(found):
        assert found.__doc__
        assert not found.__doc__.startswith(f"{name}(")  # which dataclass writes where nobody did


def test_the_face_has_all_that_it_names() -> None:
    assert [name for name in esb.__all__ if not hasattr(esb, name)] == []
