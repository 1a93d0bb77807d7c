"""The content of a delivery: all that its call needs to be made again, as one text, which the database seals."""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from esb.core import json_codec, json_values
from esb.core.call import App, Call, DeliveryRun, Impersonation, Options, Record, User
from esb.core.files import File
from esb.core.nobodys_call import NOBODYS
from esb.incoming.request_headers import REQUEST_ID


@dataclass(frozen=True, slots=True)
class DeliveryContent:
    """A call as it was accepted. `app` with its rights as they were then; `request_id` is that of the caller's call."""

    request_id: str
    method: str
    path: str
    component: str
    headers: Mapping[str, str]
    args: Mapping[str, Any] = field(repr=False)
    path_vars: Mapping[str, str] = field(repr=False)
    test_env: bool
    idempotency_key: str | None
    restricted: bool
    client_ip: str
    app: App | None
    user: User | None

    @classmethod
    def of(cls, call: Call, args: Mapping[str, Any]) -> "DeliveryContent":
        """Return the content of this call, with these arguments."""
        return cls(
            request_id=call.id,
            method=call.method,
            path=call.path,
            component=call.component,
            headers={str(name): value for name, value in call.headers.items() if name != REQUEST_ID},
            args=args,
            path_vars=call.path_vars,
            test_env=call.options.test_env,
            idempotency_key=call.options.idempotency_key,
            restricted=call.restricted,
            client_ip=call.client_ip,
            app=call.app,
            user=call.user,
        )

    def call(self, call_id: str, run: DeliveryRun, *, deadline: float, timeout: float, record: Record) -> Call:
        """Return the call that carries out an attempt. It has an id of its own: each attempt has its lines in the log.

        `deadline` in the event loop's time, `timeout` in seconds.
        """
        return Call(
            id=call_id,
            method=self.method,
            path=self.path,
            component=self.component,
            deadline=deadline,
            timeout=timeout,
            headers={**self.headers, REQUEST_ID: call_id},
            credentials=NOBODYS,
            args=self.args,
            path_vars=self.path_vars,
            client_ip=self.client_ip,
            restricted=self.restricted,
            options=Options(test_env=self.test_env, idempotency_key=self.idempotency_key, run=run),
            app=self.app,
            user=self.user,
            record=record,
        )


def packed(content: DeliveryContent) -> bytes:
    """Return the content as one text. TypeError or ValueError for arguments that no request can bring."""
    args, files = {}, {}
    for name, value in content.args.items():
        if isinstance(value, tuple) and value and isinstance(value[0], File):
            files[name] = [[file.name, file.content_type, b64encode(file.content).decode()] for file in value]
        else:
            args[name] = value
    app, user = content.app, content.user
    return json_codec.encode(
        {
            "request": [content.request_id, content.method, content.path, content.component, content.client_ip],
            "headers": content.headers,
            "args": args,
            "files": files,
            "path_vars": dict(content.path_vars),
            "options": [content.test_env, content.idempotency_key, content.restricted],
            "app": None if app is None else _app_fields(app),
            "user": None if user is None else [*user],
        },
        json_values.plain,
    )


def unpacked(text: bytes) -> DeliveryContent:
    """Return the content of such a text."""
    found = json_codec.decode(text)
    request_id, method, path, component, client_ip = found["request"]
    test_env, key, restricted = found["options"]
    files = {
        name: tuple(File(known_as, b64decode(content), content_type) for known_as, content_type, content in each)
        for name, each in found["files"].items()
    }
    return DeliveryContent(
        request_id=request_id,
        method=method,
        path=path,
        component=component,
        headers=found["headers"],
        args={**found["args"], **files},
        path_vars=found["path_vars"],
        test_env=test_env,
        idempotency_key=key,
        restricted=restricted,
        client_ip=client_ip,
        app=None if found["app"] is None else _app_of(found["app"]),
        user=None if found["user"] is None else User(*found["user"]),
    )


def _app_fields(app: App) -> dict[str, Any]:
    """Return what a component may read of an app, and what opens those that it calls."""
    return {
        "code": app.code,
        "impersonate": app.impersonate,
        "components": app.components,
        "verified": app.verified,
        "settings": _thawed(app.settings),
        "impersonations": app.impersonations,
        "opens_restricted": app.opens_restricted,
    }


def _app_of(found: Mapping[str, Any]) -> App:
    return App(
        code=found["code"],
        impersonate=tuple(found["impersonate"]),
        components=tuple(found["components"]),
        verified=found["verified"],
        settings=_frozen(found["settings"]),
        impersonations=tuple(Impersonation(*each) for each in found["impersonations"]),
        opens_restricted=found["opens_restricted"],
    )


def _thawed(value: Any) -> Any:
    """Return settings as JSON: their mappings are read-only."""
    if isinstance(value, Mapping):
        return {name: _thawed(each) for name, each in value.items()}
    return [_thawed(each) for each in value] if isinstance(value, list | tuple) else value


def _frozen(value: Any) -> Any:
    """Return settings as plugins know them: mappings read-only, and lists as tuples."""
    if isinstance(value, dict):
        return MappingProxyType({name: _frozen(each) for name, each in value.items()})
    return tuple(_frozen(each) for each in value) if isinstance(value, list) else value
