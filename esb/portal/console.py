"""The console: a form for a call, what it would do, and what it did.

A call goes to the public listener as any other does, with the credentials that were typed in. Nothing keeps them: they
stand in the form, in the page that answers it, and in the one request.

The page that asks once more has an idempotency key in its form, so that whoever presses its button twice, or loads the
page again that answers it, sends once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from secrets import token_hex
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from esb.core.errors import template
from esb.delivery.unprotected_keys import FIELD as UNPROTECTED
from esb.introspect.declared import Declared
from esb.portal.catalogue import gateway_url
from esb.portal.console_call import CREDENTIALS, IN_QUERY, ConsoleCall, Way, takes_key
from esb.portal.console_form import Field, fields, filled, parameters
from esb.portal.console_result import result, shown_answer
from esb.portal.console_sample import Sample, sample
from esb.portal.declarations import Listed, translate
from esb.portal.language import CHINESE_TAG, ENGLISH_TAG, translations
from esb.portal.loopback import Loopback, NoAnswer
from esb.portal.page import Page, Refused
from esb.portal.parts import Parts, Route
from esb.portal.rendering import wants_json
from esb.portal.sandbox_messages import arrived, inbox
from esb.portal.shell import curl
from esb.portal.visitor import Visitor

PATH = "/c/{system}/{component}/try"
DRY_RUN, ASK, SEND, EDIT = "dry_run", "ask", "send", "edit"
"""Values of the field `action`: the buttons of the form."""
KEY = "key"
"""The field of the key that was drawn for a call; one that somebody typed in is in the form's own."""
LONGEST_CALL, MARGIN = 120.0, 5.0
"""Seconds that a call from here may take, and those after a component's own deadline in which it answers."""
LATE = template("No answer within %(seconds)s s. The call may have been carried out all the same.")
AWAY = template("The gateway does not answer, or broke off. The call may have been carried out all the same.")
FAULTY = template("Something in the form cannot be sent.")


def routes(parts: Parts) -> Sequence[Route]:
    """Return the pages."""
    pages = _Pages(parts)
    return [Route("GET", PATH, pages.form), Route("POST", PATH, pages.run)]


class _Pages:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._loopback = Loopback()

    async def form(self, request: web.Request, visitor: Visitor) -> Page:
        """Return the form, filled with what a first try needs."""
        listed = await self._listed(request)
        is_here = visitor.reads and self._parts.sandbox_url is not None
        first = sample(self._parts.config()) if is_here and listed.declared.takes_credentials else Sample()
        empty = _addressed(fields(listed.declared, translate(visitor.language)), first.receiver)
        basis = _shown(listed, visitor, empty, first.caller, _way(listed.declared, {}, visitor))
        return Page("console.html", _described(listed.declared, empty), {**basis, "first": first})

    async def run(self, request: web.Request, visitor: Visitor) -> Page:
        """Make the call; one that is not only tried is shown again before."""
        listed = await self._listed(request)
        form = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
        call = _call(listed.declared, form, visitor)
        basis = _shown(listed, visitor, call.fields, call.caller, call.way)
        action, knows_dry_runs = form.get("action", ""), call.declared.component.sends
        if action == EDIT:
            return Page("console.html", _described(listed.declared, call.fields), basis)
        if call.faults:
            return _faulty(call, basis, request, visitor)
        is_dry_run = action == DRY_RUN or (knows_dry_runs and action not in (ASK, SEND))
        is_harmless = is_dry_run or (not knows_dry_runs and call.way.method in IN_QUERY)
        if action != SEND and not is_harmless:
            return await self._asked_again(request, visitor, call, basis, form)
        made = call if action != SEND else call.with_key(_printable(form.get(KEY, "")))
        told = await self._made(request, visitor, made, dry_run=is_dry_run)
        if made is not call:  # of a key that the visitor has not asked for; the answer itself has all warnings
            told["warnings"] = [each for each in told.get("warnings", ()) if each["field"] != UNPROTECTED]
        return Page("console.html", told, {**basis, "result": told, "answer": shown_answer(told)})

    async def _asked_again(
        self,
        request: web.Request,
        visitor: Visitor,
        call: ConsoleCall,
        basis: Mapping[str, Any],
        form: Mapping[str, str],
    ) -> Page:
        """Return the page on which the call is made for real, with a dry run of it where there is one."""
        drawn = call.with_key(f"console-{token_hex(16)}")
        key = "" if drawn is call else drawn.way.idempotency_key
        carried = {name: value for name, value in form.items() if name not in ("csrf", "action", KEY)}
        hidden = drawn.without_secrets()
        preview = await self._made(request, visitor, call, dry_run=True) if call.declared.component.sends else None
        told = {"confirm": True, "parameters": parameters(hidden.fields), "preview": preview, KEY: key}
        more = {
            "carried": {**carried, KEY: key} if key else carried,
            "curl": curl(hidden.request(gateway_url(self._parts, request), dry_run=False)),
            "answer": "" if preview is None else shown_answer(preview),
        }
        return Page("console_confirm.html", told, {**basis, **more})

    async def _made(
        self, request: web.Request, visitor: Visitor, call: ConsoleCall, *, dry_run: bool
    ) -> dict[str, Any]:
        """Make the call; return what is known of it."""
        line = curl(call.without_secrets().request(gateway_url(self._parts, request), dry_run=dry_run))
        seconds = min(call.declared.stanza.timeout, LONGEST_CALL) + MARGIN
        try:
            answer = await self._loopback.ask(call.request(self._parts.gateway_url(), dry_run=dry_run), seconds)
        except NoAnswer as none:
            text = translations(visitor.language).gettext(LATE if none.is_late else AWAY)
            return _unanswered(line, text % {"seconds": f"{seconds:g}"}, dry_run=dry_run)
        told = {"curl": line, "problem": "", **result(answer), "arrived": [], "explain": "", "inbox": ""}
        told["replayed"] = told["replayed"] and call.has_key  # without one, another system only says so
        if visitor.reads and not told["ok"] and call.caller.get("bk_app_code"):
            told["explain"] = _explain(call)
        if self._parts.sandbox_url is not None and not dry_run:
            told["inbox"] = inbox(self._parts.sandbox_url, told["msgids"])
            told["arrived"] = await arrived(self._loopback, self._parts.sandbox_url, told["msgids"])
        return told

    async def _listed(self, request: web.Request) -> Listed:
        """Return the component that the address names. Refused if there is none, or no form can be made for it."""
        declarations = await self._parts.declarations.get()
        listed = declarations.at(request.match_info["system"], request.match_info["component"])
        if not listed.is_documented:
            raise Refused(
                404, "No form can be made for this component: its types are not such that documents know them."
            )
        return listed


def _call(declared: Declared, form: Mapping[str, str], visitor: Visitor) -> ConsoleCall:
    caller = {name: form.get(name, "").strip() for name in CREDENTIALS} if declared.takes_credentials else {}
    return ConsoleCall(
        declared,
        filled(fields(declared, translate(visitor.language)), form),
        {name: value for name, value in caller.items() if value},
        _way(declared, form, visitor),
    )


def _shown(
    listed: Listed, visitor: Visitor, given: Sequence[Field], caller: Mapping[str, str], way: Way
) -> dict[str, Any]:
    """Return what all pages of a component show: of itself, and of the form."""
    return {
        "declared": listed.declared,
        "title": f"{listed.system}/{listed.name}",
        "address": listed.path,
        "about": listed.summary(translate(visitor.language)),
        "fields": given,
        "caller": caller,
        "way": way,
        "takes_key": takes_key(listed.declared),
        "first": Sample(),
        "result": None,
        "answer": "",
        "faults": [],
    }


def _way(declared: Declared, form: Mapping[str, str], visitor: Visitor) -> Way:
    """Return the way of a call; what the component does not offer is not asked for."""
    methods, component = declared.stanza.methods, declared.component
    usual = next((each for each in (("POST",) if component.sends else ("GET", "POST")) if each in methods), methods[0])
    language = form.get("o.language", visitor.language)
    return Way(
        form["o.method"] if form.get("o.method") in methods else usual,
        language if language in (ENGLISH_TAG, CHINESE_TAG) else visitor.language,
        _printable(form.get("o.key", "")) if takes_key(declared) else "",
        bool(form.get("o.async")) and declared.asynchronous,
        bool(form.get("o.test")) and component.has_environments,
    )


def _printable(text: str) -> str:
    """Return a text as a header can have it."""
    return "".join(each for each in " ".join(text.split()) if each.isprintable())


def _addressed(empty: list[Field], receiver: str) -> list[Field]:
    """Return the fields of a message to this user of the directory, where the component knows people by name."""
    names = {each.parameter for each in empty}
    if not receiver or "receiver__username" not in names:
        return empty
    values = {"receiver__username": receiver, "receiver": ""}
    return [
        replace(each, value=values[each.parameter], is_first=True) if each.parameter in values else each
        for each in empty
    ]


def _described(declared: Declared, given: Sequence[Field]) -> dict[str, Any]:
    """Return a form as JSON tells it."""
    return {
        "component": declared.stanza.name,
        "paths": declared.paths,
        "methods": declared.stanza.methods,
        "dry_run": declared.component.sends,
        "fields": [
            {
                "name": each.name,
                "parameter": each.parameter,
                "kind": each.kind,
                "required": each.required,
                "description": each.description,
                "choices": [choice for choice, _ in each.choices],
                "example": each.value,
            }
            for each in given
        ],
        "credentials": CREDENTIALS if declared.takes_credentials else (),
    }


def _faulty(call: ConsoleCall, basis: Mapping[str, Any], request: web.Request, visitor: Visitor) -> Page:
    text = translations(visitor.language).gettext
    faults = {each.parameter: text(each.fault[0]) % each.fault[1] for each in call.fields if each.fault}
    status = 422 if wants_json(request) else 200  # of a form for a browser, which tells errors of its own otherwise
    data = {"error": text(FAULTY), "faults": faults}
    return Page("console.html", data, {**basis, "faults": [*faults.items()]}, status)


def _unanswered(line: str, problem: str, *, dry_run: bool) -> dict[str, Any]:
    return {"curl": line, "problem": problem, "answer": None, "text": "", "ok": False, "dry_run": dry_run}


def _explain(call: ConsoleCall) -> str:
    """Return the address of the page that explains what becomes of such a call."""
    names = {"app": "bk_app_code", "user": "bk_username"}
    asked = {key: call.caller[name] for key, name in names.items() if name in call.caller}
    asked["component"] = call.declared.stanza.name
    if "user" not in asked and "bk_token" in call.caller:
        asked["as"] = "bk_token"
    return f"/explain?{urlencode(asked)}"
