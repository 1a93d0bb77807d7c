"""The names of the face, `import esb`. They are in a file of their own so that `esb.client` does not load them."""

from esb._version import __version__
from esb.channels.access_token import AccessToken
from esb.channels.draft import Draft, Rejected, Sent
from esb.channels.sender import Sender
from esb.channels.vendor_limits import Limits
from esb.channels.verdict import Kind
from esb.config import ConfigModel
from esb.config.urls import BaseUrl, SecretUrl
from esb.contracts.checks import Check, Finding
from esb.contracts.component import Component, Envelope, Repetition, Reply
from esb.contracts.explain import Decision, Question
from esb.contracts.lifecycle import Lifecycle, NoConfig
from esb.contracts.middleware import Handler, Middleware
from esb.contracts.probes import Probes
from esb.contracts.receipts import Receipt, ReceiptAnswer, ReceiptRequest
from esb.contracts.services import (
    Apps,
    ChainServices,
    Contact,
    Identity,
    Login,
    ProcessServices,
    Service,
    Services,
    TokenIdentities,
    Users,
)
from esb.core.call import App, Call, Credentials, Options, Record, Signed, User
from esb.core.call_log import CallLog
from esb.core.clock import Clock
from esb.core.errors import (
    AuthenticationError,
    BadBody,
    EsbError,
    GatewayJwtError,
    Inactive,
    Limited,
    Message,
    NoTestEnvironment,
    NotFound,
    ParameterError,
    PermissionDenied,
    QuotaUsedUp,
    Refused,
    RequestError,
    TooLarge,
    Unreachable,
    UpstreamError,
    template,
)
from esb.core.files import File, Uploads
from esb.core.params import (
    Dicts,
    Label,
    LooseBool,
    Params,
    Receivers,
    RequiredDict,
    RequiredReceivers,
    RequiredText,
    Text,
    Whole,
    either,
    problem,
)
from esb.core.reasons import Reason
from esb.outgoing.client import Answer, Outgoing, Stream, Target, Tls
from esb.outgoing.tokens.cache import TokenCache
from esb.outgoing.tokens.key import Token, TokenKey
from esb.store.nonces import Nonces
from esb.store.protocol import Store, StoreServices

__all__ = [
    "AccessToken",
    "Answer",
    "App",
    "Apps",
    "AuthenticationError",
    "BadBody",
    "BaseUrl",
    "Call",
    "CallLog",
    "ChainServices",
    "Check",
    "Clock",
    "Component",
    "ConfigModel",
    "Contact",
    "Credentials",
    "Decision",
    "Dicts",
    "Draft",
    "Envelope",
    "EsbError",
    "File",
    "Finding",
    "GatewayJwtError",
    "Handler",
    "Identity",
    "Inactive",
    "Kind",
    "Label",
    "Lifecycle",
    "Limited",
    "Limits",
    "Login",
    "LooseBool",
    "Message",
    "Middleware",
    "NoConfig",
    "NoTestEnvironment",
    "Nonces",
    "NotFound",
    "Options",
    "Outgoing",
    "ParameterError",
    "Params",
    "PermissionDenied",
    "Probes",
    "ProcessServices",
    "Question",
    "QuotaUsedUp",
    "Reason",
    "Receipt",
    "ReceiptAnswer",
    "ReceiptRequest",
    "Receivers",
    "Record",
    "Refused",
    "Rejected",
    "Repetition",
    "Reply",
    "RequestError",
    "RequiredDict",
    "RequiredReceivers",
    "RequiredText",
    "SecretUrl",
    "Sender",
    "Sent",
    "Service",
    "Services",
    "Signed",
    "Store",
    "StoreServices",
    "Stream",
    "Target",
    "Text",
    "Tls",
    "Token",
    "TokenCache",
    "TokenIdentities",
    "TokenKey",
    "TooLarge",
    "Unreachable",
    "Uploads",
    "UpstreamError",
    "User",
    "Users",
    "Whole",
    "__version__",
    "either",
    "problem",
    "template",
]
