"""Events counted, and what Prometheus reads of them."""

import asyncio
import multiprocessing
import pickle
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web

from esb.core.delivery_ages import DeliveryAges, oldest_of
from esb.core.delivery_events import CallbackTried, LedgerDropped, ReceiptsTaken
from esb.core.events import (
    AuthenticationLimited,
    CallFinished,
    Crashed,
    Event,
    GateClosed,
    Reloaded,
    StoreTurned,
    TokenFetched,
    UpstreamFinished,
    WorkerEnded,
)
from esb.core.process_events import DatabaseTurned, KeysUnprotected, UseDropped
from esb.telemetry import metrics, prometheus
from esb.telemetry.families import BUCKETS, CLASSES, CODES, FAMILIES, FETCHES, OUTCOMES
from esb.telemetry.metrics import MOST_LABELS, Snapshot, Tally, joined
from esb.telemetry.prometheus import State
from tests.support.configuration import DEMO, OFFICIAL_ACCOUNT, OPENID, WECOM
from tests.support.gateway import Gateway, OpenGateway, OpenServer, Sandbox
from tests.support.processes.deployment import samples, watched
from tests.support.wire import until

ID = "0" * 32
NOW = 1_800_000_000.0
STATE = State(ready=True, in_flight=3, generation=7, connections=9, heads=4, bodies=2, buffered=1000, apps_age=0.5)
Key = tuple[str, frozenset[tuple[str, str]]]


def call(
    code: int | str = 0, source: str = "", seconds: float = 0.004, status: int = 200, **names: str
) -> CallFinished:
    system, component = names.get("system", "cmsi"), names.get("component", "send_weixin")
    return CallFinished(
        ID, "POST", "/a/b/", system, component, "app", "user", "", code, status, seconds, "10.0.0.1", source
    )


def upstream(kind: str = "ok", interface: str = "send_message", seconds: float = 0.02) -> UpstreamFinished:
    return UpstreamFinished(ID, "weixin_qy", interface, 200, 0, "", seconds, kind)


def tally(*events: Event, now: float = NOW) -> Tally:
    made = Tally(lambda: now)
    for event in events:
        made(event)
    return made


def read(snapshot: Snapshot, state: State = STATE) -> dict[Key, float]:
    return samples(prometheus.written(snapshot, state, "")[0].decode())


def value(found: dict[Key, float], name: str, **labels: str) -> float:
    """The sum of all samples of this name that have these labels. `class_` stands for class."""
    wanted = {(key.rstrip("_"), text) for key, text in labels.items()}
    return sum(number for (sample, has), number in found.items() if sample == name and wanted <= has)


# What is counted


def test_dropped_lines_of_the_log_are_counted_while_nobody_reads_it() -> None:
    counted = read(joined([Tally(lines_dropped=lambda: 7).snapshot(), Tally(lines_dropped=lambda: 3).snapshot()]))
    assert value(counted, "esb_log_lines_dropped_total") == 10
    assert value(read(tally().snapshot()), "esb_log_lines_dropped_total") == 0


@pytest.mark.parametrize(
    ("event", "outcome", "source"),
    [
        (call(), "ok", "none"),
        (call(1306201, "upstream"), "1306201", "upstream"),
        (call(1306000, "caller"), "1306000", "caller"),
        (call(1306000, "gateway", status=503), "1306000", "gateway"),
        (call(1306000, "caller", status=0), "cut", "caller"),
        (call(99, "upstream"), "other", "upstream"),
        (call("E17", "upstream"), "other", "upstream"),
        (call("00", ""), "ok", "none"),
    ],
)
def test_a_call_is_counted_by_what_came_of_it(event: CallFinished, outcome: str, source: str) -> None:
    found = read(tally(event).snapshot())
    labels = {"system": "cmsi", "component": "send_weixin"}
    assert value(found, "esb_calls_total", outcome=outcome, source=source, **labels) == 1
    assert value(found, "esb_calls_total") == 1
    assert value(found, "esb_call_duration_seconds_count", **labels) == 1


def test_a_code_of_a_strange_type_counts_too() -> None:
    strange: Any = {"not": "a code"}
    assert value(read(tally(call(strange, "upstream")).snapshot()), "esb_calls_total", outcome="other") == 1


def test_all_paths_that_nobody_declared_are_one() -> None:
    found = read(tally(*(call(1306404, "caller", system="", component="") for _ in range(3))).snapshot())
    assert value(found, "esb_calls_total", system="unknown", component="unknown", outcome="1306404") == 3


def test_durations_fall_into_buckets() -> None:
    found = read(tally(call(seconds=0.0005), call(seconds=0.001), call(seconds=0.3), call(seconds=31)).snapshot())
    name = "esb_call_duration_seconds_bucket"
    counted = {bound: value(found, name, le=str(bound)) for bound in BUCKETS}
    assert counted == {bound: 2 if bound < 0.5 else 3 for bound in BUCKETS}
    assert value(found, name, le="+Inf") == 4
    assert value(found, "esb_call_duration_seconds_sum") == pytest.approx(31.3015)


def test_upstream_calls_tokens_reloads_and_crashes_are_counted() -> None:
    events: list[Event] = [
        upstream("quota"),
        upstream("quota"),
        upstream("network", "get_token"),
        TokenFetched("qy", "ww1", "fetched", 0.1),
        TokenFetched("qy", "ww2", "refused", 0.1),
        Reloaded(2, (), 0.1),
        Reloaded(2, ("esb.yaml:1: port: wrong",), 0.1),
        Crashed(ID, "/a/", "KeyError", ()),
    ]
    found = read(tally(*events).snapshot())
    upstreams = {"system": "weixin_qy", "interface": "send_message"}
    assert value(found, "esb_upstream_calls_total", class_="quota", **upstreams) == 2
    assert value(found, "esb_upstream_calls_total", class_="network", interface="get_token") == 1
    assert value(found, "esb_upstream_duration_seconds_count", **upstreams) == 2
    assert value(found, "esb_token_fetches_total", platform="qy", outcome="fetched") == 1
    assert value(found, "esb_token_fetches_total", platform="qy", outcome="refused") == 1
    assert value(found, "esb_reloads_total", outcome="ok") == 1
    assert value(found, "esb_reloads_total", outcome="refused") == 1
    assert value(found, "esb_crashes_total") == 1


def test_a_series_stands_at_0_before_its_first_event() -> None:
    state = replace(STATE, components=[("cmsi", "send_weixin"), ("cc", "search")])
    found = read(tally(upstream(), TokenFetched("qy", "ww1", "fetched", 0.1)).snapshot(), state)
    for system, component in state.components:
        for outcome, source in OUTCOMES:
            labels = {"system": system, "component": component, "outcome": outcome, "source": source}
            assert found["esb_calls_total", frozenset(labels.items())] == 0
    classes = {"system": "weixin_qy", "interface": "send_message"}.items()
    assert {kind: found["esb_upstream_calls_total", frozenset({*classes, ("class", kind)})] for kind in CLASSES} == {
        kind: kind == "ok" for kind in CLASSES
    }
    outcomes = {each: value(found, "esb_token_fetches_total", platform="qy", outcome=each) for each in FETCHES}
    assert outcomes == {"fetched": 1, "same": 0, "refused": 0, "failed": 0}


def test_the_outcomes_that_stand_at_0_are_those_that_calls_can_have() -> None:
    assert {("ok", "none"), ("1306201", "upstream"), ("1306429", "gateway"), ("1306403", "caller")} <= set(OUTCOMES)
    assert not {outcome for outcome, _ in OUTCOMES} - {"ok", *map(str, CODES)}


def test_calls_of_an_app_are_counted_once_it_has_proven_to_be_it() -> None:
    mine, theirs = call(), replace(call(1306403, "caller"), app="other app")
    found = read(tally(mine, mine, theirs, replace(theirs, app="")).snapshot())
    counted = {key: number for key, number in found.items() if key[0] == "esb_app_calls_total"}
    assert {(dict(labels)["app"], dict(labels)["result"]): number for (_, labels), number in counted.items()} == {
        ("app", "ok"): 2,
        ("app", "failed"): 0,
        ("other app", "ok"): 0,
        ("other app", "failed"): 1,
    }


def test_the_use_of_each_secret_is_counted_by_its_number() -> None:
    first, second = (replace(call(), secret_number=number) for number in (1, 2))
    found = read(tally(first, first, second, call(), replace(first, app="")).snapshot())
    assert value(found, "esb_secret_uses_total", app="app", secret="1") == 2
    assert value(found, "esb_secret_uses_total", app="app", secret="2") == 1
    assert value(found, "esb_secret_uses_total") == 3


def test_the_configuration_is_told_by_its_hash() -> None:
    assert read(Snapshot(), replace(STATE, hash="abc"))["esb_config_hash", frozenset({("hash", "abc")})] == 1


def test_workers_that_end_are_counted_from_0_on() -> None:
    assert value(read(tally().snapshot()), "esb_worker_restarts_total", reason="stuck") == 0
    found = read(tally(WorkerEnded(1, 3.0), WorkerEnded(-9, 70.0, stuck=True), WorkerEnded(1, 0.1)).snapshot())
    assert value(found, "esb_worker_restarts_total", reason="ended") == 2
    assert value(found, "esb_worker_restarts_total", reason="stuck") == 1


def test_a_refused_reload_is_seen_until_one_succeeds() -> None:
    refused, done = Reloaded(1, ("esb.yaml:1: port: wrong",), 0.1), Reloaded(2, (), 0.1)
    name = "esb_config_last_reload_successful"
    assert read(tally().snapshot())[name, frozenset()] == 1
    counted = tally(done, refused).snapshot()
    assert read(joined([Snapshot(), counted, Snapshot()]))[name, frozenset()] == 0, "among many processes, too"
    assert read(tally(refused, done).snapshot())[name, frozenset()] == 1


def test_addresses_that_fail_too_often_are_counted() -> None:
    assert value(read(tally().snapshot()), "esb_authentications_limited_total") == 0
    limited = AuthenticationLimited("198.51.100.1", "app", 60.0)
    assert value(read(tally(limited, limited).snapshot()), "esb_authentications_limited_total") == 2


def test_calls_that_are_not_recorded_as_use_are_counted() -> None:
    assert value(read(tally().snapshot()), "esb_use_dropped_total") == 0
    assert value(read(tally(UseDropped(3), UseDropped(4)).snapshot()), "esb_use_dropped_total") == 7


def test_unprotected_keys_are_counted_by_their_reason() -> None:
    assert value(read(tally().snapshot()), "esb_idempotency_keys_unprotected_total", reason="full") == 0
    counts = read(tally(KeysUnprotected("away", 3), KeysUnprotected("away", 4)).snapshot())
    assert value(counts, "esb_idempotency_keys_unprotected_total", reason="away") == 7


def test_calls_that_are_not_recorded_in_the_ledger_are_counted() -> None:
    assert value(read(tally().snapshot()), "esb_ledger_dropped_total") == 0
    assert value(read(tally(LedgerDropped(3), LedgerDropped(4)).snapshot()), "esb_ledger_dropped_total") == 7


def test_callbacks_are_counted_by_how_they_ended() -> None:
    assert value(read(tally().snapshot()), "esb_callbacks_total", outcome="given up") == 0
    told = CallbackTried("shop", "done", "1", "delivery.done", "told", 1, "")
    assert value(read(tally(told, told).snapshot()), "esb_callbacks_total", outcome="told") == 2


def test_receipts_are_counted_by_their_outcome() -> None:
    taken = ReceiptsTaken("cmsi.send_weixin", "delivered", 3)
    found = read(tally(taken, taken, ReceiptsTaken("cmsi.send_weixin", "refused", 1)).snapshot())
    assert value(found, "esb_receipts_total", component="cmsi.send_weixin", outcome="delivered") == 6
    assert value(found, "esb_receipts_total", component="cmsi.send_weixin", outcome="refused") == 1


def test_a_gate_is_closed_until_its_time_is_over() -> None:
    now = time.time()
    events = [
        GateClosed("mp", "wx1", 45009, 60),
        GateClosed("mp", "wx1", 45009, 90),
        GateClosed("qy", "ww1", 45009, 60),
    ]
    found = read(tally(*events, now=now).snapshot())
    assert value(found, "esb_quota_gate_closings_total", platform="mp") == 2
    assert value(found, "esb_quota_gates_closed", platform="mp") == 1
    assert value(found, "esb_quota_gates_closed", platform="qy") == 1
    found = read(tally(*events, now=now - 61).snapshot())
    assert value(found, "esb_quota_gates_closed", platform="mp") == 1
    assert value(found, "esb_quota_gates_closed", platform="qy") == 0
    assert ("esb_quota_gates_closed", frozenset({("platform", "qy")})) in found


def test_gates_that_are_open_again_are_forgotten() -> None:
    now = NOW
    counting = Tally(lambda: now)
    for number in range(5):
        counting(GateClosed("qy", f"ww{number}", 45009, 60))
        now += 61
    assert list(counting.snapshot().gates) == [("qy", "ww4")]


def test_a_store_that_is_away_is_told_until_it_is_back() -> None:
    away, back = StoreTurned("the connection was refused"), StoreTurned("")
    assert value(read(tally().snapshot()), "esb_store_away") == 0
    assert value(read(tally(away, away).snapshot()), "esb_store_away") == 1
    assert value(read(tally(away, back).snapshot()), "esb_store_away") == 0
    assert value(read(joined([tally(away).snapshot()] * 2)), "esb_store_away") == 2


def test_a_database_that_is_away_is_told_until_it_is_back() -> None:
    away, back = DatabaseTurned("the database refuses connections"), DatabaseTurned("")
    assert value(read(tally().snapshot()), "esb_database_away") == 0
    assert value(read(tally(away, away).snapshot()), "esb_database_away") == 1
    assert value(read(tally(away, back).snapshot()), "esb_database_away") == 0
    assert value(read(joined([tally(away).snapshot()] * 2)), "esb_database_away") == 2


def test_the_age_of_the_apps_is_told_where_they_lie_in_a_database() -> None:
    name = "esb_apps_snapshot_age_seconds"
    assert value(read(tally().snapshot()), name) == 0.5
    assert (name, frozenset()) not in read(tally().snapshot(), replace(STATE, apps_age=None))


def test_the_ages_of_deliveries_are_told_of_the_process_that_sees_the_oldest() -> None:
    names = ("esb_delivery_oldest_due_seconds", "esb_callback_oldest_due_seconds", "esb_retention_overdue_seconds")
    ages = oldest_of([DeliveryAges(3.0, 4.0, 5.0, 0.0, 7.0), None, DeliveryAges(1.0, 9.0, 0.0, 6.0, 0.0)])
    found = read(tally().snapshot(), replace(STATE, ages=ages))
    assert [value(found, name) for name in names] == [3, 9, 7]
    assert [value(found, "esb_delivery_hold_age_seconds", by=by) for by in ("gateway", "operator")] == [5, 6]
    assert oldest_of([None, None]) is None
    assert not [name for name, _ in read(tally().snapshot()) if name in names]


def test_the_moment_is_told_besides() -> None:
    found = read(tally().snapshot())
    assert value(found, "esb_calls_in_flight") == 3
    assert value(found, "esb_ready") == 1
    assert value(found, "esb_config_generation") == 7
    assert value(found, "esb_build_info") == 1
    assert value(found, "esb_connections") == 9
    assert value(found, "esb_heads_arriving") == 4
    assert value(found, "esb_bodies_arriving") == 2
    assert value(found, "esb_buffered_bytes") == 1000
    for name, labels in (("esb_crashes_total", {}), ("esb_reloads_total", {"outcome": "refused"})):
        assert found[(name, frozenset(labels.items()))] == 0


def test_a_family_that_gets_too_many_labels_counts_the_rest_as_others() -> None:
    counting = tally(*(upstream(interface=f"user {number}") for number in range(MOST_LABELS + 10)))
    snapshot = counting.snapshot()
    assert len(snapshot.counts["esb_upstream_calls_total"]) == MOST_LABELS + 1
    assert len(snapshot.timings["esb_upstream_duration_seconds"]) == MOST_LABELS + 1
    assert snapshot.counts["esb_upstream_calls_total"][("other", "other", "other")] == 10
    counting(upstream(interface="user 1"))
    assert sum(counting.snapshot().counts["esb_upstream_calls_total"].values()) == MOST_LABELS + 11


# Several processes


def busy(number: int) -> Snapshot:
    return tally(*(call(), upstream(), GateClosed("mp", f"wx{number}", 45009, 60 * number)) * number).snapshot()


def _report(pipe: Any, number: int) -> None:
    pipe.send(busy(number))


def test_what_several_processes_counted_is_added_up() -> None:
    context = multiprocessing.get_context("spawn")
    pipes = [context.Pipe(duplex=False) for _ in range(2)]
    processes = [
        context.Process(target=_report, args=(theirs, number)) for number, (_, theirs) in enumerate(pipes, start=1)
    ]
    for process in processes:
        process.start()
    received = [ours.recv() for ours, _ in pipes]
    for process in processes:
        process.join()
    assert received == [busy(1), busy(2)]
    assert joined(received) == joined(reversed(received))
    total = joined(received)
    assert total.counts == tally(*(call(), upstream(), GateClosed("mp", "", 1, 1)) * 3).snapshot().counts
    assert value(read(total), "esb_call_duration_seconds_count") == 3
    assert value(read(total), "esb_call_duration_seconds_sum") == pytest.approx(0.012)
    assert dict(total.gates) == {("mp", "wx1"): NOW + 60, ("mp", "wx2"): NOW + 120}


def test_nothing_is_added_up_to_nothing() -> None:
    assert joined([]) == Snapshot()


def test_a_snapshot_is_a_copy_that_can_be_sent() -> None:
    counting = tally(call())
    before = counting.snapshot()
    counting(call())
    assert before == tally(call()).snapshot()
    assert pickle.loads(pickle.dumps(before)) == before  # noqa: S301 - our own bytes


def test_refusals_of_several_processes_are_added_up_by_reason() -> None:
    found = read(joined([tally().snapshot({"files": 1, "heads": 0}), tally().snapshot({"files": 2, "heads": 0})]))
    assert value(found, "esb_refusals_total", reason="files") == 3
    assert found["esb_refusals_total", frozenset({("reason", "heads")})] == 0


# The form


def test_every_family_is_told_with_exactly_its_labels() -> None:
    events: list[Event] = [
        replace(call(), secret_number=1),
        upstream(),
        TokenFetched("qy", "ww1", "fetched", 0.1),
        GateClosed("mp", "wx1", 1, 60),
        ReceiptsTaken("cmsi.send_weixin", "delivered", 1),
    ]
    state = replace(STATE, ages=DeliveryAges(1.0, 1.0, 1.0, 1.0, 1.0))
    text = prometheus.written(tally(*events, Reloaded(2, (), 0.1)).snapshot({"files": 1}), state, "")[0].decode()
    told: dict[str, set[str]] = {}
    for name, labels in samples(text):
        told.setdefault(name, set()).update(label for label, _ in labels)
    for family in FAMILIES:
        names = [f"{family.name}_{part}" for part in ("bucket", "count", "sum")]
        for name in names if family.kind == "histogram" else [family.name]:
            bound = {"le"} if name.endswith("_bucket") else set()
            assert told.pop(name) == set(family.labels) | bound
        assert f"# TYPE {family.name} {family.kind}" in text
    assert told == {}


def test_names_follow_the_conventions_of_prometheus() -> None:
    for family in FAMILIES:
        assert re.fullmatch(r"esb(_[a-z]+)+", family.name)
        assert family.name.endswith("_total") == (family.kind == "counter")
        assert family.name.endswith("_seconds") or family.kind != "histogram"
        assert family.text.endswith(".")


def test_open_metrics_is_spoken_to_who_asks_for_it() -> None:
    body, content_type = prometheus.written(
        tally(call()).snapshot(), STATE, "application/openmetrics-text; version=1.0.0"
    )
    assert content_type.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")
    assert prometheus.written(Snapshot(), STATE, "text/html")[1].startswith("text/plain")


def test_the_library_has_nothing_of_ours_in_its_registry() -> None:
    script = (
        "from esb.telemetry import metrics, prometheus;"
        "prometheus.written(metrics.Snapshot(), prometheus.State(True, 0, 1), '');"
        "from prometheus_client import REGISTRY;"
        "print([family.name for family in REGISTRY.collect() if family.name.startswith('esb')])"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_who_has_no_admin_listener_does_not_load_the_library() -> None:
    script = (
        "import sys, esb.cli.main, esb.cli.serve, esb.server.serve;"
        "print([name for name in sys.modules if name.startswith(('prometheus', 'opentelemetry', 'esb.server.admin'))])"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"


# Over HTTP


@pytest.fixture
async def scrape(gateway: Gateway) -> Any:
    """The samples made of a gateway's events."""
    return lambda: read(tally(*gateway.events, now=time.time()).snapshot())


async def test_sends_are_counted(gateway: Gateway, scrape: Any) -> None:
    for _ in range(3):
        assert (await gateway.send())["result"]
    found = scrape()
    assert value(found, "esb_calls_total", system="cmsi", component="send_weixin", outcome="ok", source="none") == 3
    assert value(found, "esb_upstream_calls_total", system="weixin_qy", interface="send_message", class_="ok") == 3
    assert value(found, "esb_upstream_calls_total", system="weixin_qy", interface="get_token", class_="ok") == 1
    assert value(found, "esb_token_fetches_total", platform="qy", outcome="fetched") == 1


@pytest.mark.parametrize(
    ("errcode", "kind"),
    [(45009, "quota"), (60020, "config"), (81013, "receiver"), (44004, "message"), (-987654, "unknown")],
)
async def test_wechats_refusals_are_counted_by_class(
    gateway: Gateway, sandbox: Sandbox, scrape: Any, errcode: int, kind: str
) -> None:
    action = {"errcode": errcode, "errmsg": "no"}
    await sandbox.post("faults", {"match": {"path": "/cgi-bin/message/send"}, "action": action, "times": 0})
    assert not (await gateway.send())["result"]
    found = scrape()
    assert value(found, "esb_upstream_calls_total", interface="send_message", class_=kind) == 1
    assert value(found, "esb_calls_total", component="send_weixin", source="upstream") == 1
    for name in ("esb_quota_gates_closed", "esb_quota_gate_closings_total"):
        assert value(found, name, platform="qy") == (kind == "quota")


@pytest.mark.parametrize(
    ("fault", "kind"),
    [({"status": 502}, "http"), ({"body": "<html>"}, "http"), ({"reset": "head"}, "network")],
)
async def test_upstreams_that_do_not_answer_are_counted_by_class(
    gateway: Gateway, sandbox: Sandbox, scrape: Any, fault: dict[str, Any], kind: str
) -> None:
    await sandbox.post("faults", {"match": {"path": "/cgi-bin/message/send"}, "action": fault, "times": 0})
    assert (await gateway.send())["code"] == 1306201
    found = scrape()
    assert value(found, "esb_upstream_calls_total", interface="send_message", class_=kind) >= 1
    assert value(found, "esb_upstream_calls_total", interface="send_message", class_="ok") == 0
    assert value(found, "esb_calls_total", outcome="1306201", source="upstream") == 1


async def test_a_dead_token_is_a_class_of_its_own(gateway: Gateway, sandbox: Sandbox, scrape: Any) -> None:
    await gateway.send()
    await sandbox.post("tokens/expire")
    assert (await gateway.send())["result"]
    found = scrape()
    assert value(found, "esb_upstream_calls_total", interface="send_message", class_="token") == 1
    assert value(found, "esb_token_fetches_total", outcome="fetched") == 2


async def test_an_official_account_has_names_of_its_own(open_gateway: OpenGateway, sandbox: Sandbox) -> None:
    gateway = await open_gateway(OFFICIAL_ACCOUNT, sandbox_url=sandbox.url)
    assert (await gateway.send(OPENID))["result"]
    found = read(tally(*gateway.events).snapshot())
    assert value(found, "esb_upstream_calls_total", system="weixin_mp", interface="send_msg_with_tpl", class_="ok") == 1
    assert value(found, "esb_upstream_calls_total", system="weixin_mp", interface="get_token", class_="ok") == 1


async def test_callers_mistakes_are_told_from_the_gateways(gateway: Gateway, scrape: Any) -> None:
    await gateway.call(auth={})
    await gateway.call(receiver="zhangsan")
    await gateway.post(b"{")
    await gateway.request("GET", "/api/c/compapi/cmsi/nothing/")
    await gateway.request("PROPFIND", "/whatever/the/caller/likes/")
    found = scrape()
    assert value(found, "esb_calls_total", source="caller") == 5
    assert value(found, "esb_calls_total") == 5
    assert value(found, "esb_calls_total", system="unknown", component="unknown", outcome="1306404") == 2
    assert not any("whatever" in text or "PROPFIND" in text for _, labels in found for _, text in labels)


async def test_a_plugin_that_crashes_is_the_gateways(open_gateway: OpenGateway) -> None:
    stanza = '  - {path: /test/crash/, use: "tests.support.components:Crash"}\n'
    gateway = await open_gateway(stanza, more="middlewares: []\n")
    await gateway.post(DEMO, "test/crash")
    found = read(tally(*gateway.events).snapshot())
    assert value(found, "esb_calls_total", component="crash", outcome="1306000", source="gateway") == 1
    assert value(found, "esb_crashes_total") == 1


async def test_calls_in_flight_are_told_while_they_are(
    tmp_path: Path, http: ClientSession, open_server: OpenServer
) -> None:
    go_on = asyncio.Event()

    async def wait(request: web.Request) -> web.Response:
        await go_on.wait()
        return web.json_response({})

    app = web.Application()
    app.router.add_get("/", wait)
    upstream = await open_server(app)
    stanza = f'  - {{path: /test/relay/, use: "tests.support.components:Relay", config: {{url: "{upstream}/"}}}}\n'
    async with watched(tmp_path, http, stanza, more="middlewares: []\n") as deployment:
        url = f"{deployment.deployment.url}/api/c/compapi/test/relay/"
        calls = [asyncio.create_task(http.post(url)) for _ in range(4)]
        await until(lambda: len(deployment.deployment.gateway.ingress.in_flight) == 4)
        assert value(await deployment.samples(), "esb_calls_in_flight") == 4
        go_on.set()
        await asyncio.gather(*calls)
        found = await deployment.samples()
        assert value(found, "esb_calls_in_flight") == 0
        assert value(found, "esb_calls_total", component="relay", outcome="ok") == 4


async def test_metrics_are_scraped_from_a_deployment(tmp_path: Path, http: ClientSession) -> None:
    async with watched(tmp_path, http, WECOM) as deployment:
        assert (await deployment.send())["result"]
        found = await deployment.samples()
    assert value(found, "esb_calls_total", component="send_weixin", outcome="ok") == 1
    assert value(found, "esb_upstream_calls_total", interface="send_message", class_="ok") == 1
    assert value(found, "esb_ready") == 1
    assert value(found, "esb_config_generation") == 1


# What it costs


def test_counting_costs_a_fraction_of_a_call() -> None:
    """A send takes some 600 thousand instructions. Python's function calls are the measure, as no clock is steady."""
    counting = tally(call(), upstream())
    events = (call(), upstream())
    calls = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        for event in events:
            counting(event)
    finally:
        sys.setprofile(None)
    assert calls < 20, metrics.__name__
