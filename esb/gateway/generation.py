"""All that is built from one config: services, chain, components, routes. A reload builds another and swaps them."""

import asyncio
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from itertools import takewhile
from typing import Any

from esb.config import ComponentStanza, Config, Section, Stanza
from esb.contracts.component import Component
from esb.contracts.middleware import Handler, Middleware
from esb.contracts.services import ChainedServices, ChainServices, ProcessServices, Services
from esb.core.call import Call
from esb.core.call_log import CallLogs
from esb.core.errors import ConfigError, Mistake
from esb.core.files import upload_names
from esb.core.limits import Limits
from esb.core.model_secrets import secret_texts
from esb.delivery.acceptance import AcceptanceOf, NoAcceptance
from esb.delivery.idempotency import Idempotency
from esb.delivery.recording import RecordingOf, no_recording
from esb.gateway import call_targets, chains, contradictions, inner_call, own_routes, plugin_loader, worker_safety
from esb.gateway.links import Links
from esb.gateway.own_routes import OwnPaths, no_paths
from esb.gateway.part import OPEN_SECONDS, Part
from esb.gateway.process_keys import kept_by_store
from esb.gateway.unsuited_keys import unsuited
from esb.incoming.admission import Admission
from esb.incoming.cors import Cors
from esb.incoming.dispatch import Endpoint, compose
from esb.incoming.form_parameters import FormParameters
from esb.incoming.in_flight import InFlight
from esb.incoming.own_paths import OWN_ROOT
from esb.incoming.path_tokens import PathTokens
from esb.incoming.routing import Route, Routes
from esb.incoming.trusted_proxies import Network

DEFAULT_SERVICES = {"apps": "static", "login": "static", "users": "static", "access_tokens": "none", "jwt": "none"}


class Generation:
    """All that one config describes. Building it opens nothing.

    `calls` counts the calls that go through it, each from its start to its end: then the last one can be waited for.
    `services` are its services by key. Those of `previous` are handed on to it whose stanza is as it was.
    """

    def __init__(
        self,
        config: Config,
        process: ProcessServices,
        mistakes: Sequence[Mistake] = (),
        number: int = 1,
        idempotency: Idempotency | None = None,
        admission: Admission | None = None,
        previous: "Generation | None" = None,
        own_paths: OwnPaths = no_paths,
        acceptance: AcceptanceOf = NoAcceptance,
        recording: RecordingOf = no_recording,
    ) -> None:
        """Build all. ConfigError with the mistakes of all stanzas, and those found before."""
        self.config = config
        self.number = number
        self.calls = InFlight()
        # A copy, since every call reads it: from a pydantic model, that takes ten times as long. Bench: send.
        self.trusted_proxies: Sequence[Network] = config.server.trusted_proxies
        cors = config.server.cors
        self.cors = None if cors is None else Cors(cors.origins, credentials=cors.credentials)
        self.call_logs = CallLogs(process.observer, self._secrets)
        self._limits = Limits(**config.server.limits.model_dump())
        self._mistakes: list[Mistake] = [*config.mistakes, *mistakes]
        self._cause: BaseException | None = None
        self._handed_on: Mapping[str, Part] = {} if previous is None else previous.services
        self._parts: list[Part] = []
        self._held: list[Part] = []
        self.services: dict[str, Part] = {}
        self.components: list[tuple[ComponentStanza, Component[Any, Any]]] = []
        """Stanza and component, in the order of the config; without those that could not be built."""
        self.links: list[Links] = []
        """The links before each component, likewise."""
        self._idempotency = (idempotency or kept_by_store(process)).counting(self.calls)
        self._acceptance = acceptance
        self._recording = recording(config.ledger)
        server = config.server
        self._admission = admission or Admission(server.max_buffered, server.max_in_flight, process.observer)
        plugin_loader.make_importable(config)
        services = self._services(process)
        shared = self._chain(services, config.middlewares)
        routes = [self._route(stanza, shared, services) for stanza in config.components]
        self.own_routes = self._own_routes(own_paths, shared, services)
        self._mistakes += self._contradictions(process)
        if self._mistakes:
            raise ConfigError(config.in_order(self._mistakes)) from self._cause
        self._handed_on = {}  # some of them, nobody uses any more
        self.routes = Routes([(route, paths) for route, paths in routes if route is not None])

    def _contradictions(self, process: ProcessServices) -> Iterator[Mistake]:
        """Yield the mistakes that no stanza has by itself."""
        yield from contradictions.mistakes(self.config)
        yield from call_targets.mistakes(self.config.components, self.components)
        yield from worker_safety.mistakes(self.config, process.store, self.components)

    @property
    def built(self) -> tuple[Any, ...]:
        """All that this generation is made of, in the order in which it was built."""
        return tuple(part.instance for part in self._parts)

    @property
    def parts(self) -> Sequence[Part]:
        """The same with their stanzas."""
        return self._parts

    async def open(self) -> None:
        """Open what was built, in order. ConfigError at the first that fails; `close` then closes those before it."""
        self._held = [*self._parts]
        for part in self._held:  # before anything is waited for: the previous generation may end meanwhile
            part.hold()
        deadline = asyncio.get_running_loop().time() + OPEN_SECONDS
        for part in self._parts:
            await part.open(deadline)

    async def troubles(self) -> list[str]:
        """Return what is wrong with the parts of this generation, a few words each."""
        troubles = await asyncio.gather(*(part.health() for part in self._parts if part.tells_health))
        return [*filter(None, troubles)]

    async def close(self) -> None:
        """Close what was opened and no other generation uses, the last first, each even if another fails."""
        errors = []
        while self._held:
            try:
                await self._held.pop().release()
            except Exception as error:  # noqa: BLE001 - one that fails to close must not keep the others open
                errors.append(error)
        if errors:
            raise ExceptionGroup("closing a generation", errors)

    def _secrets(self) -> Iterator[str]:
        """Yield the secrets in the config of every part, for nobody to write them into a log."""
        for part in self._parts:
            yield from secret_texts(part.config)

    def _declared(self, target: str) -> bool | None:
        return self.routes.declared(target)

    async def _call_inside(self, call: Call, target: str, args: Mapping[str, Any]) -> Any:
        return await inner_call.answer(self.routes, call, target, args)

    def _services(self, process: ProcessServices) -> ChainServices:
        built = {kind: self._service(kind, process) for kind in DEFAULT_SERVICES}
        return ChainServices(
            http=process.http,
            tokens=process.tokens,
            store=process.store,
            clock=process.clock,
            bulkheads=process.bulkheads,
            observer=process.observer,
            database=process.database,
            nonces=process.nonces,
            declared=self._declared,
            call=self._call_inside,
            timezone=self.config.server.zone,
            **built,
        )

    def _service(self, kind: str, process: ProcessServices) -> Any:
        stanza = self.config.services.get(kind) or self._left_out(f"services.{kind}", DEFAULT_SERVICES[kind])
        return self._backend(kind, kind, stanza, process)

    def _backend(self, name: str, kind: str, stanza: Stanza, lent: ProcessServices) -> Any:
        """Return the back end of this stanza, which is known by this name, with those that it asks before it."""
        if stanza.backends:
            others = [
                self._backend(f"{name}.backends[{index}]", kind, each, lent)
                for index, each in enumerate(stanza.backends)
            ]
            own = {each.name: getattr(lent, each.name) for each in fields(ProcessServices)}
            lent = ChainedServices(**own, backends=tuple(others))
        part = self._part(name, "services", stanza, lent, kind)
        if part is None:
            return None
        self.services[name] = part
        return part.instance

    def _chain(self, services: ChainServices, stanzas: Sequence[Stanza] | None) -> list[Part]:
        if stanzas is None:
            stanzas = tuple(self._left_out("middlewares", name) for name in chains.DEFAULT_CHAIN)
        self._mistakes += chains.mistakes(stanzas)
        built = [self._part(stanza.use, "middlewares", stanza, services) for stanza in stanzas]
        return [part for part in built if part is not None]

    def _route(
        self, stanza: ComponentStanza, shared: Sequence[Part], services: ChainServices
    ) -> tuple[Route | None, tuple[str, ...]]:
        links = shared if stanza.middlewares is None else self._chain(services, stanza.middlewares)
        chain: Sequence[Middleware[Any]] = [link.instance for link in links]
        self._mistakes += self._lacks(stanza)
        lent = Services(*(getattr(services, lent.name) for lent in fields(Services)))  # not the chain's own
        component = self._build(stanza.path, "components", stanza, lent)
        test = None
        if stanza.test_config is not None:
            test = self._build(f"{stanza.path} (test)", "components", stanza, lent, overrides=stanza.test_config)
        paths = (stanza.path, *stanza.aliases)
        if component is None:
            return None, paths
        streams = component.streams_body and (test is None or test.streams_body)
        self._mistakes += unsuited(stanza, component, streams)
        self.components.append((stanza, component))
        endpoint = Endpoint(component, test, self._limits, keeps_answers=stanza.idempotency)
        handler: Handler = endpoint
        if component.sends:
            handler = compose([self._known_again(component), *self._recording], endpoint)
        elif stanza.idempotency:
            handler = compose([self._idempotency.counting(self.calls, by_header=True)], endpoint)
        max_body = stanza.max_body or self.config.server.max_body
        route = Route(
            path=stanza.path,
            name=stanza.name,
            methods=frozenset(stanza.methods),
            active=stanza.active,
            timeout=stanza.timeout,
            max_body=max_body,
            max_stream=sys.maxsize if stanza.unlimited else max_body,
            streams_body=streams,
            headers_in=stanza.headers_in,
            cookies={name.lower() for middleware in chain for name in getattr(middleware, "cookies", ())},
            limits=self._limits,
            upload_names=upload_names(component.params_type),
            tokens=PathTokens((entry.app, entry.token) for entry in stanza.tokens) if stanza.tokens else None,
            tells_status=component.tells_status,
            restricted=stanza.restricted,
            form=FormParameters(component.params_type, reads_request=component.reads_request),
            handler=compose(chain, self._admission.admitting(handler)),
            early=self._early(chain),
            inner=compose([middleware for middleware in chain if getattr(middleware, "inner", False)], endpoint),
        )
        self.links.append(Links(stanza, route, [(link.stanza, link.instance) for link in links], endpoint))
        return route, paths

    def _own_routes(self, own_paths: OwnPaths, shared: Sequence[Part], services: ChainServices) -> Routes:
        own = own_paths(self.config, self.links)
        auth = next((link for link in shared if link.stanza.use == chains.APP_AUTH), None) if own else None
        if own and auth is None:  # there is another's in its place, which may ask for more than an app
            auth = self._part(chains.APP_AUTH, "middlewares", self._left_out("middlewares", chains.APP_AUTH), services)
        if auth is None:
            return Routes([], OWN_ROOT)
        return own_routes.built(own, auth.instance, self._early([auth.instance]), self._limits, self._admission)

    def _lacks(self, stanza: ComponentStanza) -> Sequence[Mistake]:
        """Return what this component's chain lacks; nothing where a mistake stands in it: it may be meant there."""
        key = "middlewares" if stanza.middlewares is None else f"{stanza.section.key}.middlewares"
        if any(mistake.key.startswith(key) for mistake in self._mistakes):
            return ()
        return [*chains.lacks(self.config, stanza)]

    def _known_again(self, component: Component[Any, Any]) -> Idempotency:
        """Return the middleware that knows repetitions of this component's calls."""
        acceptance = self._acceptance(component, self.config.deliveries)
        if type(component).repetition is Component.repetition:
            return self._idempotency.sending(acceptance)
        return self._idempotency.sending(acceptance, component.repetition)

    def _early(self, chain: Sequence[Middleware[Any]]) -> Handler | None:
        """Return the beginning of the chain that may run before a body is read, ending in the call itself; or None."""
        early = [*takewhile(lambda middleware: getattr(middleware, "early", False), chain)]
        return compose(early, _itself) if early else None

    def _left_out(self, key: str, use: str) -> Stanza:
        """Return a stanza in the place of one that esb.yaml leaves out."""
        section = Section(str(self.config.path), 1, key, {})
        return Stanza(use, section, section)

    def _build(self, name: str, group: str, stanza: Stanza, lent: Any, overrides: Section | None = None) -> Any:
        """Return the instance of this stanza; None, with its mistakes noted, if it cannot be built."""
        part = self._part(name, group, stanza, lent, overrides=overrides)
        return None if part is None else part.instance

    def _part(
        self, name: str, group: str, stanza: Stanza, lent: Any, service: str = "", overrides: Section | None = None
    ) -> Part | None:
        """Build the part that this stanza describes, or take over the previous generation's; None as above."""
        try:
            found, config = plugin_loader.configured(group, stanza, service, overrides)
            part = self._handed_on.get(name) if service and not stanza.backends else None  # whose back ends may be new
            if part is None or not part.is_built_from(found, config):
                part = Part(name, stanza, config, plugin_loader.instance(stanza, found, config, lent))
        except ConfigError as error:
            self._cause = self._cause or error.__cause__
            self._mistakes.extend(mistake for mistake in error.mistakes if mistake not in self._mistakes)
            return None
        self._parts.append(part)
        return part


async def _itself(call: Call) -> Call:
    return call
