"""A call of a component and its answer, as documents show them."""

from typing import Any

from esb.introspect.caller_contract import AnswerEnvelope
from esb.introspect.declared import Declared
from esb.introspect.json_schema import schema_of
from esb.introspect.tables import example


def request_example(declared: Declared) -> dict[str, Any]:
    """Make parameters that the component takes, but for files."""
    made: dict[str, Any] = example(schema_of(declared.component.params_type))
    return {name: value for name, value in made.items() if name not in declared.uploads}


def answer_example(declared: Declared) -> dict[str, Any] | None:
    """Make an envelope as the component answers it; None where another system does."""
    if not declared.answers_envelope:
        return None
    data = example(schema_of(declared.component.answer_type))
    return {**example(schema_of(AnswerEnvelope)), "data": data}
