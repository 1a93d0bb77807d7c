"""use: dingtalk_people: a text to people in DingTalk, from the robot of an app."""

import json
from functools import cached_property

from pydantic import SecretStr

import esb

SEND, GET_TOKEN = esb.Target("dingtalk", "oToMessages", sends=True), esb.Target("dingtalk", "accessToken", sends=False)


class Config(esb.ConfigModel):
    """The app, whose robot has the same code."""

    app_key: str
    app_secret: SecretStr
    host: str = "https://api.dingtalk.com"


class DingTalkPeopleParams(esb.Params):
    """What callers send."""

    receiver: esb.RequiredReceivers
    content: esb.RequiredText


class DingTalkPeople(esb.Sender[Config, DingTalkPeopleParams]):
    """Sends the text to 20 people a request; the answer tells whom it does not reach."""

    limits = esb.Limits(max_receivers=20)

    @cached_property
    def _token(self) -> esb.AccessToken:
        key, secret, header = self.config.app_key, self.config.app_secret, "x-acs-dingtalk-access-token"
        return esb.AccessToken(self.services, "dingtalk", key, secret, self._fetch, header=header, scheme="")

    def messages(self, call: esb.Call, params: DingTalkPeopleParams) -> list[esb.Draft]:
        text = json.dumps({"content": params.content})
        return [esb.Draft(params.receiver, {"msgKey": "sampleText", "msgParam": text})]

    async def deliver(self, call: esb.Call, message: esb.Draft) -> esb.Sent:
        url = f"{self.config.host}/v1.0/robot/oToMessages/batchSend"
        body = {"robotCode": self.config.app_key, "userIds": message.receivers, **message.body}
        answer = await self._token.json(call, SEND, "POST", url, body=body, statuses=(200, 400, 403))
        if "processQueryKey" not in answer:
            raise esb.Rejected(answer.get("code"), answer.get("message", ""), "message")
        strangers, late = answer.get("invalidStaffIdList", ()), answer.get("flowControlledStaffIdList", ())
        failed = dict.fromkeys(strangers, esb.Rejected("invalid", "no such person", "receiver"))
        failed |= dict.fromkeys(late, esb.Rejected("limited", "too many", "quota"))
        return esb.Sent(answer["processQueryKey"], failed)

    async def _fetch(self, call: esb.Call) -> esb.Token:
        body = {"appKey": self.config.app_key, "appSecret": self.config.app_secret.get_secret_value()}
        url, statuses = f"{self.config.host}/v1.0/oauth2/accessToken", (200, 400)
        answer = await self.services.http.json(call, GET_TOKEN, "POST", url, body=body, statuses=statuses)
        if "accessToken" not in answer:
            raise esb.Rejected(answer.get("code"), answer.get("message", ""), "config")
        return esb.Token(answer["accessToken"], answer.get("expireIn", 0))
