"""Rounds of hostile connections, and what must hold after each of them.

No outsider raises `esb_crashes_total`; every call has exactly one `call` line; the process lives and logs no error;
every answer carries a request id, and is an envelope unless it is an upstream's own.
"""

import asyncio
import json
import random
import re
import socket
import struct
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.project.fuzz.hostile_requests import Hostile, hostile
from tests.project.fuzz.world import World

AT_ONCE = 24
CONNECTIONS = 240
"""Connections of one round."""
PATIENCE = 30.0
"""Seconds for an answer: all deadlines of the gateway's components are shorter by far."""
LINGER_NOT = struct.pack("ii", 1, 0)
REQUEST_ID = re.compile(rb"\r\nX-Bkapi-Request-Id: (\w+)\r\n", re.IGNORECASE)
HEAD = re.compile(rb"HTTP/1\.[01] (\d{3}) [^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n")
LENGTH = re.compile(rb"\r\nContent-Length: (\d+)\r\n", re.IGNORECASE)
ENVELOPE = frozenset({"result", "code", "message", "data", "request_id"})
TROUBLE = frozenset({"error", "critical"})
"""Levels of lines that no outsider causes."""
NEVER = ("esb_crashes_total", "esb_log_lines_dropped_total")
PROBES = re.compile(rb'\r\n\r\npong|"code":"0","message":"OK"')


@dataclass(slots=True)
class Books:
    """What was sent and answered, and what did not hold: each finding with what repeats it."""

    connections: int = 0
    answers: int = 0
    lines: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Exchange:
    """What one connection sent, and what came back until its end."""

    sent: Hostile
    received: bytes
    waited_in_vain: bool = False


async def exchanged(port: int, sent: Hostile) -> Exchange:
    """Open a connection, send, and read what is answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received, in_vain = bytearray(), False
    try:
        async with asyncio.timeout(PATIENCE):
            start = 0
            for cut in (*sent.cuts, len(sent.raw)):
                writer.write(sent.raw[start:cut])
                await asyncio.sleep(0)
                start = cut
            if sent.leaves:
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
                writer.transport.abort()
                return Exchange(sent, b"")
            if sent.ends:
                writer.write_eof()
            while piece := await reader.read(2**16):
                received += piece
                if not sent.ends and _is_whole(bytes(received)):
                    break
    except OSError:
        pass  # it was closed before it had taken all: what came before counts
    except TimeoutError:
        in_vain = True
    finally:
        writer.close()
    return Exchange(sent, bytes(received), in_vain)


def _is_whole(received: bytes) -> bool:
    """Return True if an answer with a length has come to its end; others end with their connection, or a chunk."""
    if (head := HEAD.match(received)) is None:
        return False
    length = LENGTH.search(head[0])
    if length is None:
        return received.endswith(b"0\r\n\r\n") or head[1] in {b"204", b"304"}
    return len(received) - head.end() >= int(length[1])


async def played(world: World, seed: int, number: int, books: Books) -> None:
    """Play one round, wait until it is quiet, and enter what did not hold."""
    rng = random.Random(f"{seed} {number}")
    waiting = [hostile(rng) for _ in range(CONNECTIONS)]
    places = iter(waiting)
    exchanges: list[Exchange] = []

    async def work() -> None:
        for sent in places:
            exchanges.append(await exchanged(world.port, sent))

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(work())
    metrics = await _quiet(world)
    found = [*wrong_answers(exchanges, books), *wrong_lines(exchanges, world.lines(), books)]
    found += [f"{name} is {metrics[name]:g}" for name in NEVER if metrics[name]]
    books.findings += [f"seed {seed}, round {number}: {text}" for text in found]


async def _quiet(world: World) -> Counter[str]:
    """Return the metrics once all calls have ended."""
    async with asyncio.timeout(PATIENCE):
        while True:
            metrics = await world.metrics()
            if not metrics["esb_calls_in_flight"]:
                return metrics
            await asyncio.sleep(0.05)


def wrong_answers(exchanges: Iterable[Exchange], books: Books) -> list[str]:
    """Return what is wrong with the answers: those that did not come, and those that are no answers of a gateway."""
    found = []
    for each in exchanges:
        books.connections += 1
        sent = each.sent
        if each.waited_in_vain and sent.whole:
            found.append(f"no end after {PATIENCE:g} s: {sent.raw[:300]!r}: {each.received[:300]!r}")
        elif sent.whole and not sent.leaves and not each.received:
            found.append(f"no answer: {sent.raw[:300]!r}")
        if each.received and (wrong := _wrong(sent.raw, each.received, books)):
            found.append(f"{wrong}: {sent.raw[:300]!r}: {each.received[:500]!r}")
    return found


def _wrong(sent: bytes, received: bytes, books: Books) -> str:
    """Return what is wrong with the first answer, or ""."""
    while received.startswith(b"HTTP/1.1 100 "):
        received = received.partition(b"\r\n\r\n")[2]
    if not received:
        return ""
    head = HEAD.match(received)
    if head is None:
        return "not the head of an answer"
    books.answers += 1
    books.statuses[int(head[1])] += 1
    identifiers = REQUEST_ID.findall(head[0])
    if len(identifiers) != 1:
        return f"{len(identifiers)} request ids"
    body = received[head.end() :]
    if b"/raw/" in sent or sent.startswith(b"HEAD") or not body or PROBES.search(received):
        return ""
    length = LENGTH.search(head[0])
    try:
        envelope = json.loads(body[: int(length[1])] if length else body)
    except ValueError:
        return "no JSON"
    if not isinstance(envelope, dict) or not envelope.keys() >= ENVELOPE:
        return "no envelope"
    if envelope["request_id"].encode() != identifiers[0]:
        return "another request id"
    books.codes[str(envelope["code"])[:20]] += 1
    return ""


def wrong_lines(exchanges: Iterable[Exchange], lines: Sequence[dict[str, Any]], books: Books) -> list[str]:
    """Return what is wrong with the log: an answer without its one `call` line, a line that came twice, an error."""
    answered = [
        identifier.decode()
        for each in exchanges
        if not PROBES.search(each.received)
        for identifier in REQUEST_ID.findall(each.received)
    ]
    told = Counter(str(line["request_id"]) for line in lines if line["event"] == "call")
    books.lines += told.total()
    found = [f"no call line for the answer {each}" for each in answered if not told[each]]
    found += [f"{number} call lines of one call {each}" for each, number in told.items() if number > 1]
    return found + [f"the log: {line}" for line in lines if line["level"] in TROUBLE]
