"""use: dingtalk_people: a text to people in DingTalk, from the robot of an app."""

import json
from functools import cached_property

from pydantic import SecretStr

from esb import (
    AccessToken,
    Call,
    ConfigModel,
    Draft,
    Limits,
    Params,
    Rejected,
    RequiredReceivers,
    RequiredText,
    Sender,
    Sent,
    Target,
    Token,
)

SEND, GET_TOKEN = Target("dingtalk", "oToMessages", sends=True), Target("dingtalk", "accessToken", sends=False)


class Config(ConfigModel):
    """The app, whose robot has the same code."""

    app_key: str
    app_secret: SecretStr
    host: str = "https://api.dingtalk.com"


class DingTalkPeopleParams(Params):
    """What callers send."""

    receiver: RequiredReceivers
    content: RequiredText


class DingTalkPeople(Sender[Config, DingTalkPeopleParams]):
    """Sends the text to 20 people a request; the answer tells whom it does not reach."""

    limits = Limits(max_receivers=20)

    @cached_property
    def _token(self) -> AccessToken:
        key, secret, header = self.config.app_key, self.config.app_secret, "x-acs-dingtalk-access-token"
        return AccessToken(self.services, "dingtalk", key, secret, self._fetch, header=header, scheme="")

    def messages(self, call: Call, params: DingTalkPeopleParams) -> list[Draft]:
        return [Draft(params.receiver, {"msgKey": "sampleText", "msgParam": json.dumps({"content": params.content})})]

    async def deliver(self, call: Call, message: Draft) -> Sent:
        url = f"{self.config.host}/v1.0/robot/oToMessages/batchSend"
        body = {"robotCode": self.config.app_key, "userIds": message.receivers, **message.body}
        answer = await self._token.json(call, SEND, "POST", url, body=body, statuses=(200, 400, 403))
        if "processQueryKey" not in answer:
            raise Rejected(answer.get("code"), answer.get("message", ""), "message")
        failed = dict.fromkeys(answer.get("invalidStaffIdList", ()), Rejected("invalid", "no such person", "receiver"))
        late = dict.fromkeys(answer.get("flowControlledStaffIdList", ()), Rejected("limited", "too many", "quota"))
        return Sent(answer["processQueryKey"], failed | late)

    async def _fetch(self, call: Call) -> Token:
        body = {"appKey": self.config.app_key, "appSecret": self.config.app_secret.get_secret_value()}
        url, statuses = f"{self.config.host}/v1.0/oauth2/accessToken", (200, 400)
        answer = await self.services.http.json(call, GET_TOKEN, "POST", url, body=body, statuses=statuses)
        if "accessToken" not in answer:
            raise Rejected(answer.get("code"), answer.get("message", ""), "config")
        return Token(answer["accessToken"], answer.get("expireIn", 0))
