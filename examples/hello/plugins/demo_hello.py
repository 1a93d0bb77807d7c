"""demo/hello: a greeting, in the words of a third-party system."""

from typing import Annotated, Any

from pydantic import SecretStr

from esb import Call, Component, ConfigModel, EsbError, Label, Params, RequiredText, Target

GREETING = Target("demo", "greeting")


class Config(ConfigModel):
    """What operators write in the stanza: where the third-party system is, and the token that it asks for."""

    url: str
    token: SecretStr


class HelloParams(Params):
    """What callers send."""

    name: Annotated[RequiredText, Label("whom to greet")]


class Hello(Component[Config, HelloParams]):
    """Asks the third-party system for a greeting."""

    async def handle(self, call: Call, params: HelloParams) -> Any:
        headers = {"Authorization": f"Bearer {self.config.token.get_secret_value()}"}
        answer = await self.services.http.json(
            call, GREETING, "POST", f"{self.config.url}/greeting", body={"name": params.name}, headers=headers
        )
        if "text" not in answer:
            raise EsbError("there is no greeting for {name}", name=params.name)
        return {"greeting": answer["text"]}
