"""An aiohttp gateway for an enterprise service bus. This is the face: all that a plugin may import."""

from esb.call import App, Call, User
from esb.component import Component, Envelope, NoConfig, Reply, Services
from esb.config import ConfigModel
from esb.errors import EsbError, Limited, Message, ParameterError, UpstreamError, template
from esb.fields import (
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
from esb.middleware import Handler, Middleware
from esb.outgoing import Answer, Target
from esb.urls import BaseUrl, SecretUrl

__version__ = "0.1.0"

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
    "either",
    "problem",
    "template",
]
