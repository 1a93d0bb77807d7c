"""Parameters as forms and queries say them: a name several times, a file, and a query beside a body."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from esb.core.call import Record
from esb.core.credential_names import CREDENTIALS
from esb.core.errors import BadBody, Message
from esb.core.files import upload_names
from esb.incoming.body import Fields
from esb.incoming.parameter_warnings import LONGEST_NAME, MOST_NAMED, SEVERAL_VALUES, warning

Warnings = list[dict[str, Any]]


class FormParameters:
    """The parameters of one component, as far as forms and queries are concerned.

    `reads_request`: it passes query and files on; of any other, nobody would ever see them.
    """

    def __init__(self, model: type[BaseModel], *, reads_request: bool) -> None:
        self.reads_request = reads_request
        self._uploads = upload_names(model)
        self._any = not model.model_fields  # it reads the arguments itself
        self._lists = frozenset(name for name, field in model.model_fields.items() if _is_list(field.annotation))

    def settled(
        self, args: Mapping[str, Any], beside: Mapping[str, str], method: str, record: Record
    ) -> Mapping[str, Any]:
        """Return the parameters: as lists those that are repeated and may be one, as tuples the files.

        Note what may be meant otherwise. `beside` is the query that stands beside a body. RequestError for a file that
        nobody would see.
        """
        warnings: Warnings = []
        if type(args) is Fields:
            args, warnings = self._listed(args)
        if beside and not self.reads_request:
            unread = [name[:LONGEST_NAME] for name in beside if name not in CREDENTIALS]
            warnings += [warning(name, _beside(method)) for name in unread[:MOST_NAMED]]
        if warnings:
            record.warnings = [*record.warnings, *warnings]
        return args

    def _listed(self, args: Fields) -> tuple[Fields, Warnings]:
        if args.files:
            self._check_files(args.files)
        if not args.repeated and not self._uploads:
            return args, []
        lists = args.repeated.keys() if self._any else args.repeated.keys() & self._lists
        several = Message(SEVERAL_VALUES)
        warnings = [warning(name[:LONGEST_NAME], several) for name in args.repeated if name not in lists]
        listed = args.without(())
        listed.update((name, args.repeated[name]) for name in lists)
        if self._uploads:
            listed.update(args.files)
        return listed, warnings[:MOST_NAMED]

    def _check_files(self, names: Iterable[str]) -> None:
        """Raise the RequestError for a file under a name that the component does not know."""
        unknown = next((name for name in names if name not in self._uploads), None)
        if unknown is None or (self.reads_request and not self._uploads):
            return
        if self._uploads:
            raise BadBody(
                "Parameters error, this component takes no file in [{name}], it takes files in: {names}",
                name=unknown[:LONGEST_NAME],
                names=", ".join(sorted(self._uploads)),
            )
        raise BadBody(
            "Parameters error, this component takes no files, and the multipart form has one in [{name}]: "
            "please send its content in a parameter, as the component's document says",
            name=unknown[:LONGEST_NAME],
        )


def _beside(method: str) -> Message:
    return Message(
        "it was not read: the parameters of {method} stand in the body, not in the query", {"method": method}
    )


def _is_list(annotation: Any) -> bool:
    """Return True if a parameter of this type may be a list."""
    origin = get_origin(annotation) or annotation
    if isinstance(origin, type) and issubclass(origin, Collection):
        return not issubclass(origin, str | bytes | Mapping)
    return any(map(_is_list, get_args(annotation)))
