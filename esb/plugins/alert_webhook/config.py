"""The keys of an alert_webhook stanza."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from esb import ConfigModel
from esb.config.component_paths import normalised, path_fault
from esb.plugins.alert_webhook.notification import Source
from esb.plugins.alert_webhook.template_errors import BadTemplate
from esb.plugins.alert_webhook.template_texts import is_template, template_of


def leaves(value: Any, at: str = "") -> Iterator[tuple[str, str]]:
    """Yield the texts in a value, each with its place."""
    if isinstance(value, str):
        yield at, value
    elif isinstance(value, Mapping):
        for name, part in value.items():
            yield from leaves(part, f"{at}.{name}" if at else str(name))
    elif isinstance(value, list | tuple):
        for index, part in enumerate(value):
            yield from leaves(part, f"{at}[{index}]")


def _sound(value: Any) -> Any:
    """Return a value whose templates are sound. ValueError that says what is wrong with the first one that is not."""
    for at, text in leaves(value):
        if is_template(text):
            try:
                template_of(text)
            except BadTemplate as error:
                raise ValueError(f"{at}: {error}" if at else str(error)) from None
    return value


def _path(value: str) -> str:
    if (fault := path_fault(value)) is not None or "{" in value:
        raise ValueError(fault or "expected the path of one component, without {variables}")
    return normalised(value)


Templated = Annotated[str, Field(min_length=1), AfterValidator(_sound)]
TemplatedParams = Annotated[dict[str, Any], AfterValidator(_sound)]
Path = Annotated[str, AfterValidator(_path)]


class Route(ConfigModel):
    """A destination of some notifications. What it leaves out is that of the stanza; its params are laid over those."""

    match: dict[str, str | tuple[str, ...]] = Field(
        min_length=1,
        description="labels, and the value of each, or several; one alert of a notification has them all. Besides"
        " labels: status, severity, source, receiver",
    )
    to: Path | None = Field(None, description="path of the component that sends")
    params: TemplatedParams = Field({}, description="its parameters")
    title: Templated | None = Field(None, description="template of the title")
    content: Templated | None = Field(None, description="template of the content")


class AlertWebhookConfig(ConfigModel):
    """The destination of notifications, and their texts."""

    to: Path = Field(
        description="path of the component that sends, such as /cmsi/send_weixin/", examples=["/cmsi/send_weixin/"]
    )
    params: TemplatedParams = Field(
        {}, description="its parameters, the receivers above all; texts in it may be templates, null leaves one out"
    )
    title: Templated | None = Field(None, description="template of the title; a text of its own when left out")
    content: Templated | None = Field(None, description="template of the content; a text of its own when left out")
    routes: tuple[Route, ...] = Field((), description="where some notifications go instead; the first that matches")
    format: Source | None = Field(None, description="form of the webhooks; recognised when left out")
    language: Literal["en", "zh-hans"] = Field("en", description="language of the texts that no template makes")
    max_alerts: int = Field(20, ge=1, le=100, description="alerts that one message tells of; the others are counted")
    max_bytes: int | None = Field(
        None, ge=100, le=200_000, description="bytes of the content, if not what the channel shows"
    )
    retry_window: float = Field(
        240.0,
        ge=0,
        le=86_400,
        description="seconds in which the same notification again is a repetition, and sent no second time; 0: never",
    )

    @model_validator(mode="after")
    def _leads_somewhere(self) -> Self:
        for index, route in enumerate(self.routes):
            if not route.model_fields_set - {"match"}:
                raise ValueError(
                    f"routes[{index}] says nothing but `match`; give it `to`, `params`, `title` or `content`"
                )
        return self
