"""Messages of a WeCom (企业微信) app: to up to 1000 members, and 100 departments and tags each, a call; to group chats.

Sources: developer.work.weixin.qq.com/document/path/90236 (message/send), path/90248 (appchat/send).
"""

import asyncio
import math
import os
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from esb.channels import gates
from esb.channels.account import NOT_SENT
from esb.channels.delivery_run import repetition_id, still_open
from esb.channels.message import OutboundMessage
from esb.channels.outcome import DeliveryOutcome, DeliveryReport
from esb.channels.pacing import ARRIVING_SECONDS, Pace
from esb.channels.recipients import Audience, addressed, require_somebody
from esb.channels.sending import SendingResult, deliver, not_sent
from esb.channels.wechat.account import TO_USER
from esb.channels.wechat.config import WeComConfig, revealed
from esb.channels.wechat.media import MediaFile
from esb.channels.wechat.wecom_app import RECALL_SECONDS, MediaUpload, MessageRecall, WeCom
from esb.channels.wechat.wecom_checks import wecom_checks
from esb.channels.wechat.wecom_groups import GROUPS, RECEIVERS_PER_CALL, ROOT_PARTY, TO_ALL_KINDS, batches_of
from esb.channels.wechat.wording import WORDING
from esb.contracts.checks import Check
from esb.contracts.explain import Decision, Question, unknown
from esb.contracts.probes import Probes
from esb.contracts.services import ProcessServices, Users
from esb.core.call import ORDINARY, Call
from esb.core.errors import Message, ParameterError, RequestError, UpstreamError, template
from esb.outgoing.client import too_slow

MESSAGE_SEND = "/cgi-bin/message/send"
APPCHAT_SEND = "/cgi-bin/appchat/send"
LONGEST_INTERVAL = 4 * 3600
"""Seconds, duplicate_check_interval."""
ATTEMPT_SECONDS = 120.0
"""The longest time in which an attempt of a delivery, once begun, makes its requests."""
REPEAT_SECONDS = LONGEST_INTERVAL - ATTEMPT_SECONDS
"""The seconds within which it may be begun again."""
CHAT_PER_MINUTE = 200
"""Messages of one app that a member of a group chat gets in a minute: WeCom silently drops what is beyond."""
NOT_UPLOADED = "media_id"
"""The media_id that a dry run tells: nothing was uploaded."""
EVERYBODY = "@all"
MEMBER_WAITS = template("WeChat takes no more messages for this member in this minute, please try again later")
"""WeCom drops, without a word, what a member gets beyond 30 messages a minute; so nobody is sent more than that.

Source: developer.work.weixin.qq.com/document/path/90454.
"""
CHAT_WAITS = template("WeChat takes no more messages for this group chat in this minute, please try again later")
CHAT_OF_SECRET = Message("a group chat is that of the app whose secret sends; an agentid chooses none")
TO_ROOT = Message("department 1 is the root: the message goes to everybody whom the app can see, as with to_all")
_MEMBER = re.compile(r"(?!(?i:@all)\Z)[^\s|](?:[^|]*[^\s|])?")
"""One member, written as it is sent."""


class WeComChannel:
    """Messages of one WeCom app; callers may bring the secret and the agentid of another one of the corporation."""

    def __init__(self, config: WeComConfig, services: ProcessServices) -> None:
        self._config = config
        self._services = services
        self._own_secret = revealed(config.wx_qy_corpsecret)
        self._app = WeCom(services, **self._credential(self._own_secret)) if self._own_secret else None
        self._agentid = config.wx_qy_agentid
        self._pace = None if self._agentid is None else self._pace_of(self._agentid)
        self._allow_all = config.wx_qy_allow_all
        self._drops = config.wx_qy_duplicate_check

    takes_receipts = False

    @property
    def repeat_seconds(self) -> float:
        """The seconds within which WeCom drops repetitions of a message to members; see Component."""
        return REPEAT_SECONDS if self._drops else 0

    def checks(self, probes: Probes, users: Users) -> Sequence[Check]:
        """Return what a preflight looks at."""
        return wecom_checks(probes, self._app, self._config, users)

    def send(
        self,
        call: Call,
        audience: Audience,
        contents: Sequence[Mapping[str, Any]],
        warnings: Sequence[dict[str, Any]] = (),
        *,
        groups: Audience | None = None,
        file: MediaFile | None = None,
        agentid: int | None = None,
        secret: str = "",
    ) -> Awaitable[SendingResult]:
        """Send these pages to everybody; `groups` are departments and tags, see `grouped`. Or send a file instead."""
        app, pace = self._app, self._pace
        if secret:
            app = WeCom(self._services, **self._credential(secret))
        if app is None:
            raise ParameterError("corp secret [corpsecret] This field is required.")
        if agentid is None:
            agentid = self._agentid
        elif agentid != self._agentid:
            pace = self._pace_of(agentid)
        if agentid is None:
            raise ParameterError("corp agentid [agentid] This field is required.")
        if groups is not None and ROOT_PARTY in groups.typed and not self._allow_all:
            warnings = [*warnings, {"field": "toparty", "what": TO_ROOT}]
        audience = members(audience, groups, allow_all=self._allow_all)
        within, known_as = call.timeout if self._drops else None, ""
        if call.options is not ORDINARY:
            audience = still_open(call, audience)
            if self._drops:
                within, known_as = _repeated_within(call), repetition_id(call)
        if file is not None:
            build = partial(app_messages, agentid, audience.addresses, drops_within=within, known_as=known_as)
            return self._send_file(app, call, audience, file, secret, build, warnings, pace)
        messages = app_messages(agentid, audience.addresses, contents, within, known_as)
        return deliver(app, call, audience, messages, WORDING, warnings, pace)

    def send_to_chat(
        self,
        call: Call,
        chatid: str,
        contents: Sequence[Mapping[str, Any]],
        warnings: Sequence[dict[str, Any]] = (),
        *,
        file: MediaFile | None = None,
        agentid: int | None = None,
        secret: str = "",
    ) -> Awaitable[SendingResult]:
        """Send these pages, or a file, to a group chat that the app has made. WeCom drops no repetitions there."""
        if agentid not in {None, self._agentid}:
            warnings = [*warnings, {"field": "wx_qy_agentid", "what": CHAT_OF_SECRET}]
        app = WeCom(self._services, **self._credential(secret)) if secret else self._app
        if app is None:
            raise ParameterError("corp secret [corpsecret] This field is required.")
        audience = still_open(call, addressed([chatid]))
        pace = Pace(self._services.store, f"{app.key.account}:{app.key.secret_digest}", CHAT_PER_MINUTE, CHAT_WAITS)
        if file is not None:
            build = partial(chat_messages, audience.addresses)
            return self._send_file(app, call, audience, file, secret, build, warnings, pace)
        return deliver(app, call, audience, chat_messages(audience.addresses, contents), WORDING, warnings, pace)

    async def _send_file(
        self,
        app: WeCom,
        call: Call,
        audience: Audience,
        file: MediaFile,
        secret: str,
        build: Callable[[Sequence[Mapping[str, Any]]], list[OutboundMessage]],
        warnings: Sequence[dict[str, Any]],
        pace: Pace | None,
    ) -> SendingResult:
        """Upload the file, and send it in the messages that `build` makes. A dry run does neither."""
        run = call.options.run
        if run is not None and (run.in_doubt or not audience.typed):
            # Uploaded again, the file has another media_id: so the request is another one, which WeCom does not drop.
            return DeliveryReport(audience, DeliveryOutcome(unknown=audience.addresses), WORDING, warnings)
        upload = MediaUpload(self._services, file, **self._credential(secret or self._own_secret))
        try:
            media_id = NOT_UPLOADED if call.options.dry_run else await upload.media_id(call)
        except NOT_SENT as error:
            return DeliveryReport(audience, not_sent(audience.addresses, error), WORDING, warnings)
        except asyncio.CancelledError:
            if call.seconds_left > 0:
                raise
            late = UpstreamError(upload.system, upload.interface, too_slow(call.timeout), sent=False, transient=True)
            return DeliveryReport(audience, not_sent(audience.addresses, late), WORDING, warnings)
        messages = build([{"msgtype": file.kind, file.kind: {"media_id": media_id}}])
        return await deliver(app, call, audience, messages, WORDING, warnings, pace)

    @property
    def recall_seconds(self) -> float:
        """The seconds within which a message of the configured app may be taken back; see Component."""
        return RECALL_SECONDS if self._app is not None else 0

    async def recall(self, call: Call, msgid: str) -> None:
        """Take back a message of the configured app. Declined if WeCom does not; UpstreamError if it does not say."""
        if self._app is None:
            raise RequestError("Parameters error, only messages of the app that is configured can be taken back")
        await MessageRecall(self._services, **self._credential(self._own_secret)).recall(call, msgid)

    async def explain(self, question: Question) -> Decision:
        """Return what the gate of the configured app does with a message, and the pace of its members."""
        if self._app is None:
            return unknown("each call brings a secret of its own, with a quota gate of its own")
        return await gates.decided(self._app, question, WORDING, self._pace)

    def _credential(self, secret: str) -> dict[str, Any]:
        """Return what an app is made of. Its secret is the configured one, or came with a call."""
        return {
            "host": self._config.wx_qy_host,
            "account": self._config.wx_qy_corpid,
            "secret": secret,
            "proxy": revealed(self._config.wx_proxy) or None,
            "borrowed": secret != self._own_secret,
        }

    def _pace_of(self, agentid: int) -> Pace | None:
        """Return how fast members may be sent to, counted by corporation and app; None if nobody counts."""
        limit = self._config.wx_qy_member_per_minute
        return (
            Pace(self._services.store, f"{self._config.wx_qy_corpid}:{agentid}", limit, MEMBER_WAITS) if limit else None
        )


def app_messages(
    agentid: int,
    addresses: tuple[str, ...],
    pages: Sequence[Mapping[str, Any]],
    drops_within: float | None,
    known_as: str = "",
) -> list[OutboundMessage]:
    """Return these pages for these members, departments and tags: in as many messages as they need.

    WeCom is asked to drop repetitions that are sent within so many seconds; None: it is not. `known_as`: the id that
    repetitions share, "" for a new one.
    """
    if not addresses:
        return []
    common: dict[str, Any] = {"agentid": agentid}
    if drops_within is not None:
        # WeCom compares the whole JSON within the interval. The member client_msg_id, which it ignores, makes two
        # calls two messages even when their text is the same, and the repetitions of one request one message.
        common["enable_duplicate_check"] = 1
        common["duplicate_check_interval"] = min(math.ceil(drops_within + ARRIVING_SECONDS), LONGEST_INTERVAL)
        common["client_msg_id"] = known_as or os.urandom(16).hex()
    if addresses[-1].startswith(GROUPS):  # they stand behind the members
        batches, address = batches_of(addresses), TO_ALL_KINDS
    elif len(addresses) <= RECEIVERS_PER_CALL:
        batches, address = [addresses], TO_USER  # nearly always
    else:
        starts = range(0, len(addresses), RECEIVERS_PER_CALL)
        batches, address = [addresses[start : start + RECEIVERS_PER_CALL] for start in starts], TO_USER
    messages = []
    for batch in batches:
        messages.append(OutboundMessage(batch, MESSAGE_SEND, pages, common, address, drops_within is not None))
    return messages


def chat_messages(chatids: Sequence[str], pages: Sequence[Mapping[str, Any]]) -> list[OutboundMessage]:
    """Return these pages for each of these group chats, as one message."""
    return [OutboundMessage((chatid,), APPCHAT_SEND, pages, {"chatid": chatid}) for chatid in chatids]


def _repeated_within(call: Call) -> float:
    """Return the seconds within which repetitions of a message come: from here, from another attempt, or a caller."""
    if call.options.run is not None:
        return call.options.run.window + ATTEMPT_SECONDS
    return call.timeout if call.options.idempotency_key is None else LONGEST_INTERVAL


def members(audience: Audience, groups: Audience | None = None, *, allow_all: bool) -> Audience:
    """Return WeCom's members out of the receivers of a call: taken apart at WeCom's own separator, each once.

    Members are compared without regard to case. What the directory has for one person is one member, or no address.
    `groups` come behind them. ParameterError if nobody is left, or for @all unless it is allowed.
    """
    if len(audience.typed) == 1 and groups is None:
        (address,) = audience.typed
        if _MEMBER.fullmatch(address):
            return audience  # nearly always
    spellings: dict[str, str] = {}
    typed: dict[str, tuple[str, ...]] = {}
    several: list[str] = []
    given, written = set[str](), frozenset(audience.given)
    for address, names in audience.typed.items():
        found = [member for part in address.split("|") if (member := part.strip())]
        if names != (address,) and len(found) != 1 and EVERYBODY not in address.lower():
            several += names
            continue
        for member in found:
            spelling = spellings.setdefault(member.lower(), member)
            called = (member,) if names == (address,) else names
            typed[spelling] = tuple(dict.fromkeys((*typed.get(spelling, ()), *called)))
            if address in written:
                given.add(spelling)
    if several:
        audience = Audience(typed, audience.unknown_users, (*audience.without_contact, *several))
    if groups is None:
        require_somebody(audience)
    else:
        typed |= groups.typed
        given |= {*groups.given}
    if not typed:
        raise ParameterError("wechat receiver [receiver] This field is required.")
    if EVERYBODY in spellings:
        if not allow_all:
            raise ParameterError(
                "wechat receiver [receiver] @all is not allowed here, unless the operator sets wx_qy_allow_all"
            )
        typed = {EVERYBODY: tuple(name for names in typed.values() for name in names)}
        given = {EVERYBODY}
    return Audience(typed, audience.unknown_users, audience.without_contact, given)
