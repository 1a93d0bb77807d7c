"""Channels for which there is a component here, as stanzas: paths, aliases, configuration, limits."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, get_args

from pydantic import BaseModel, SecretStr

from esb.cli.bkpaas.channels import Channels
from esb.cli.bkpaas.limits import limits_of
from esb.cli.bkpaas.parts import Channel, ComponentPart, Left, Limit, Limits, Secret
from esb.config import version_of
from esb.core.redaction import sounds_secret
from esb.plugins import (
    cmsi_get_msg_type,
    cmsi_send_mail,
    cmsi_send_mp_weixin,
    cmsi_send_msg,
    cmsi_send_qy_weixin,
    cmsi_send_sms,
    cmsi_send_voice_msg,
    cmsi_send_weixin,
)

CONFIGS: Mapping[str, type[BaseModel]] = {
    "get_msg_type": cmsi_get_msg_type.GetMsgType.config_type,
    "send_mail": cmsi_send_mail.SendMail.config_type,
    "send_mp_weixin": cmsi_send_mp_weixin.SendMpWeixin.config_type,
    "send_msg": cmsi_send_msg.SendMsg.config_type,
    "send_qy_weixin": cmsi_send_qy_weixin.SendQyWeixin.config_type,
    "send_sms": cmsi_send_sms.SendSms.config_type,
    "send_voice_msg": cmsi_send_voice_msg.SendVoiceMsg.config_type,
    "send_weixin": cmsi_send_weixin.SendWeixin.config_type,
}
"""The configuration of each component of cmsi that is here, by its name."""
REWRITTEN = frozenset({"get_msg_type", "send_mail", "send_msg", "send_sms", "send_voice_msg", "send_weixin"})
"""The old ESB served these below /v2/ too, without a channel of that path."""
SENSITIVE = 2
META = frozenset({"is_confapi", "is_deprecated", "is_support_jsonp", "no_sdk", "suggest_method"})
"""Keys of `config` that are about the channel itself, or its documentation."""
CHAIN = ({"use": "app_auth"}, {"use": "user_auth"}, {"use": "permission"})
"""The shared chain as it is by default, before a limit."""
_ADDRESS_WITH_MORE = re.compile(r"://[^/]*@|://.*[?#]")
"""An address with a password or a query, which may be a secret."""
_FALSE, _TRUE = frozenset({"0", "false", "no", "off"}), frozenset({"1", "true", "yes", "on"})


class Components:
    """The stanzas of channels. `left`: channels and keys that are not carried over."""

    def __init__(self, channels: Channels) -> None:
        self.parts: list[ComponentPart] = []
        self.limits: list[Limits] = []
        self.left: list[Left] = []
        self._channels = channels
        by_component: dict[tuple[Any, ...], list[Channel]] = {}
        for channel in channels:
            known = _known(channel.codename)
            if known is None:
                self._leave(channel)
            else:
                alike = (channel.name, known, channel.methods, channel.is_active, channel.level, channel.timeout)
                same = (str(sorted(channel.config.items(), key=str)), str(channel.limits))
                by_component.setdefault((*alike, *same), []).append(channel)
        for key, group in by_component.items():
            self.parts.append(self._component(key[1], sorted(group, key=_versioned)))

    def _leave(self, channel: Channel) -> None:
        limits = limits_of(channel.limits, self._note_for(channel))
        if limits is not None:
            self.limits.append(replace(limits, component=channel.name))
        how = "it is Python code: declare it with `use: http`, or write a plugin"
        if channel.config.get("is_confapi"):
            how = "it is declared by YAML: `esb import confapis` makes components of that"
        text = f"{channel.name}: not carried over, {channel.codename}: {how}"
        self.left.append(Left("channel", "esb_channel", channel.path, text))

    def _component(self, known: str, group: Sequence[Channel]) -> ComponentPart:
        main, *others = group
        aliases = [channel.path for channel in others]
        rewritten = f"/v2/cmsi/{known}/"
        if known in REWRITTEN and main.path == f"/cmsi/{known}/" and rewritten not in self._channels.by_path:
            aliases.append(rewritten)
        stanza: dict[str, Any] = {"path": main.path}
        if main.path in self._channels.names:
            stanza["name"] = main.name
        if aliases:
            stanza["aliases"] = aliases
        if main.methods:
            stanza["methods"] = list(main.methods)
        stanza["use"] = f"cmsi_{known}"
        stanza |= _settings(main)
        limits = limits_of(main.limits, self._note_for(main))
        if limits is not None:
            self.limits.append(replace(limits, component=main.name, is_written=True))
            stanza["middlewares"] = [*CHAIN, {"use": "rate_limit", "config": _limit_config(limits)}]
        if config := dict(self._config(main, CONFIGS[known])):
            stanza["config"] = config
        numbers = ", ".join(str(channel.number) for channel in group)
        return ComponentPart(main.name, f"esb_channel {numbers}", stanza)

    def _config(self, channel: Channel, model: type[BaseModel]) -> Iterator[tuple[str, Any]]:
        """Yield the keys that the component has here, values as it wants them; secrets as such."""
        for key, value in channel.config.items():
            field = model.model_fields.get(key)
            if value in ("", None) or key in META:
                continue
            if field is None:
                why = "it was never used" if key == "wx_token" else "there is no key like it"
                self._note_for(channel)(f"{key} is not carried over: {why}")
            elif _holds(field.annotation, SecretStr) or sounds_secret(key) or _ADDRESS_WITH_MORE.search(str(value)):
                yield key, Secret(f"{channel.name}.{key}", str(value))
            else:
                yield key, _typed(value, field.annotation)

    def _note_for(self, channel: Channel) -> Any:
        return lambda text: self.left.append(Left("key", "esb_channel", channel.path, f"{channel.name}: {text}"))


def _known(codename: str) -> str | None:
    """Return the component of cmsi that a codename means; None if there is none here."""
    parts = codename.split(".")
    return parts[-1] if parts[0] == "generic" and "cmsi" in parts[:-1] and parts[-1] in CONFIGS else None


def _versioned(channel: Channel) -> tuple[str, str]:
    return version_of(channel.path), channel.path


def _settings(channel: Channel) -> dict[str, Any]:
    """Return the keys of a stanza that are the same for every component, those alone that say something."""
    settings: dict[str, Any] = {}
    if channel.timeout:
        settings["timeout"] = channel.timeout
    if not channel.is_active:
        settings["active"] = False
    if channel.level >= SENSITIVE:
        settings["restricted"] = True
    return settings


def _limit_config(limits: Limits) -> dict[str, Any]:
    def rules(limits: Iterable[Limit]) -> list[dict[str, int]]:
        return [limit._asdict() for limit in limits]

    config: dict[str, Any] = {"default": rules(limits.default)} if limits.default else {}
    return {**config, "apps": {app: rules(each) for app, each in limits.apps.items()}} if limits.apps else config


def _holds(annotation: Any, wanted: type) -> bool:
    """Return True if values of an annotation may be of this type."""
    if isinstance(annotation, type) and issubclass(annotation, wanted):
        return True
    return any(_holds(inner, wanted) for inner in get_args(annotation))


def _typed(value: Any, annotation: Any) -> Any:
    """Return a value that the old ESB had as a text as what the key wants; as it is if it is none."""
    text = str(value).strip()
    if _holds(annotation, bool) and text.lower() in _FALSE | _TRUE:
        return text.lower() in _TRUE
    if _holds(annotation, int) and not _holds(annotation, bool) and text.isdecimal():
        return int(text)
    return value if isinstance(value, bool | int | float) and not _holds(annotation, str) else str(value)
