"""The dashboard and the alerts: every expression can be parsed, and uses metrics and labels that there are."""

import json
import re
from collections.abc import Iterator
from typing import Any

import promql_parser as promql
import pytest
import yaml

from esb.telemetry.families import CLASSES, CODES, FAMILIES, FETCHES, Family
from tests.support.repository import ROOT

DEPLOY = ROOT / "deploy"
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "esb.json").read_text())
ALERTS: dict[str, Any] = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())
RULES: list[dict[str, Any]] = [rule for group in ALERTS["groups"] for rule in group["rules"]]
PANELS: list[dict[str, Any]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
TARGETS: list[dict[str, Any]] = [target for panel in PANELS for target in panel["targets"]]
DOCUMENTS = [DEPLOY.parent / "docs" / name for name in ("operating.md", "operating.zh-CN.md")]

SCRAPED = {"job", "instance"}
"""Labels that Prometheus adds to everything it scrapes."""
VALUES: dict[str, set[str]] = {
    "class": set(CLASSES),
    "source": {"none", "caller", "gateway", "upstream"},
    "platform": {"mp", "qy", "robot"},
}
OUTCOMES: dict[str, set[str]] = {
    "esb_calls_total": {"ok", "other", "cut", *map(str, CODES)},
    "esb_token_fetches_total": set(FETCHES),
    "esb_reloads_total": {"ok", "refused"},
}
VARIABLES = {"$__rate_interval": "5m", "$job": ".*", "$system": ".*"}


def series() -> Iterator[tuple[str, Family, set[str]]]:
    """Every name that can be asked for, and the labels it has."""
    for family in FAMILIES:
        labels = set(family.labels) | SCRAPED
        if family.kind == "histogram":
            yield f"{family.name}_bucket", family, labels | {"le"}
            yield f"{family.name}_sum", family, labels
            yield f"{family.name}_count", family, labels
        else:
            yield family.name, family, labels


UP = Family("up", "gauge", (), "Prometheus' own: 1 while a target is scraped.")
SERIES = {name: (family, labels) for name, family, labels in series()} | {"up": (UP, SCRAPED)}


def parsed(expression: str) -> Any:
    for variable, value in VARIABLES.items():
        expression = expression.replace(variable, value)
    assert "$" not in expression, "an unknown variable"
    return promql.parse(expression)


def selectors(node: Any) -> Iterator[Any]:
    """Every series that an expression selects, in order."""
    match node:
        case promql.VectorSelector():
            yield node
        case promql.MatrixSelector():
            yield node.vector_selector
        case promql.Call():
            for argument in node.args:
                yield from selectors(argument)
        case promql.AggregateExpr() | promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
            yield from selectors(node.expr)
        case promql.BinaryExpr():
            yield from selectors(node.lhs)
            yield from selectors(node.rhs)


def result_labels(node: Any) -> set[str]:
    """Return the labels of an expression's result; check every grouping on the way."""
    match node:
        case promql.VectorSelector():
            return SERIES[str(node.name)][1]
        case promql.MatrixSelector():
            return result_labels(node.vector_selector)
        case promql.Call():
            below = set().union(*(result_labels(argument) for argument in node.args))
            if node.func.name == "histogram_quantile":
                assert "le" in below
                return below - {"le"}
            return set() if node.func.name == "absent" else below
        case promql.AggregateExpr():
            grouped = set(node.modifier.labels) if node.modifier is not None else set()
            assert grouped <= result_labels(node.expr), "a grouping by a label that is not there"
            return grouped
        case promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
            return result_labels(node.expr)
        case promql.BinaryExpr():
            sides = [result_labels(side) for side in (node.lhs, node.rhs) if not isinstance(side, promql.NumberLiteral)]
            assert len(sides) == 1 or sides[0] == sides[1], "sides that never match"
            return sides[0]
    return set()


EXPRESSIONS = [
    *[pytest.param(rule["expr"], id=rule["alert"]) for rule in RULES],
    *[pytest.param(target["expr"], id=f"panel {number}") for number, target in enumerate(TARGETS)],
]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_metric_and_label_exists(expression: str) -> None:
    tree = parsed(expression)
    found = list(selectors(tree))
    assert found
    for selector in found:
        assert selector.name in SERIES, selector.name
        family, labels = SERIES[selector.name]
        for matcher in selector.matchers.matchers:
            assert matcher.name in labels, (selector.name, matcher.name)
            known = OUTCOMES[family.name] if matcher.name == "outcome" else VALUES.get(matcher.name)
            if known is not None:
                assert set(matcher.value.split("|")) <= known, matcher.value
    result_labels(tree)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_counters_are_asked_for_their_rate_and_gauges_are_not(expression: str) -> None:
    for name, rated in rates(parsed(expression)):
        assert rated == (SERIES[name][0].kind != "gauge"), name


def rates(node: Any, rated: bool = False) -> Iterator[tuple[str, bool]]:
    match node:
        case promql.VectorSelector():
            yield str(node.name), rated
        case promql.MatrixSelector():
            yield from rates(node.vector_selector, rated)
        case promql.Call():
            for argument in node.args:
                yield from rates(argument, rated or node.func.name in {"rate", "increase"})
        case promql.AggregateExpr() | promql.ParenExpr():
            yield from rates(node.expr, rated)
        case promql.BinaryExpr() if isinstance(node.rhs, promql.VectorSelector) and node.rhs.offset:
            return  # a series compared with its own past: is it new?
        case promql.BinaryExpr():
            yield from rates(node.lhs, rated)
            yield from rates(node.rhs, rated)


def test_every_family_is_on_the_dashboard() -> None:
    shown = {SERIES[selector.name][0] for target in TARGETS for selector in selectors(parsed(target["expr"]))}
    assert shown == set(FAMILIES)


@pytest.mark.parametrize("target", TARGETS, ids=range(len(TARGETS)))
def test_legends_name_labels_that_the_result_has(target: dict[str, Any]) -> None:
    assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= result_labels(parsed(target["expr"]))


def test_panels_do_not_overlap_and_have_numbers_of_their_own() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(numbers)) == len(numbers)


def test_variables_are_declared_and_ask_for_what_there_is() -> None:
    variables = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
    used = set(re.findall(r"\$\{?([a-z]\w*)", json.dumps(DASHBOARD)))
    assert used == set(variables)
    for name in ("job", "system"):
        query = re.fullmatch(r"label_values\((\w+)(\{.*\})?, (\w+)\)", variables[name]["query"])
        assert query is not None
        assert query[3] in SERIES[query[1]][1]


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_an_alert_says_what_is_wrong_and_how_bad(rule: dict[str, Any]) -> None:
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"Esb[A-Z]\w+", rule["alert"])
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert re.fullmatch(r"\d+m", rule.get("for", "0m"))
    text = f"{rule['annotations']['summary']} {rule['annotations']['description']}"
    assert set(re.findall(r"\$labels\.(\w+)", text)) <= result_labels(parsed(rule["expr"]))
    assert isinstance(parsed(rule["expr"]), promql.BinaryExpr | promql.Call)


def test_alerts_have_names_of_their_own_and_are_explained() -> None:
    names = [rule["alert"] for rule in RULES]
    assert len(set(names)) == len(names)
    for document in DOCUMENTS:
        text = document.read_text()
        assert [name for name in names if name not in text] == [], document.name


def test_every_metric_is_documented_with_its_labels() -> None:
    for document in DOCUMENTS:
        rows = {
            row[0]: row[1] for row in re.findall(r"^\| `(esb_\w+)` \| (.*?) \|", document.read_text(), re.MULTILINE)
        }
        assert set(rows) == {family.name for family in FAMILIES}
        for family in FAMILIES:
            assert set(re.findall(r"`(\w+)`", rows[family.name])) == set(family.labels), family.name


@pytest.mark.parametrize(
    "expression",
    [
        "sum(rate(esb_nothing_total[5m]))",
        'sum(rate(esb_calls_total{app="x"}[5m]))',
        'sum(rate(esb_calls_total{source="nobody"}[5m]))',
        "sum by (app) (rate(esb_calls_total[5m]))",
        "sum(rate(esb_calls_total[5m])",
        "sum by (system) (rate(esb_calls_total[5m])) / sum by (component) (rate(esb_calls_total[5m]))",
        "histogram_quantile(0.5, sum by (system) (rate(esb_call_duration_seconds_bucket[5m])))",
    ],
)
def test_a_wrong_expression_is_noticed(expression: str) -> None:
    with pytest.raises((AssertionError, ValueError)):
        test_every_metric_and_label_exists(expression)
