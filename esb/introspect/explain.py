"""The fate that a call would have, link by link: nothing is executed, spent or asked of others.

Each link says it itself, next to the code that decides. One that does not is never taken for a yes.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from esb.config import Config, ConfigModel, Section
from esb.config.moment import Moment
from esb.config.yaml import did_you_mean
from esb.contracts.explain import Decision, Question, allowed, not_known_here, refused
from esb.core.call import Call, Credentials, Options
from esb.core.clock import utc_text
from esb.core.errors import EsbError
from esb.gateway.app import Gateway
from esb.gateway.generation import Generation
from esb.gateway.links import Links
from esb.incoming import envelope
from esb.incoming.routing import inactive, not_found
from esb.store.protocol import StoreAway

NOT_EXPLAINED = Decision(verdict="not explained", why="it does not say what it would do")
NOT_REACHED = Decision(verdict="not reached", why="no app is known, so there is nothing to decide")
UNSURE = "a link before it is not explained, and may change that"
UNDECIDED = frozenset({"unknown", "not explained"})
LATER = {
    "here": "with async it is accepted, and these processes send it",
    "separate": "with async it is accepted, and `esb deliver` sends it",
    "off": "not asked for; with async a call would get 1306406",
}
"""Value of `deliveries.run` -> what becomes of a call that asks to be sent later; one that does not is not refused."""
LONGEST_NAME = 255
NOBODY = "-"
"""An app that no directory has."""
Name = Annotated[str, Field(max_length=LONGEST_NAME)]


class Asked(ConfigModel):
    """A question: who calls which component, for whom and when. `component` is its name, or a declared path."""

    model_config = ConfigDict(populate_by_name=True)

    app: Annotated[Name, Field(min_length=1)]
    component: Annotated[Name, Field(min_length=1)]
    user: Name = ""
    by: Literal["bk_username", "bk_token"] = Field("bk_username", alias="as")
    at: Moment | None = None
    receivers: tuple[Name, ...] = Field((), max_length=100)
    test_env: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """One link of the chain, what it decides, and `where` that stands, "" if nowhere: file:line and key, or a text."""

    name: str
    decision: Decision
    where: str = ""

    def shown(self) -> dict[str, Any]:
        """Return it as JSON."""
        decision = self.decision
        return {
            "link": self.name,
            "verdict": decision.verdict,
            "why": decision.why,
            "where": self.where,
            "until": None if decision.until is None else utc_text(decision.until),
            "answer": None if decision.error is None else _answer(decision.error),
        }


async def explained(gateway: Gateway, asked: Asked, *, live: bool, alone: bool = False) -> dict[str, Any]:
    """Return what would become of this call, as JSON.

    `live`: what the store counts, is counted here; `alone`: and what a process counts for itself, likewise.
    """
    now = gateway.clock.since_1970()
    at = now if asked.at is None else asked.at.timestamp()
    live, alone = live and asked.at is None, alone and asked.at is None
    links = [link async for link in _links(gateway.generation, asked, at, live=live, alone=alone)]
    return {
        "app": asked.app,
        "component": asked.component,
        "user": asked.user,
        "as": asked.by,
        "at": utc_text(at),
        **concluded([link.shown() for link in links]),
    }


async def held_back(generation: Generation, at: float) -> list[tuple[str, Decision]]:
    """Return the components that send nothing now, whoever calls, and what decides: a quota that is used up."""
    found = []
    for links in generation.links:
        name = links.route.name
        question = _question(links, Asked(app=NOBODY, component=name[:LONGEST_NAME]), at, live=True, alone=True)
        try:
            component = links.endpoint.chosen(question.call.options)
        except EsbError:
            continue
        if component.sends:
            decision = await _decision(component, question)
            if decision.verdict == "refused":
                found.append((name, decision))
    return found


def concluded(links: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the links, and what they come to: the first refusal counts, and then whoever does not say."""
    refusal = next((link for link in links if link["verdict"] == "refused"), None)
    if refusal is not None:
        return {"links": links, "verdict": "refused", **refusal["answer"]}
    if any(link["verdict"] in UNDECIDED for link in links):
        return {"links": links, "verdict": "unknown", "code": None, "message": ""}
    return {"links": links, "verdict": "allowed", "code": 0, "message": "OK"}


async def _links(generation: Generation, asked: Asked, at: float, *, live: bool, alone: bool) -> AsyncIterator[Link]:
    """Yield the links that a call passes, in their order."""
    found = _found(generation, asked.component)
    if found is None:
        hint = did_you_mean(asked.component, generation.routes.targets)
        yield Link("component", refused(not_found(), f"there is no component '{asked.component}'{hint}"))
        return
    route, place = found.route, _place(found.stanza.section)
    if route.active:
        yield Link("component", allowed(f"{route.name} is active"), place)
    else:
        yield Link(
            "component", refused(inactive(), f"{route.name} is not active"), _place(found.stanza.section, "active")
        )
    question = _question(found, asked, at, live=live, alone=alone)
    sure = reached = True
    for stanza, middleware in found.chain:
        decision = await _decision(middleware, question) if reached else NOT_REACHED
        if decision.verdict == "refused" and not sure:
            decision = replace(decision, verdict="unknown", why=f"{decision.why}; {UNSURE}", error=None)
        sure = sure and decision.verdict != "not explained"
        knows_app = decision.app is not None or question.call.app is not None
        nobody = decision.verdict == "refused" or (decision.verdict == "unknown" and decision.service == "apps")
        reached = reached and (knows_app or not nobody)
        service = generation.services.get(decision.service)
        section = stanza.config if service is None else service.stanza.config
        yield Link(stanza.use, decision, _where(section, decision))
        question = _behind(question, decision)
    async for link in _inside(found, question, generation.config):
        yield link


async def _inside(found: Links, question: Question, config: Config) -> AsyncIterator[Link]:
    """Yield what stands behind the chain: the environment, the component's own gates, and who would send it later."""
    try:
        component = found.endpoint.chosen(question.call.options)
    except EsbError as error:
        yield Link("test environment", refused(error, "it has no `test_config`"), _place(found.stanza.section))
        return
    test = found.stanza.test_config
    here = "" if test is None else _place(test)
    if question.call.options.test_env:
        yield Link("test environment", allowed("the call goes to the test environment"), here)
    elif component.has_environments and test is None:
        yield Link("test environment", allowed("not asked for; with X-Use-Test-Env a call would get 1306206"))
    decision = await _decision(component, question)
    if decision is not NOT_EXPLAINED:
        yield Link("gates", decision, _where(found.stanza.config, decision))
    if component.sends and config.deliveries is not None and config.root is not None:
        yield Link("asynchronous calls", allowed(LATER[config.deliveries.run]), _place(config.root, "deliveries"))


async def _decision(link: Any, question: Question) -> Decision:
    """Return what a link decides. Whoever fails to say it, or says something else, does not explain itself."""
    explain = getattr(link, "explain", None)
    if explain is None:
        return NOT_EXPLAINED
    try:
        decision = await explain(question)
    except StoreAway:
        return not_known_here("the store cannot be asked now")
    except Exception as error:  # noqa: BLE001 - a plugin's fault must not take away what the others say
        return replace(NOT_EXPLAINED, why=f"it failed to say what it would do: {type(error).__name__}")
    return decision if isinstance(decision, Decision) else NOT_EXPLAINED


def _behind(question: Question, decision: Decision) -> Question:
    """Return the question as the next link is asked it."""
    call = question.call
    if decision.app is not None or decision.user is not None:
        call = call.made_by(decision.app or call.app, decision.user or call.user)
    if decision.app is None:
        return replace(question, call=call)
    return replace(
        question,
        call=call,
        grants=decision.grants,
        impersonations=decision.impersonations,
        entry=decision.entry,
    )


def _found(generation: Generation, target: str) -> Links | None:
    """Return what stands before the component of this name or path; None if there is none."""
    named = generation.routes.named(target)
    if named is not None:
        return next(links for links in generation.links if links.route is named)
    path = f"/{target.strip('/')}/" if target.startswith("/") else ""
    known = (links for links in generation.links if path in (links.stanza.path, *links.stanza.aliases))
    return max(known, key=lambda links: links.route.active, default=None)


def _question(found: Links, asked: Asked, at: float, *, live: bool, alone: bool) -> Question:
    route = found.route
    claims, by = {"bk_app_code": asked.app}, asked.by
    if asked.user and by == "bk_username":
        claims["bk_username"] = asked.user
    path_app = None
    if route.tokens is not None:  # which alone say who calls
        claims, by = {}, "bk_username"
        path_app = asked.app if asked.app in route.tokens.apps else ""
    call = Call(
        id="",
        method="POST",
        path=route.path,
        component=route.name,
        deadline=asyncio.get_running_loop().time() + route.timeout,
        timeout=route.timeout,
        headers={},
        credentials=Credentials(claims, from_header=True, signed=None, path_app=path_app),
        args={},
        restricted=route.restricted,
        options=Options(test_env=asked.test_env),
    )
    return Question(call, asked.app, at, live, by, asked.receivers, alone=alone)


def _answer(error: EsbError) -> dict[str, Any]:
    made = envelope.failure(error, "")
    return {"code": made["code"], "message": made["message"]}


def _where(section: Section, decision: Decision) -> str:
    """Return where that stands what decides; "" if nowhere. A text tells it itself: a grant in the database, say."""
    where = decision.where
    return where if isinstance(where, str) else _place(section, *where) if where else ""


def _place(section: Section, *keys: str | int) -> str:
    """Return file, line and key of a part of the configuration; "" if it was left out."""
    if not section.value:
        return ""
    file, line, key, _ = section.mistake("", *keys)
    return f"{file}:{line}: {key}"
