"""drawings/archive: keeps one drawing in another system."""

from typing import Annotated, Any

from pydantic import Field

from esb import Call, Component, ConfigModel, Label, Params, RequiredText, Target, Uploads

UPLOAD = Target("archive", "upload")


class Config(ConfigModel):
    """Where the archive is."""

    url: str


class DrawingParams(Params):
    """What callers send, as multipart/form-data."""

    title: Annotated[RequiredText, Label("title")]
    drawing: Annotated[Uploads, Label("drawing"), Field(min_length=1, max_length=1)]


class Archive(Component[Config, DrawingParams]):
    """Sends the file on, into the folder that the settings of the app name."""

    async def handle(self, call: Call, params: DrawingParams) -> Any:
        folder = call.app.settings.get("folder", "inbox") if call.app else "inbox"
        answer = await self.services.http.json(
            call,
            UPLOAD,
            "POST",
            self.config.url,
            body={"title": params.title, "folder": folder},
            files={"file": params.drawing},
        )
        call.log.info("archived", id=answer.get("id"), bytes=len(params.drawing[0].content))
        return {"id": answer.get("id"), "folder": folder}
