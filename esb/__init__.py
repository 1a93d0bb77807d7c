"""An aiohttp gateway for an enterprise service bus. This is the face: all that a plugin may import."""

from esb._version import __version__
from esb.config import ConfigModel
from esb.config.urls import BaseUrl, SecretUrl
from esb.contracts.component import Component, Envelope, NoConfig, Reply, Services
from esb.contracts.middleware import Handler, Middleware
from esb.core.call import App, Call, User
from esb.core.errors import EsbError, Limited, Message, ParameterError, UpstreamError, template
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
from esb.outgoing.client import Answer, Target

__all__ = [
    "Answer",
    "App",
    "BaseUrl",
    "Call",
    "Component",
    "ConfigModel",
    "Dicts",
    "Envelope",
    "EsbError",
    "Handler",
    "Label",
    "Limited",
    "LooseBool",
    "Message",
    "Middleware",
    "NoConfig",
    "ParameterError",
    "Params",
    "Receivers",
    "Reply",
    "RequiredDict",
    "RequiredReceivers",
    "RequiredText",
    "SecretUrl",
    "Services",
    "Target",
    "Text",
    "UpstreamError",
    "User",
    "Whole",
    "__version__",
    "either",
    "problem",
    "template",
]
