"""The contract of a component: a config, parameters, and a method that handles a call with them."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from pydantic import BaseModel

from esb.contracts.explain import Decision, Question, unknown
from esb.contracts.lifecycle import ConfigT, Lifecycle, NoConfig
from esb.contracts.receipts import ReceiptAnswer, ReceiptRequest
from esb.contracts.services import Services
from esb.contracts.type_arguments import set_models
from esb.core.call import Call
from esb.core.errors import RequestError
from esb.core.params import Params
from esb.outgoing.engines.tunnel import Tunnel

ParamsT = TypeVar("ParamsT", bound=Params)


class Envelope(dict[str, Any]):
    """An envelope that a component makes itself: `result`, `code`, `message`, `data` and any further keys.

    Ingress completes what is missing, and sets `request_id`.
    """


class Repetition(NamedTuple):
    """The key by which repetitions of a call are known, for so many seconds after its answer."""

    key: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that is written as it is, without an envelope.

    A body that is an iterator is written as it comes, and its `aclose`, if it has one, awaited whatever happens. A
    client that takes nothing of it for `idle_timeout` seconds is cut off.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | AsyncIterator[bytes] = b""
    idle_timeout: float = 30.0


@dataclass(frozen=True, slots=True)
class SwitchedProtocols:
    """An answer with status 101 to a call that asks for a WebSocket: from here on bytes pass as they are, both ways.

    When neither side says anything for `idle_timeout` seconds, both are told to go. `held` is closed at the end.
    """

    upstream: Tunnel
    headers: Mapping[str, str]
    held: AsyncExitStack
    idle_timeout: float = 30.0


class Component(Lifecycle, Generic[ConfigT, ParamsT], ABC):
    """A plugin that answers calls, built once for each stanza that uses it.

    A subclass names its models in the brackets, `class Hello(Component[Config, HelloParams])`, or as `config_type` and
    `params_type`, and implements `handle`. A stanza with `test_config` has a second one built, for calls that ask for
    the test environment.
    """

    config_type: ClassVar[type[BaseModel]] = NoConfig
    params_type: ClassVar[type[Params]] = Params
    sends: ClassVar[bool] = False
    """True if it sends messages: then callers may give an Idempotency-Key, and ask for a dry run, which `handle` heeds:
    with `call.options.dry_run` it sends nothing, asks upstream for nothing, and answers what it would have sent."""
    tells_status: ClassVar[bool] = False
    """True if a failure is told by HTTP status too, for callers who look at nothing else: 5xx asks for another try, 4xx
    does not."""
    has_environments: ClassVar[bool] = True
    """True if a test environment can differ; False for a component that calls nobody: it ignores X-Use-Test-Env."""
    reads_request: ClassVar[bool] = False
    """True if it reads `call.query` beside a body, and the files of a multipart form; callers of others are told that
    nobody does."""
    streams_body: bool = False
    """True if `call.body` comes as a stream where the credentials came by header. The constructor may decide it."""

    repeat_seconds: float = 0
    """The seconds after the begin of a sending within which the platform drops a repetition of it by itself, so that
    an attempt of a delivery that broke off may be repeated; 0: it never does. The constructor may decide it."""
    recall_seconds: float = 0
    """The seconds after a sending within which `recall` may take it back; 0: never. The constructor may decide it."""
    takes_receipts: bool = False
    """True if the platform tells by receipts what became of its messages. The constructor may decide it."""

    answer_type: Any = Any
    """Type that `handle` returns, for documents: that of the envelope's data; or Envelope, or Reply.

    The constructor may decide it.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        set_models(cls, Component)

    def __init__(self, config: ConfigT, services: Services) -> None:
        self.config = config
        self.services = services

    @abstractmethod
    async def handle(self, call: Call, params: ParamsT) -> Any:
        """Return the envelope's data; or an Envelope, or a Reply. Raise EsbError to tell the caller what is wrong."""

    async def recall(self, call: Call, msgid: str) -> None:
        """Take back a message that was sent, by the platform's id of it: for all of its receivers.

        Raise EsbError if it is not. `call`: whose app asks, and its deadline; its args are not heeded.
        """
        raise RequestError("Parameters error, this component cannot take a message back")

    async def receipts(self, request: ReceiptRequest) -> ReceiptAnswer:
        """Return the answer to a platform's request, and the receipts in it if it is genuine. Nobody is asked."""
        return ReceiptAnswer(status=404, refusal="this component takes no receipts")

    def repetition(self, call: Call) -> Repetition | None:
        """Return how repetitions of a call without Idempotency-Key are known, for a component that sends; None: not."""
        return None

    async def explain(self, question: Question) -> Decision | None:
        """Return what its own gates would do with a call, for `esb explain`; None: it has none, or does not say.

        Nothing is sent, counted or asked of others. One that `calls` others leaves it to them.
        """
        called = sorted({*self.calls().values()})
        return unknown(f"it calls {' or '.join(called)}, which decides too: ask about that") if called else None

    def calls(self) -> Mapping[tuple[str | int, ...], str]:
        """Return the paths of the components that it calls, each by where its config names it, as ("to",)."""
        return {}

    def worker_hazards(self) -> Mapping[str, str]:
        """Return what breaks if several processes answer calls and share no store: config key -> why, and a way out."""
        return {}
