"""The error of a wrong parameter, in the words of the old ESB: which one it is, and what is wrong with it."""

from types import UnionType
from typing import get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from esb.core.errors import Message, ParameterError
from esb.core.params import REQUIRED, Label


def parameter_error(error: ValidationError, model: type[BaseModel]) -> ParameterError:
    """Report the first wrong parameter in declaration order, as "LABEL [NAME] PROBLEM"."""
    first = error.errors(include_url=False, include_input=False)[0]
    text = _problem_text(first)
    data = {"hint": Message(hint)} if (hint := text.values.get("hint")) else None
    called = _called(first["loc"], model)
    if called is None:
        return ParameterError(text.template, data, **text.values)
    label, name = called
    return ParameterError("{label} [{name}] {problem}", data, label=Message(label), name=name, problem=text)


def _problem_text(error: ErrorDetails) -> Message:
    if error["type"] == "missing":
        return Message(REQUIRED)
    if error["type"] == "esb":
        text, values = error["ctx"]["text"], error["ctx"]["values"]
    else:
        text, values = error["msg"], {}  # pydantic's own words, in English only
    return Message(text, values)


def _called(location: tuple[int | str, ...], model: type[BaseModel]) -> tuple[str, str] | None:
    """Return label and name of the innermost named parameter on the way to this location.

    None for an item of a list as a whole: what a model checks by itself says whose it is.
    """
    if location and isinstance(location[-1], int):
        return None
    named = None
    current: type[BaseModel] | None = model
    for step in location:
        if isinstance(step, int):
            continue  # an item of a list: its parameters have labels of their own
        if named is not None:
            current = _model_of(named[0])
        field = current.__pydantic_fields__.get(step) if current is not None else None
        if field is None:
            break
        named = field, step
    return None if named is None else _label(*named)


def _label(field: FieldInfo, name: str) -> tuple[str, str]:
    for item in field.metadata:
        if isinstance(item, Label):
            return item.text, item.name or name
    return field.title or name, name


def _model_of(field: FieldInfo) -> type[BaseModel] | None:
    annotation = field.annotation
    if get_origin(annotation) in (tuple, UnionType):
        annotation = get_args(annotation)[0]  # tuple[Model, ...]: a list of them; Model | None: one or none
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None
