"""cmsi/send_wecom_robot: a message by a WeCom group robot (群机器人) into its group.

The key of the robot's webhook is its whole credential. WeCom drops no repetitions of robots' messages: when it is not
known whether one arrived, it is not sent again, and the answer says so.
"""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, SecretStr, ValidationInfo, field_validator, model_validator

from esb import (
    BaseUrl,
    Call,
    Check,
    Component,
    ConfigModel,
    Decision,
    Finding,
    Label,
    Message,
    ParameterError,
    Params,
    Probes,
    Question,
    Receivers,
    SecretUrl,
    Services,
    Text,
    problem,
    template,
)
from esb.channels import gates
from esb.channels.answer_schema import Delivered, Previewed
from esb.channels.delivery_run import still_open
from esb.channels.message import OutboundMessage
from esb.channels.pagination import markdown_pages, pages
from esb.channels.recipients import addressed
from esb.channels.sending import SendingResult, deliver
from esb.channels.wechat.config import revealed
from esb.channels.wechat.media import File
from esb.channels.wechat.news import Articles, cut_articles, news
from esb.channels.wechat.text_limits import ROBOT_MARKDOWN_BYTES, TEXT_BYTES
from esb.channels.wechat.wecom_robot import WEBHOOK_SEND, WeComRobot
from esb.channels.wechat.wording import WORDING

TEXT, MARKDOWN, MARKDOWN_V2, IMAGE, NEWS = FORMS = ("text", "markdown", "markdown_v2", "image", "news")
SHOWN = {**dict.fromkeys((TEXT, MARKDOWN, MARKDOWN_V2), "content"), IMAGE: "file", NEWS: "articles"}
"""The parameter that each form shows."""
REQUIRED = template("This field is required.")
RECEIVER = "robot"
"""The one receiver of its messages: the group of the robot."""


class Config(ConfigModel):
    """The robots, and the way to WeCom."""

    model_config = ConfigDict(
        json_schema_extra={"anyOf": [{"required": ["webhook_key"]}, {"required": ["robots"]}]},
    )

    webhook_key: SecretStr | None = Field(
        None, description="`key` of the webhook address of the robot that sends if the caller names none"
    )
    robots: dict[Annotated[str, Field(min_length=1)], SecretStr] = Field(
        {}, description="robots that callers may name: a name for each `key`", examples=[{"ops": "${file:secrets/ops}"}]
    )
    wx_qy_host: BaseUrl = Field("https://qyapi.weixin.qq.com", description="address of WeCom or of a private proxy")
    wx_proxy: SecretUrl | None = Field(None, description="forward proxy: http://user:password@host:port")

    @model_validator(mode="after")
    def _some_robot(self) -> Self:
        if self.webhook_key is None and not self.robots:
            raise ValueError("a robot is needed: webhook_key, or robots with their names")
        return self


class SendWecomRobotParams(Params):
    """Parameters of cmsi/send_wecom_robot."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"required": ["msgtype"], "properties": {"msgtype": {"enum": [IMAGE, NEWS]}}},
            "else": {"required": ["content"]},
        }
    )

    msgtype: Annotated[Text, Label("form of the message")] = Field(
        TEXT, description="text, markdown, markdown_v2, image or news", json_schema_extra={"enum": [*FORMS, "", None]}
    )
    content: Annotated[Text, Label("message content")] = Field(
        "", description="the message, of a text or markdown", validate_default=True, examples=["This is a test."]
    )
    mentioned_list: Receivers = Field((), description="text: user ids to mention; @all mentions everybody")
    mentioned_mobile_list: Receivers = Field((), description="text: mobile numbers to mention")
    file: File = Field(None, description="the picture, for msgtype image: at most 2 MB")
    articles: Articles = Field((), description="the articles, for msgtype news: at most 8")
    robot: Annotated[Text, Label("robot")] = Field(
        "", description="name of the robot that sends, one of the operator's"
    )

    @field_validator("msgtype")
    @classmethod
    def _known_form(cls, value: str) -> str:
        if value.lower() not in {"", *FORMS}:
            raise problem("Must be one of {choices}", choices=", ".join(FORMS))
        return value.lower() or TEXT

    @field_validator("content")
    @classmethod
    def _needed(cls, value: str, info: ValidationInfo) -> str:
        if not value and SHOWN.get(info.data.get("msgtype", ""), "content") == "content":
            raise problem(REQUIRED)
        return value

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.msgtype != TEXT and (self.mentioned_list or self.mentioned_mobile_list):
            raise problem("Mentions [mentioned_list, mentioned_mobile_list] need msgtype text; markdown has <@userid>")
        return self

    async def pages(self) -> list[dict[str, Any]]:
        """Return WeCom's messages, page by page. ParameterError without that which this form shows."""
        form = self.msgtype
        if form == IMAGE:
            if self.file is None:
                raise ParameterError("file of the message [file] This field is required.")
            return [{"msgtype": form, form: await self.file.robot_image()}]
        if form == NEWS:
            if not self.articles:
                raise ParameterError("articles of the message [articles] This field is required.")
            return [{"msgtype": form, form: news(self.articles)}]
        if form != TEXT:
            contents = markdown_pages(self.content, ROBOT_MARKDOWN_BYTES)
            return [{"msgtype": form, form: {"content": content}} for content in contents]
        bodies: list[dict[str, Any]] = [{"content": content} for content in pages(self.content, TEXT_BYTES)]
        mentions = {"mentioned_list": self.mentioned_list, "mentioned_mobile_list": self.mentioned_mobile_list}
        bodies[0] |= {name: list(people) for name, people in mentions.items() if people}  # once, not on every page
        return [{"msgtype": form, form: body} for body in bodies]

    def warnings(self) -> list[dict[str, Any]]:
        """Return a warning for each parameter that is given and not shown, and for each text that is cut off."""
        what = Message("msgtype {msgtype} does not show it", {"msgtype": self.msgtype})
        unshown = [name for name in ("content", "file", "articles") if name != SHOWN[self.msgtype]]
        warnings = [{"field": name, "what": what} for name in unshown if getattr(self, name)]
        return [*warnings, *cut_articles(self.articles)] if self.msgtype == NEWS else warnings


class SendWecomRobot(Component[Config, SendWecomRobotParams]):
    """Sends a message by a WeCom group robot into its group, 20 messages a minute at most."""

    config_type = Config
    params_type = SendWecomRobotParams
    answer_type = Delivered | Previewed
    sends = True

    def __init__(self, config: Config, services: Services) -> None:
        super().__init__(config, services)
        proxy = revealed(config.wx_proxy) or None
        keys: dict[str, SecretStr] = {"": config.webhook_key} if config.webhook_key is not None else {}
        self._robots = {
            name: WeComRobot(services, host=config.wx_qy_host, key=key.get_secret_value(), proxy=proxy)
            for name, key in (keys | config.robots).items()
        }

    def checks(self, probes: Probes) -> Sequence[Check]:
        proxy, host = revealed(self.config.wx_proxy), self.config.wx_qy_host
        return [
            *probes.reach(host, "wx_proxy" if proxy else "wx_qy_host", proxy=proxy),
            probes.clock(host, proxy=proxy),
            Check("robot_key", "WeCom knows the robot", _unasked),
        ]

    async def explain(self, question: Question) -> Decision:
        """Return what the gate and the pace of the robot do with a message; of each robot, if there are several."""
        asked = replace(question, receivers=(RECEIVER,))
        return gates.one_of(
            {
                name or "webhook_key": await gates.decided(robot, asked, WORDING, robot.pace)
                for name, robot in self._robots.items()
            }
        )

    async def handle(self, call: Call, params: SendWecomRobotParams) -> SendingResult:
        robot = _named(self._robots, params.robot)
        audience, pages = still_open(call, addressed([RECEIVER])), await params.pages()
        messages = [OutboundMessage((receiver,), WEBHOOK_SEND, pages, {}) for receiver in audience.addresses]
        return await deliver(robot, call, audience, messages, WORDING, params.warnings(), robot.pace)


async def _unasked() -> Finding:
    return Finding(
        "skipped",
        "a robot's key proves itself only by a message, which its whole group would read; --send-to sends none either",
        "send one yourself: esb call cmsi send_wecom_robot",
    )


def _named(robots: Mapping[str, WeComRobot], name: str) -> WeComRobot:
    """Return the robot of this name. ParameterError for an unknown one, without what was given: it may be a key."""
    if (robot := robots.get(name)) is not None:
        return robot
    names = sorted(filter(None, robots))
    if not name:
        raise ParameterError("robot [robot] This field is required: one of {names}", names=", ".join(names))
    meant = difflib.get_close_matches(name, names, 1)
    if meant:
        raise ParameterError("robot [robot] There is no robot of this name; did you mean {name}?", name=meant[0])
    if not names:
        raise ParameterError("robot [robot] There is no robot of this name: none has one here")
    raise ParameterError("robot [robot] There is no robot of this name: it is one of {names}", names=", ".join(names))
