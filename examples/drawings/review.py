"""drawings/review: archives a drawing through the component that does, and tells who reviews it."""

from typing import Annotated, Any

from esb import Call, Component, EsbError, Label, NoConfig, Params, RequiredText, Uploads


class ReviewParams(Params):
    """What callers send, as multipart/form-data."""

    title: Annotated[RequiredText, Label("title")]
    drawing: Annotated[Uploads, Label("drawing")] = ()


class Review(Component[NoConfig, ReviewParams]):
    """Calls drawings.archive for the same app and user."""

    async def handle(self, call: Call, params: ReviewParams) -> Any:
        if not self.services.declared("drawings.archive"):
            raise EsbError("there is no archive in this gateway")
        arguments = {"title": params.title, "drawing": params.drawing}
        archived = await self.services.call(call, "drawings.archive", arguments)
        reviewers = call.app.settings.get("reviewers", ()) if call.app else ()
        return {**archived, "reviewers": reviewers}
