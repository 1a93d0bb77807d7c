"""Sender: the base of a component that sends, which keeps the promises of sending for its author.

An author writes which messages a call makes, and one exchange with the vendor. Dry run, repetitions, receivers and
their fate, pace, further tries, secrets and the answer are made here.
"""

import asyncio
import hashlib
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, ClassVar, final

from esb.channels import gates
from esb.channels.answer_schema import Delivered, Previewed
from esb.channels.config_secrets import secrets_of, without_secrets
from esb.channels.course import Course, fate
from esb.channels.delivery_run import part_of, repetition_id, still_open
from esb.channels.draft import Draft, Rejected, Sent
from esb.channels.outcome import DeliveryOutcome, DeliveryReport, PlainWording
from esb.channels.pacing import SENDING_SECONDS
from esb.channels.recipients import Audience, Rehearsal, addressed, looked_up, require_somebody, united
from esb.channels.sending import SendingResult
from esb.channels.vendor_limits import Limits, Pacer
from esb.contracts.component import Component, ParamsT
from esb.contracts.explain import Decision, Question, allowed, not_known_here
from esb.contracts.lifecycle import ConfigT
from esb.contracts.services import Contact, Services
from esb.core.call import Call
from esb.core.errors import Message, ParameterError, template

FAILED = template("Message sending failed, {errmsg}")
FAILED_FOR_SOME = template("Some receivers did not get the message, {errmsg}")
SOME_USERS = template("Some users failed to receive the message. {complaint}")


class Sender(Component[ConfigT, ParamsT]):
    """The base of a component that sends: a subclass has `messages` and `deliver`, and may set `limits`.

    `deliver` is called for one message at a time, and again only where the vendor provably did nothing.
    """

    sends = True
    answer_type = Delivered | Previewed
    limits: ClassVar[Limits] = Limits()

    def __init__(self, config: ConfigT, services: Services) -> None:
        super().__init__(config, services)
        self._secrets = secrets_of(config)
        secret = "\n".join((type(self).__qualname__, *(self._secrets or (config.model_dump_json(),))))
        self._pacer = Pacer(services, self.limits, hashlib.sha256(secret.encode()).hexdigest()[:32])

    @abstractmethod
    def messages(self, call: Call, params: ParamsT) -> Iterable[Draft]:
        """Return the messages of a call, in their order. It asks nobody, and sends nothing: a dry run calls it too.

        Those with a receiver in common go one after another, and who missed one gets none of the later ones; others
        may go at the same time. Raise ParameterError for what cannot be sent.
        """

    @abstractmethod
    async def deliver(self, call: Call, message: Draft) -> Sent | None:
        """Send a message to its `receivers`, users among them by their addresses: one exchange with the vendor.

        Return None if the vendor took it for all of them; else Sent, or raise Rejected. Let the errors of
        `self.services.http` pass: they tell whether the message may have left.
        """

    def address(self, contact: Contact) -> str:
        """Return the address of a user, "" if this one cannot be reached. By default that of mail."""
        return contact.email

    @final
    async def handle(self, call: Call, params: ParamsT) -> SendingResult:
        """Send the messages of a call and return the report; in a dry run, return what would have been sent."""
        drafts = [*self.messages(call, params)]
        for draft in drafts:
            if not isinstance(draft, Draft):
                raise TypeError(f"messages(call, params) returns Drafts, not {type(draft).__name__}")
            self.limits.check(draft)
        audience, drafts = await self._addressed(call, drafts)
        if call.options.dry_run:
            hidden = self._secrets
            return Rehearsal(
                audience,
                [(draft.receivers, *without_secrets((draft.endpoint, draft.body), hidden)) for draft in drafts],
            )
        sent_before, call.record.sent = call.record.sent, True  # until it is known: a bug on the way is in doubt
        course = Course(call, drafts, self.deliver, self._pacer, self.limits, self.services.clock, self._secrets)
        try:
            outcome = await course.run()
        except asyncio.CancelledError:
            if call.seconds_left > 0:
                raise
            outcome = course.cut_off()
        call.record.sent = sent_before or bool(outcome.accepted or outcome.unknown)
        return DeliveryReport(audience, outcome, WORDING)

    async def explain(self, question: Question) -> Decision:
        """Return what the vendor's penalty does with a message, and how many are left in this minute."""
        if not question.live:
            return not_known_here(gates.NOT_LIVE)
        try:
            await self._pacer.pass_gate()
        except Rejected as rejected:
            return self._held_back(question, rejected)
        left = await self._pacer.left()
        told = () if left is None else (f"in this minute {gates.told_left(left, self.limits.per_minute)}",)
        return allowed("; ".join([gates.GATE_OPEN, *told]))

    def _held_back(self, question: Question, rejected: Rejected) -> Decision:
        wait = rejected.retry_after or 0.0
        why = f"the gate is closed by a penalty, because of errcode {rejected.errcode}: {rejected.errmsg}"
        if wait < question.call.timeout - SENDING_SECONDS:
            return allowed(f"{why}; a message waits for it", until=question.at + wait)
        receivers = tuple(question.receivers) or (gates.SOMEBODY,)
        outcome = DeliveryOutcome(failed=fate(receivers, rejected, self.limits))
        return gates.shut(DeliveryReport(addressed(receivers), outcome, WORDING), why, question.at + wait)

    async def _addressed(self, call: Call, drafts: Sequence[Draft]) -> tuple[Audience, list[Draft]]:
        """Return for whom the messages are, and those that are for anybody, with each receiver once."""
        audience = addressed([*dict.fromkeys(receiver for draft in drafts for receiver in draft.receivers)])
        users = [*dict.fromkeys(user for draft in drafts for user in draft.users)]
        places: dict[str, str] = {}
        if users:
            found = await looked_up(self.services.users, call, users, self.address)
            places = {name: address for address, names in found.typed.items() for name in names}
            audience = united(audience, found)
            require_somebody(audience)
        if not audience.typed:
            raise ParameterError("There is nobody to send the message to.")
        audience, known_as = still_open(call, audience), repetition_id(call)
        complete = []
        for number, draft in enumerate(drafts):
            looked = (places[user] for user in draft.users if user in places)
            receivers = [each for each in dict.fromkeys((*draft.receivers, *looked)) if each in audience.typed]
            for part in self.limits.parts(receivers):
                complete.append(replace(draft, receivers=part, users=(), id=part_of(known_as, str(number), *part)))
        return audience, complete


def _failed(audience: Audience, outcome: DeliveryOutcome) -> Message:
    reason: Any = next((failure.errmsg for failure in outcome.failed if failure.errmsg), "")
    words = FAILED_FOR_SOME if outcome.accepted else FAILED
    return Message(words, {"errmsg": reason})


WORDING = PlainWording(_failed, SOME_USERS)
"""The words for what did not reach everybody."""
