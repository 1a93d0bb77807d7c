"""The models of a plugin: named in the brackets of its base, or as attributes, and a mistake where these differ."""

from typing import Any, Generic, TypeVar

import pytest

from esb import Call, Component, ConfigModel, Handler, Middleware, NoConfig, Params, Service
from esb.gateway.plugin_models import mismatches


class Config(ConfigModel):
    url: str = ""


class MoreConfig(Config):
    more: str = ""


class OtherConfig(ConfigModel):
    pass


class HelloParams(Params):
    name: str = ""


class MoreParams(HelloParams):
    more: str = ""


class Hello(Component[Config, HelloParams]):
    async def handle(self, call: Call, params: HelloParams) -> Any:
        return params.name


class Child(Hello):
    pass


class Explicit(Hello):
    config_type = MoreConfig
    params_type = MoreParams


ConfigT = TypeVar("ConfigT", bound=Config)
P = TypeVar("P", bound=Params)


class Base(Component[ConfigT, P], Generic[P, ConfigT]):
    """Between, with its type variables in another order."""

    async def handle(self, call: Call, params: P) -> Any:
        return None


class Grandchild(Base[MoreParams, MoreConfig]):
    pass


class Half(Base[HelloParams, ConfigT], Generic[ConfigT]):
    pass


class Whole(Half[MoreConfig]):
    pass


class Free(Component[Any, Any]):
    async def handle(self, call: Call, params: Params) -> Any:
        return None


class Bare(Component):  # type: ignore[type-arg]  # as authors who know no types write it
    async def handle(self, call, params):  # type: ignore[no-untyped-def]  # as above
        return None


@pytest.mark.parametrize(
    ("found", "config", "params"),
    [
        (Hello, Config, HelloParams),
        (Child, Config, HelloParams),
        (Explicit, MoreConfig, MoreParams),
        (Base, NoConfig, Params),
        (Grandchild, MoreConfig, MoreParams),
        (Half, NoConfig, HelloParams),
        (Whole, MoreConfig, HelloParams),
        (Free, NoConfig, Params),
        (Bare, NoConfig, Params),
    ],
)
def test_the_models_are_those_in_the_brackets_unless_attributes_say_others(
    found: type[Component[Any, Any]], config: type, params: type
) -> None:
    assert (found.config_type, found.params_type) == (config, params)
    assert [*mismatches(found)] == []


class Quota(Middleware[Config]):
    async def __call__(self, call: Call, handler: Handler) -> Any:
        return await handler(call)


class People(Service[MoreConfig]):
    service = "users"


def test_middlewares_and_services_name_their_config_so_too() -> None:
    assert (Quota.config_type, People.config_type) == (Config, MoreConfig)
    assert [*mismatches(Quota), *mismatches(People)] == []


class WrongConfig(Hello):
    config_type = OtherConfig


class WrongParams(Component[Config, HelloParams]):
    params_type = Params


class WrongHandle(Component[Config, Params]):
    async def handle(self, call: Call, params: HelloParams) -> Any:  # type: ignore[override]  # what is told
        return params.name


class WrongConstructor(Component[Any, Params]):
    def __init__(self, config: Config, services: Any) -> None:
        super().__init__(config, services)


class NoModel(Component[dict, Params]):  # type: ignore[type-var, type-arg]  # what is told
    pass


class WrongService(Service[Config]):
    config_type = OtherConfig


class Plain:
    """A middleware without the base."""

    def __init__(self, config: Config, services: Any) -> None:
        pass


class Early(Component["Later", Params]):
    pass


class Later(ConfigModel):
    pass


class EarlyExplicit(Component["Later", Params]):
    config_type = Later


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (WrongConfig, "config_type is OtherConfig, and the brackets of its base say Config"),
        (WrongParams, "params_type is Params, and the brackets of its base say HelloParams"),
        (WrongHandle, "handle takes HelloParams, and params_type is Params: name it in the brackets of the base"),
        (
            WrongConstructor,
            "its constructor takes Config, and config_type is NoConfig: name it in the brackets of the base",
        ),
        (NoModel, "config_type must be a pydantic model"),
        (WrongService, "config_type is OtherConfig, and the brackets of its base say Config"),
        (Plain, "its constructor takes Config, and config_type is NoConfig: name it in the brackets of the base"),
        (Early, "config_type is NoConfig, and the brackets of its base say 'Later'"),
    ],
)
def test_models_that_differ_are_told(found: type, told: str) -> None:
    assert [*mismatches(found)] == [told]


def test_a_class_that_is_defined_further_down_may_be_named_as_an_attribute() -> None:
    assert [*mismatches(EarlyExplicit)] == []
