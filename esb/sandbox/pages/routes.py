"""The addresses of the pages below /_sandbox/inbox: HTML, or JSON for whoever accepts that and no HTML."""

import shlex
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from aiohttp import web

from esb.sandbox import mail_content
from esb.sandbox.accept import HTML, JSON, prefers
from esb.sandbox.changes import TooManyWatchers
from esb.sandbox.control_values import BadControl
from esb.sandbox.faults import parse_fault
from esb.sandbox.inbox import NUMBER, Message
from esb.sandbox.pages import events, fault_buttons, images, language, static_files
from esb.sandbox.pages.listing import PATH, Selection, people
from esb.sandbox.pages.views import robot_picture
from esb.sandbox.wire import encode
from esb.sandbox.world import World

if TYPE_CHECKING:
    from esb.sandbox.pages.rendering import Pages

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept, Accept-Language, Cookie",
    "X-Content-Type-Options": "nosniff",
}
YEAR_S = 365 * 86400
NEEDS_EXTRA = (
    "The pages of the inbox need jinja2, which `pip install 'esb-gateway[portal]'` installs.\n"
    "GET /_sandbox/messages shows all messages without it.\n"
)


class NeedsExtra(Exception):
    """Nothing makes pages here: jinja2 is not installed."""


class NotHere(Exception):
    """There is no such page, or its message is gone."""


def is_ours(name: str) -> bool:
    """Tell whether a path below /_sandbox/ is one of the pages."""
    return name == "inbox" or name.startswith("inbox/")


def wants_fragment(request: web.Request) -> bool:
    """Tell whether messages are asked for as HTML, by other than a browser that would show that without its page."""
    navigates = request.headers.get("Sec-Fetch-Dest") == "document"
    return not navigates and prefers(request.headers.get("Accept", ""), HTML, JSON)


async def handle(world: World, request: web.Request) -> web.StreamResponse:
    """Answer with a page, or say in one what is wrong."""
    name = request.path.removeprefix(PATH).removeprefix("/")
    try:
        return await _answer(world, request, name)
    except NeedsExtra:
        return web.Response(status=501, text=NEEDS_EXTRA)
    except NotHere:
        return _mistake(request, 404, "")
    except BadControl as mistake:
        return _mistake(request, 400, str(mistake))
    except fault_buttons.DoesNotFit:
        return _mistake(request, 409, "")
    except TooManyWatchers:
        return _mistake(request, 503, "")


def fragment(request: web.Request, world: World, messages: list[Message]) -> web.Response:
    """Return messages as HTML without a page around them, the first one first."""
    try:
        bubbles = _pages(request).bubbles(world.state, messages)
    except NeedsExtra:
        return web.Response(status=501, text=NEEDS_EXTRA)
    return _html("\n".join(html for _, html in bubbles))


async def _answer(world: World, request: web.Request, name: str) -> web.StreamResponse:
    if request.method == "POST":
        return await _change(world, request, name)
    if request.method not in ("GET", "HEAD"):
        raise NotHere
    if name == "":
        return _list(world, request)
    if name == "events" and request.method == "GET":
        return await events.stream(world, request, Selection(request.query), _pages(request))
    folder, _, rest = name.partition("/")
    if folder == "static":
        return static_files.answer(rest)
    if folder == "media":
        return _media(world, rest)
    message = world.state.inbox.find(_number(folder))
    if message is None:
        raise NotHere
    return _one(world, request, message) if not rest else _part(message, rest)


async def _change(world: World, request: web.Request, name: str) -> web.Response:
    """Do what a button says, and show the page again."""
    if name == "faults":
        world.faults.add(parse_fault(fault_buttons.rule(await request.post())))
    elif name == "faults/clear":
        world.faults.clear()
    elif name == "empty":
        world.state.inbox.empty()
    else:
        raise NotHere
    return web.Response(status=303, headers={"Location": Selection(request.query).address(), **HEADERS})


def _list(world: World, request: web.Request) -> web.Response:
    chosen, inbox = Selection(request.query), world.state.inbox
    found, older = chosen.messages(inbox)
    if _wants_json(request):
        return _json({"messages": [message.rendered() for message in found], "older": older or None})
    pages = _pages(request)
    shown = list(pages.bubbles(world.state, found))
    if len(shown) < len(found):
        older = shown[-1][0].id
    html = pages.page(
        "inbox.html",
        chosen=chosen,
        bubbles=[html for _, html in shown],
        older=older,
        total=len(inbox),
        people=people(inbox),
        faults=world.faults.rendered(),
        at=inbox.position,
        example=_example(world, request),
    )
    return _remembering(request, _html(html))


def _one(world: World, request: web.Request, message: Message) -> web.Response:
    if _wants_json(request):
        return _json(message.rendered())
    pages = _pages(request)
    html = pages.page("message.html", message=message, body=message.body, bubble=pages.alone(world.state, message))
    return _remembering(request, _html(html))


def _part(message: Message, rest: str) -> web.Response:
    """Return what a message holds: the request as it came, the picture of a robot, an attachment."""
    kind, _, number = rest.partition("/")
    if rest == "raw":
        return images.saved(message.raw, f"message-{message.id}.{'eml' if message.platform == 'mail' else 'json'}")
    if rest == "image" and message.platform == "robot" and message.body.get("msgtype") == "image":
        return images.shown(robot_picture(message.body["image"]), f"message-{message.id}")
    if kind == "attachments" and message.platform == "mail":
        attachments = mail_content.read(message.raw).attachments[_number(number) :]
        if attachments:
            return images.saved(attachments[0].content, attachments[0].name or "attachment")
    raise NotHere


def _number(text: str) -> int:
    """Read a number of an address. Raises NotHere for anything else."""
    if not NUMBER.fullmatch(text):
        raise NotHere
    return int(text)


def _media(world: World, media_id: str) -> web.Response:
    media = world.state.media.find(media_id)
    if media is None:
        raise NotHere
    return images.shown(media.content, media.name)


def _example(world: World, request: web.Request) -> str:
    """Return a command that sends a message here, "" if no robot would take it."""
    key = next((robot.key for robot in world.state.robots.values() if robot.enabled), "")
    if not key:
        return ""
    address = f"{request.scheme}://{request.host}/cgi-bin/webhook/send?{urlencode({'key': key})}"
    body = {"msgtype": "markdown", "markdown": {"content": "**Hello** from `curl`"}}
    return f"curl {shlex.quote(address)} \\\n  -d {shlex.quote(encode(body).decode())}"


def _pages(request: web.Request) -> "Pages":
    """Return the pages in the language of this browser. Raises NeedsExtra."""
    try:
        from esb.sandbox.pages import rendering
    except ImportError:
        raise NeedsExtra from None
    return rendering.Pages(language.spoken(request))


def _mistake(request: web.Request, status: int, told: str) -> web.Response:
    if _wants_json(request):
        return _json({"error": told or _REASONS[status]}, status)
    try:
        html = _pages(request).page("mistake.html", status=status, told=told)
    except NeedsExtra:
        return web.Response(status=status, text=told or _REASONS[status])
    return _html(html, status)


def _wants_json(request: web.Request) -> bool:
    return prefers(request.headers.get("Accept", ""), JSON, HTML)


def _html(html: str, status: int = 200) -> web.Response:
    body = html.encode(errors="replace")  # half a character, which JSON can hold
    return web.Response(status=status, body=body, headers=HEADERS, content_type="text/html", charset="utf-8")


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(
        status=status, body=encode(value), headers=HEADERS, content_type="application/json", charset="utf-8"
    )


def _remembering(request: web.Request, response: web.Response) -> web.Response:
    """Let a browser remember the language that was chosen."""
    if (spoken := language.chosen(request)) is not None:
        response.set_cookie(language.COOKIE, spoken, max_age=YEAR_S, httponly=True, samesite="Strict")
    return response


_REASONS = {
    404: "no such message, or it is not kept any more",
    409: "such calls cannot fail in this way",
    503: "too many calls wait already",
}
