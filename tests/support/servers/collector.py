"""A collector of traces: what OTLP exporters send their spans to."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

KINDS = {2: "server", 3: "client"}


@dataclass(frozen=True)
class Received:
    """A span as it came over the wire."""

    name: str
    kind: str
    trace: str
    id: str
    parent: str
    start: int
    end: int
    failed: bool
    why: str
    attributes: Mapping[str, Any]


@dataclass
class Collector:
    """Keeps what it is sent. `answers` is the status it answers with."""

    spans: list[Received] = field(default_factory=list)
    resources: list[dict[str, Any]] = field(default_factory=list)
    raw: bytes = b""
    headers: list[Mapping[str, str]] = field(default_factory=list)
    answers: int = 200
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def app(self) -> web.Application:
        """An application that takes OTLP over HTTP."""
        made = web.Application()
        made.router.add_post("/v1/traces", self._take)
        return made

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()  # aiohttp has unpacked it
        self.headers.append(dict(request.headers))
        self.raw += body
        for sent in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.resources.append(attributes(sent.resource.attributes))
            self.spans += [received(span) for scope in sent.scope_spans for span in scope.spans]
        self.arrived.set()
        return web.Response(status=self.answers)

    def of(self, kind: str) -> Iterator[Received]:
        return (span for span in self.spans if span.kind == kind)

    def only(self, name: str) -> Received:
        """The one span of this name."""
        (found,) = [span for span in self.spans if span.name == name]
        return found


def received(span: Any) -> Received:
    return Received(
        span.name,
        KINDS[span.kind],
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        span.status.code == 2,
        span.status.message,
        attributes(span.attributes),
    )


def attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}
