"""An aiohttp gateway for an enterprise service bus. This is the face: all that a plugin may import."""

from esb._version import __version__
from esb.config import ConfigModel
from esb.config.urls import BaseUrl, SecretUrl
from esb.contracts.component import Component, Envelope, Reply
from esb.contracts.lifecycle import Lifecycle, NoConfig
from esb.contracts.middleware import Handler, Middleware
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
from esb.core.call import App, Call, User
from esb.core.clock import Clock
from esb.core.errors import (
    AuthenticationError,
    EsbError,
    GatewayJwtError,
    Limited,
    Message,
    ParameterError,
    UpstreamError,
    template,
)
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
from esb.outgoing.client import Answer, Outgoing, Target
from esb.outgoing.tokens.key import Token, TokenKey
from esb.store.protocol import Store, StoreServices

__all__ = [
    "Answer",
    "App",
    "Apps",
    "AuthenticationError",
    "BaseUrl",
    "Call",
    "ChainServices",
    "Clock",
    "Component",
    "ConfigModel",
    "Contact",
    "Dicts",
    "Envelope",
    "EsbError",
    "GatewayJwtError",
    "Handler",
    "Identity",
    "Label",
    "Lifecycle",
    "Limited",
    "Login",
    "LooseBool",
    "Message",
    "Middleware",
    "NoConfig",
    "Outgoing",
    "ParameterError",
    "Params",
    "ProcessServices",
    "Receivers",
    "Reply",
    "RequiredDict",
    "RequiredReceivers",
    "RequiredText",
    "SecretUrl",
    "Service",
    "Services",
    "Store",
    "StoreServices",
    "Target",
    "Text",
    "Token",
    "TokenIdentities",
    "TokenKey",
    "UpstreamError",
    "User",
    "Users",
    "Whole",
    "__version__",
    "either",
    "problem",
    "template",
]
