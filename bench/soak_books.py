"""The books of a soak: answers to callers against messages that arrived."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from soak_calls import Sending

MARK = re.compile(r"#\d+-\d{6}#")
NUMBER = re.compile(r"\((\d+)/(\d+)\)\n")
NOTHING_SENT = frozenset({1306429})
"""Codes of answers that may come without lists of receivers: the gateway was full, and did nothing."""
Deliveries = Mapping[tuple[str, str], Counter[int]]
"""(mark, receiver) -> how often each part of the message arrived."""


def deliveries(inbox: Iterable[Mapping[str, Any]]) -> tuple[Deliveries, int]:
    """Return the messages that arrived, and the number dropped although the gateway could have known better."""
    found: defaultdict[tuple[str, str], Counter[int]] = defaultdict(Counter)
    dropped = 0
    for message in inbox:
        text = message["text"]
        mark = MARK.search(text)
        assert mark is not None, "a message of nobody's"
        number = NUMBER.match(text)
        part = int(number[1]) if number else 1
        receivers = ["robot"] if message["platform"] == "robot" else message["delivered"]
        dropped += len(message["dropped"])
        for receiver in receivers if message["delivered"] else []:
            found[mark.group(), receiver][part] += 1
    return found, dropped


@dataclass
class Books:
    """The sums. `lies`: what an answer said that was not so."""

    told: Counter[str] = field(default_factory=Counter)
    lies: list[str] = field(default_factory=list)

    def enter(self, sending: Sending, answers: list[dict[str, Any]], arrived: Deliveries) -> None:
        """One call, all answers to it, and what arrived of it."""
        self.told["calls"] += 1
        self.told["sent"] += len(sending.receivers)
        parts = {receiver: arrived.get((sending.mark, receiver), Counter[int]()) for receiver in sending.receivers}
        for receiver, counts in parts.items():
            self._count("duplicated", sum(count - 1 for count in counts.values()), sending, receiver)
        if not answers:
            self.told["left"] += len(sending.receivers)
            return
        fates = [self._fates(sending, answer) for answer in answers]
        if any(fate != fates[0] for fate in fates):
            self._resolve(sending, fates)
        for receiver, fate in fates[-1].items():
            if fate[0] == "failed" and len(answers) < sending.times:
                self.told["failed"] += 1  # who left before the answer to a repetition may have sent it after all
            else:
                self._compare(sending, receiver, fate, parts[receiver])

    def _fates(self, sending: Sending, answer: dict[str, Any]) -> dict[str, tuple[str, int]]:
        """Of each receiver its list, and how many parts of the message it is said to have."""
        data, code = answer["data"], answer["code"]
        if not isinstance(data, dict) or "accepted" not in data:
            if code not in NOTHING_SENT:
                self._count("formless", 1, sending, f"code {code} without its lists")
            return dict.fromkeys(sending.receivers, ("failed" if code in NOTHING_SENT else "unknown", 0))
        held = data.get("held", ())
        entries = [(receiver, ("held" if receiver in held else "accepted", 0)) for receiver in data["accepted"]]
        entries += [(entry["receiver"], ("failed", entry.get("pages_accepted", 0))) for entry in data["failed"]]
        entries += [(receiver, ("unknown", 0)) for receiver in data["unknown"]]
        if sorted(receiver for receiver, _ in entries) != sorted(sending.receivers):
            self._count("lost", 1, sending, "not everybody is accounted for, or somebody twice")
        return dict(entries)

    def _resolve(self, sending: Sending, fates: list[dict[str, tuple[str, int]]]) -> None:
        """Count answers to repetitions that differ, unless the first ones sent nothing."""
        final = fates[-1]
        for earlier in fates[:-1]:
            if earlier != final and any(kind != "failed" for kind, _ in earlier.values()):
                self._count("contradictory", 1, sending, "answers to the same key")

    def _compare(self, sending: Sending, receiver: str, fate: tuple[str, int], counts: Counter[int]) -> None:
        kind, pages = fate
        self.told[kind] += 1
        if kind == "accepted" and not counts:
            self._count("lost", 1, sending, receiver)
        elif kind == "accepted" and len(counts) != max(counts):
            self._count("lost", 1, sending, f"{receiver} lacks a part")
        elif kind == "failed" and len(counts) != pages:
            self._count("denied", 1, sending, f"{receiver} has {len(counts)} parts, not {pages}")

    def _count(self, what: str, number: int, sending: Sending, who: str) -> None:
        self.told[what] += number
        if number:
            self.lies.append(f"{what}: {sending.mark} {sending.path} {who}")

    def report(self) -> str:
        names = (
            "calls",
            "sent",
            "accepted",
            "held",
            "failed",
            "unknown",
            "left",
            "duplicated",
            "lost",
            "denied",
            "contradictory",
            "formless",
        )
        return "\n".join(f"{'rejected' if name == 'failed' else name:>13} {self.told[name]:7}" for name in names)
