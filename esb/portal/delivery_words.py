"""Words for what became of a delivery: states, classes of failures with what to do, and what platforms' codes mean."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from esb.channels.wechat.verdict import judge
from esb.config import Config
from esb.core.i18n import Translate
from esb.core.messages import template


class Word(NamedTuple):
    """A word for people, and the kind of its badge."""

    text: str
    kind: str = "plain"


class Advice(NamedTuple):
    """The meaning of a class of failures, and what to do about it."""

    meaning: str
    todo: str


STATES: Mapping[str, Word] = {
    "queued": Word(template("queued"), "busy"),
    "sending": Word(template("sending"), "busy"),
    "held": Word(template("held"), "busy"),
    "done": Word(template("done"), "good"),
    "dead": Word(template("dead"), "bad"),
    "cancelled": Word(template("cancelled")),
}
"""State of a delivery -> its word."""
RECEIVER_STATES: Mapping[str, Word] = {
    "queued": STATES["queued"],
    "sending": STATES["sending"],
    "accepted": Word(template("accepted"), "good"),
    "held": Word(template("kept by the platform"), "busy"),
    "delivered": Word(template("delivered"), "good"),
    "failed": Word(template("failed"), "bad"),
    "unknown": Word(template("unknown"), "bad"),
    "cancelled": STATES["cancelled"],
    "expired": Word(template("expired"), "bad"),
    "recalled": Word(template("recalled")),
}
"""State of a receiver -> its word."""
CALLBACK_STATES: Mapping[str, Word] = {
    "queued": Word(template("to be told"), "busy"),
    "sending": Word(template("being told"), "busy"),
    "done": Word(template("told"), "good"),
    "dead": Word(template("given up"), "bad"),
}
"""State of an event for a callback -> its word."""
ADVICE: Mapping[str, Advice] = {
    "token": Advice(
        template("The platform does not accept the access token."),
        template("If it lasts, the credential is wrong, or another system fetches tokens for it."),
    ),
    "busy": Advice(
        template("The platform is busy, or could not be reached."),
        template("Send again later. If it lasts, look at the way to the platform: `esb doctor`."),
    ),
    "quota": Advice(
        template("More was sent than the platform allows."),
        template("Send again when its window is over, and look who sends so much."),
    ),
    "receiver": Advice(
        template("The platform does not reach this receiver."),
        template("Correct the receiver: a user may be unknown, out of sight, or follow no more."),
    ),
    "message": Advice(
        template("The platform does not take this message."),
        template("The app has to correct the message, and send it anew."),
    ),
    "config": Advice(
        template("The credential, its rights or its settings are wrong."),
        template("Mend them; what is held goes on within five minutes. `esb doctor` finds the cause."),
    ),
    "unknown": Advice(
        template("Nobody knows what the platform made of it."),
        template("Ask whether the message has arrived before you send it again: it may come twice."),
    ),
}
"""Class of a failure -> its meaning. The others are told by the platform's own text."""
PLATFORMS: Mapping[str, str] = {
    "cmsi_send_weixin": "qy",
    "cmsi_send_qy_weixin": "qy",
    "cmsi_send_mp_weixin": "mp",
    "cmsi_send_wecom_robot": "robot",
}
"""Plugin -> the WeChat platform whose codes it tells; one says it in `wx_type`."""


def hint_of(config: Config, component: str, errcode: Any, errmsg: str, translate: Translate) -> str:
    """Return cause and remedy of a platform's code, "" where no table has it. `component`: the one that has sent."""
    if isinstance(errcode, bool) or not isinstance(errcode, int):
        return ""
    platform = platform_of(config, component)
    return judge(platform, errcode, errmsg).hint.render(translate) if platform else ""


def platform_of(config: Config, component: str) -> str:
    """Return the WeChat platform by which a component sends: qy, mp or robot; "" if it is none of these."""
    stanza = next((each for each in config.components if each.name == component), None)
    if stanza is None:
        return ""
    values = stanza.config.value
    told = values.get("wx_type") if isinstance(values, Mapping) else None
    return "mp" if told == "mp" and stanza.use == "cmsi_send_weixin" else PLATFORMS.get(stanza.use, "")
