"""The contract of a middleware: a handler answers a call, a middleware stands before a handler."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Collection
from typing import Any, ClassVar, Generic

from pydantic import BaseModel

from esb.contracts.explain import Decision, Question
from esb.contracts.lifecycle import ConfigT, Lifecycle, NoConfig
from esb.contracts.services import ChainServices
from esb.contracts.type_arguments import set_models
from esb.core.call import Call

Handler = Callable[[Call], Awaitable[Any]]


class Middleware(Lifecycle, Generic[ConfigT], ABC):
    """One link of the chain, built anew by each reload. A subclass implements `__call__`.

    It names the model of its config in the brackets, `class Quota(Middleware[QuotaConfig])`, or as `config_type`.

    A class of its own will do as well, if its constructor takes (config, services) and its `__call__` is async.
    """

    config_type: ClassVar[type[BaseModel]] = NoConfig
    inner: ClassVar[bool] = False
    """True if it also guards a component that another component calls."""
    early: ClassVar[bool] = False
    """True if it can judge a call by its headers alone: of the chain, all that are early up to the first that is not.

    Where credentials came by header and the body has not wholly arrived, or is large, they run twice: at first before
    the body is read, with a call that has neither body nor arguments of it and a handler that only returns that call.
    So whoever they refuse is refused unread; and whose `app` they set is no stranger any more while the body comes.
    """

    cookies: Collection[str] = ()
    """Names of cookies that it takes credentials from: no answer of a component sets them."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        set_models(cls, Middleware)

    def __init__(self, config: ConfigT, services: ChainServices) -> None:
        self.config = config
        self.services = services

    @abstractmethod
    async def __call__(self, call: Call, handler: Handler) -> Any:
        """Answer, raise, or await `handler` with the call or a changed copy of it."""

    async def explain(self, question: Question) -> Decision | None:
        """Return what it would do with a call, for `esb explain`; None: it does not say, and nobody takes it for a yes.

        Nothing is executed, counted or asked of others.
        """
        return None
