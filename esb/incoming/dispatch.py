"""The chain of a component, and its end: arguments become parameters, and the component handles the call."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from pydantic import TypeAdapter, ValidationError

from esb.channels.outcome import DeliveryReport
from esb.channels.recipients import Rehearsal
from esb.channels.verdict import IN_DOUBT
from esb.contracts.component import Component
from esb.contracts.middleware import Handler
from esb.core.call import ORDINARY, Call, Options
from esb.core.errors import EsbError, NoTestEnvironment, RequestError, UpstreamError
from esb.core.limits import DEFAULT_LIMITS, Limits
from esb.core.parameter_error import parameter_error
from esb.core.reasons import Reason
from esb.incoming.unknown_parameters import KnownParameters, warned, with_warnings

AT_ONCE = 2**15
"""Bytes of a body whose parameters are validated at once: within 50 milliseconds, whatever they are."""


def compose(middlewares: Sequence[Callable[[Call, Handler], Awaitable[Any]]], handler: Handler) -> Handler:
    """Return one handler for a chain; the first middleware is the outermost."""
    for middleware in reversed(middlewares):
        handler = _before(handler, middleware.__call__)
    return handler


def _before(handler: Handler, middleware: Callable[[Call, Handler], Awaitable[Any]]) -> Handler:
    return lambda call: middleware(call, handler)


class Endpoint:
    """One component, with the config that a call asks for; `test` is the component of the test environment."""

    def __init__(
        self,
        component: Component[Any, Any],
        test: Component[Any, Any] | None,
        limits: Limits = DEFAULT_LIMITS,
        *,
        keeps_answers: bool = False,
    ) -> None:
        """`keeps_answers`: those with an Idempotency-Key are kept, which is so for all components that send."""
        self._component = component
        self._test = test
        self._keeps_answers = keeps_answers or component.sends
        self._params_type = component.params_type
        # An eighth less than model_validate. Bench: send.
        validate = TypeAdapter(component.params_type).validator.validate_python
        self._params = partial(validate, context={"receivers": limits.receivers})
        self._known = KnownParameters(component.params_type) if component.sends else None

    def __call__(self, call: Call) -> Awaitable[Any]:
        component = self._component
        if call.options is not ORDINARY:
            component = self.chosen(call.options)
            call = call.asking(replace(call.options, within_sender=component.sends))
        warnings = call.record.warnings
        if self._known is not None and not self._known.cover(call.args):
            warnings = [*warnings, *self._known.warnings(call.args)]
        if component.sends and type(call.body) is bytes and len(call.body) > AT_ONCE:
            handling: Awaitable[Any] = self._validated_in_thread(component, call)
        else:
            try:
                params = self._params(call.args)
            except ValidationError as error:
                raise warned(self._wrong(error), warnings) from None  # it quotes what came in
            handling = component.handle(call, params)
        if not component.sends:
            return handling
        return _warning(handling, call, warnings) if warnings else _rendered(handling, call)

    async def _validated_in_thread(self, component: Component[Any, Any], call: Call) -> Any:
        """Handle a call whose arguments take long to validate: thousands of receivers, each by its kind."""
        try:
            params = await asyncio.to_thread(self._params, call.args)
        except ValidationError as error:
            raise self._wrong(error) from None
        return await component.handle(call, params)

    def _wrong(self, error: ValidationError) -> EsbError:
        """Return the error that tells a caller which arguments are wrong."""
        return parameter_error(error, self._params_type)

    def chosen(self, options: Options) -> Component[Any, Any]:
        """Return the component of the environment that is asked for; the error for what it cannot do."""
        component = self._component
        if options.respond_async and not component.sends:
            raise RequestError(
                "Parameters error, this component sends no messages, and so answers no call asynchronously"
            )
        if options.dry_run and not component.sends and component.has_environments:
            raise RequestError("Parameters error, this component has no dry run, and X-Dry-Run must not send for real")
        if options.idempotency_key and not self._keeps_answers and component.has_environments:
            raise RequestError(
                "Parameters error, this component keeps no answers, and so takes no Idempotency-Key: "
                "a repetition would do everything again",
                call_reason=Reason.IDEMPOTENCY_KEY,
            )
        if options.test_env and component.has_environments:
            if self._test is None:
                raise NoTestEnvironment("Error, the component does not support access third-party test environment")
            return self._test
        return component


async def _warning(handling: Awaitable[Any], call: Call, warnings: Sequence[Mapping[str, Any]]) -> Any:
    """Return a component's answer, or raise its error, with these warnings in its data."""
    try:
        return with_warnings(await _rendered(handling, call), warnings)
    except EsbError as error:
        raise warned(error, warnings) from None


async def _rendered(handling: Awaitable[Any], call: Call) -> Any:
    """Return a component's answer, its sending noted; raise what a report tells of receivers that were not reached."""
    try:
        answer = await handling
    except UpstreamError as error:
        if error.sent and error.data is None:  # the message may have left
            raise error.with_data(dict(IN_DOUBT)) from None
        raise
    if type(answer) is DeliveryReport:
        record = call.record
        record.sendings += ((call.component, answer),)
        return answer.rendered(record)
    if type(answer) is Rehearsal:
        call.record.sendings += ((call.component, answer),)
        return answer.accepted() if call.options.respond_async else answer.rendered()
    return answer
