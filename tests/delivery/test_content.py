"""The content of a delivery: a call, as one text, from which the same call is made again."""

from types import MappingProxyType

from esb.core.call import App, DeliveryRun, Impersonation, Options, Record, User
from esb.core.files import File
from esb.delivery.content import DeliveryContent, packed, unpacked
from tests.support.calls import make_call

APP = App(
    "shop",
    impersonate=("a*",),
    components=("cmsi.*", "cc.search_host"),
    settings=MappingProxyType({"signature": "s", "teams": ("a", MappingProxyType({"b": 1}))}),
    impersonations=(Impersonation("anna", "cmsi.*"),),
    opens_restricted=True,
)
RUN = DeliveryRun("1" * 32, 1.0, (), 600.0)


async def test_a_call_is_made_again_as_it_was() -> None:
    first = make_call(
        args={"receiver": "zhangsan", "data": {"n": 2**70, "$files": [None, True, "文"]}},
        path_vars={"name": "value"},
        client_ip="192.0.2.1",
        restricted=True,
        headers={"X-Bkapi-Request-Id": "0" * 32, "Blueking-Language": "zh-hans"},
        options=Options(test_env=True, idempotency_key="k", dry_run=True, respond_async=True),
        app=APP,
        user=User("anna", verified=True),
    )

    again = unpacked(packed(DeliveryContent.of(first, first.args))).call(
        "2" * 32, RUN, deadline=7.0, timeout=3.0, record=Record()
    )

    for name in ("method", "path", "component", "args", "path_vars", "client_ip", "restricted", "app", "user"):
        assert getattr(again, name) == getattr(first, name), name
    assert again.app is not None
    assert again.app.settings == APP.settings
    assert again.language == "zh-hans"
    assert again.options == Options(test_env=True, idempotency_key="k", run=RUN)
    assert (again.id, again.headers["X-Bkapi-Request-Id"], again.deadline, again.timeout) == ("2" * 32, "2" * 32, 7, 3)
    assert again.credentials.secrets == ("", "", "")


async def test_files_are_part_of_it() -> None:
    files = (File("a.png", b"\x89\x00\xff", "image/png"), File("", b""))
    content = DeliveryContent.of(make_call(), {"files": files, "none": (), "list": ["a"]})
    assert unpacked(packed(content)).args == {"files": files, "none": [], "list": ["a"]}


async def test_a_call_of_nobody_stays_one() -> None:
    again = unpacked(packed(DeliveryContent.of(make_call(), {})))
    assert (again.app, again.user) == (None, None)


async def test_it_tells_no_argument_in_its_repr() -> None:
    content = DeliveryContent.of(make_call(path_vars={"name": "s3cret"}), {"wx_qy_corpsecret": "s3cret"})
    assert "s3cret" not in repr(content)
