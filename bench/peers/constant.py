"""An aiohttp handler that returns a constant: what a call costs before anybody thinks about it."""

from aiohttp import web
from business import JSON, PATH, Refused, refusal
from serving import serve

ANSWER = refusal(Refused("App authentication failed"))


async def answer(request: web.Request) -> web.Response:
    return web.Response(body=ANSWER, headers={"Content-Type": JSON})


if __name__ == "__main__":
    app = web.Application()
    app.router.add_post(PATH, answer)
    serve(app)
