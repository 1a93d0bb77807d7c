"""Templates of alert_webhook: what they can make, what they are refused, and that they always end."""

from pathlib import Path
from typing import Any

import pytest

from esb.config import load
from esb.core.errors import ConfigError
from esb.gateway.app import create_app
from esb.plugins.alert_webhook.template_errors import BadTemplate, TemplateFailed
from esb.plugins.alert_webhook.template_texts import VARIABLES
from esb.plugins.alert_webhook.templates import (
    LONGEST_TEMPLATE,
    METHODS,
    MOST_STEPS,
    Template,
)
from tests.support.alerts import ALERTMANAGER, HOOK, resolved, stanza
from tests.support.configuration import WECOM
from tests.support.gateway import Gateway, OpenGateway, Sandbox


def made(source: str, html: bool = False, **values: Any) -> str:
    return Template(source, {*VARIABLES, *values}, html=html).rendered(values)[0]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ labels.alertname }} {{ labels['b c'] }}", "A 1"),
        ("{{ labels.items }}", "a label"),
        ("{% for k, v in labels.items() %}{{ k }}{% endfor %}", "refused"),
        ("{% for key in labels %}{{ key }};{% endfor %}", "alertname;b c;items;"),
        (
            "{% for a in alerts if a.ok %}{{ loop.index }}/{{ loop.length }}{{ a.n }} {% else %}-{% endfor %}",
            "1/2x 2/2z ",
        ),
        ("{{ 'yes' if count > 2 else 'no' }} {{ count + 1 }} {{ count * 2 }} {{ 7 % count }}", "yes 4 6 1"),
        ("{{ alerts | map(attribute='n') | join(', ') }} {{ alerts | join('', 'n') }}", "x, y, z xyz"),
        ("{{ title | upper | replace('A', 'b') | truncate(5) }}", "bbbbb"),
        ("{{ title.startswith('a') }} {{ title ~ '!' }} {{ title[:2] }} {{ 'a' + 'b' }}", "True aaaaa! aa ab"),
        ("{{ labels.nothing | default('none') }}", "none"),
        ("{# nothing #}{{ 1 }}", "1"),
        ("{%- if severity == 'critical' %}!{% elif severity is defined %}?{% endif %}", "?"),
    ],
)
def test_what_a_template_can_make(source: str, text: str) -> None:
    labels = {"alertname": "A", "b c": "1", "items": "a label"}
    alerts = [{"n": "x", "ok": 1}, {"n": "y", "ok": 0}, {"n": "z", "ok": 1}]
    values: dict[str, Any] = {"labels": labels, "alerts": alerts, "count": 3, "title": "aaaaa", "severity": "low"}
    if text == "refused":
        with pytest.raises(TemplateFailed):
            made(source, **values)
        del labels["items"]
        assert made(source, **values) == "alertnameb c"
    else:
        assert made(source, **values) == text


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("a\n{{ title", "line 2: unexpected end of template"),
        ("{% if title %}", "line 1: Unexpected end of template"),
        ("{{ titel }}", "there is no variable titel; known are alerts, annotations"),
        ("a\n\n{{ title | shout }}", "line 3: there is no filter shout; known are abs,"),
        ("{{ title | attr('__class__') }}", "line 1: there is no filter attr"),
        ("{{ title.__class__ }}", "line 1: `__class__` is out of reach"),
        ("{{ range(10) }}", "line 1: nothing can be called but methods"),
        ("{{ title.format(title) }}", "line 1: nothing can be called but methods"),
        ("{{ title.ljust(1000000000) }}", "line 1: nothing can be called but methods"),
        ("{{ cycler() }}", "nothing can be called"),
        ("{{ 2 ** 1000000 }}", "line 1: `pow` is not among what templates here know"),
        ("{% set x = 1 %}", "line 1: `assign` is not among"),
        ("{% include 'a' %}", "line 1: `include` is not among"),
        ("{% import 'a' as b %}", "line 1: `import` is not among"),
        ("{% extends 'a' %}", "line 1: `extends` is not among"),
        ("{% macro a() %}{% endmacro %}", "line 1: `macro` is not among"),
        ("{% block a %}{% endblock %}", "line 1: `block` is not among"),
        ("{% raw %}x{% endraw %}{% filter upper %}x{% endfilter %}", "line 1: `filterblock` is not among"),
        ("{% for a in alerts recursive %}{% endfor %}", "line 1: a loop cannot be recursive"),
        ("{% autoescape false %}{{ title }}{% endautoescape %}", "is not among"),
        ("{{ title | turns }}", "line 1: there is no filter turns"),
        ("{{ self }}", "there is no variable self"),
        ("x" * (LONGEST_TEMPLATE + 1), "it has more than 10000 characters"),
        ("{{ " + "not " * 2000 + "1 }}", "it is nested too deep"),
        ("{% if title %}" * 200 + "{% endif %}" * 200, "it is nested too deep"),
    ],
)
def test_what_a_template_cannot_be_is_told(source: str, told: str) -> None:
    with pytest.raises(BadTemplate) as caught:
        Template(source, VARIABLES)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    "source",
    [
        "{{ labels['__class__'] }}",
        "{{ title['__class__']['__mro__'] }}",
        "{{ labels.get.__self__ }}",
        "{{ alerts | map(attribute='__class__') | join }}",
        "{{ alerts | map('attr', '__class__') | join }}",
        "{{ alerts | map(attribute='n.__class__.__mro__') | join }}",
        "{{ [title] | sort(attribute='__class__') }}",
        "{{ alerts | groupby('__class__') }}",
        "{{ labels.update }}",
    ],
)
def test_no_way_leads_out_of_the_sandbox(source: str) -> None:
    try:
        text = made(source, labels={}, title="t", alerts=[{"n": "x"}])
    except (BadTemplate, TemplateFailed):
        return
    assert "class" not in text
    assert "object" not in text
    assert "built-in" not in text.replace("<built-in method update", "") or "update" in source


@pytest.mark.parametrize(
    "source",
    [
        "{% for a in body %}" * 5 + "x" + "{% endfor %}" * 5,
        "{% for a in body %}{% for b in body %}{% for c in body %}{% endfor %}{% endfor %}{% endfor %}",
        "{% for a in body %}{{ title }}{{ title }}{{ title }}{{ title }}{% endfor %}",
        "{{ title * 1000000000 }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ title | replace('', title) }}",
        "{{ body | join(title) | replace('x', title) }}",
        "{{ [1] | tojson(2) }}",
        "{{ [1] | map('tojson', 2) | list }}",
        "{{ 1 / 0 }}",
        "{{ title < 1 }}",
        "{{ title | int(0) + labels }}",
    ],
)
def test_every_rendering_ends_and_stays_small(source: str) -> None:
    with pytest.raises(TemplateFailed):
        made(source, body=["x"] * 1000, title="x" * 4000, labels={})


def test_loops_have_a_number_of_turns_together() -> None:
    half = "{% for a in body %}{% endfor %}"
    assert made(half * 2, body=[0] * (MOST_STEPS // 2)) == ""
    with pytest.raises(TemplateFailed, match="more than 10000 turns"):
        made(half * 3, body=[0] * (MOST_STEPS // 2))


def test_what_is_not_there_is_nothing_and_named() -> None:
    template = Template("{{ labels.a }}{{ labels.b.c }}{% if labels.d %}{% endif %}", VARIABLES)
    assert template.rendered({"labels": {}}) == ("", ["a", "b"])
    assert template.rendered({"labels": {"a": 1, "b": {"c": 2}}}) == ("12", [])


def test_html_is_escaped_where_the_channel_shows_html() -> None:
    source = "<b>{{ title }}</b>{{ title | e }}{{ title | replace('<', '>') }}"
    assert made(source, title="<&") == "<b><&</b>&lt;&amp;>&"
    assert made(source, html=True, title="<&") == "<b>&lt;&amp;</b>&lt;&amp;&gt;&amp;"


def test_methods_are_those_of_texts_and_mappings() -> None:
    assert all(hasattr("", name) or hasattr({}, name) for name in METHODS)


# In a gateway


async def hook(open_gateway: OpenGateway, sandbox: Sandbox, config: str) -> Gateway:
    return await open_gateway(WECOM + stanza(f"to: /cmsi/send_weixin/, {config}"), sandbox_url=sandbox.url)


async def post(gateway: Gateway, webhook: Any = ALERTMANAGER) -> dict[str, Any]:
    answer: dict[str, Any] = await (await gateway.request("POST", HOOK, json=webhook)).json()
    return answer


TEMPLATES = """\
  params: {receiver: "{{ 'lisi' if severity == 'critical' else 'zhangsan' }}", data: {date: "{{ source }}"}},
  title: "{{ status_text }} {{ name }} x{{ count }}",
  content: "{% for a in alerts %}{{ a.labels.instance }} {{ a.starts_at[:4] }}\\n{% endfor %}
    {{- body.groupKey }}{{ labels.x }}"
"""


async def test_a_message_is_made_of_templates(open_gateway: OpenGateway, sandbox: Sandbox) -> None:
    gateway = await hook(open_gateway, sandbox, TEMPLATES)
    answer = await post(gateway)
    await post(gateway, resolved({**ALERTMANAGER, "alerts": ALERTMANAGER["alerts"][:1]}))
    first, second = await sandbox.messages()
    assert first["text"] == (
        'FIRING HighCPU x2\ndb-1:9100 2026\nweb-1:9100 2026\n{}:{alertname="HighCPU"}\nDate: alertmanager'
    )
    assert (first["delivered"], second["delivered"]) == (["lisi"], ["zhangsan"])
    assert second["text"].startswith("RESOLVED HighCPU x1\nweb-1:9100 2026\n")
    assert answer["data"]["warnings"] == [{"field": "template", "what": "content: there is no x"}]


async def test_default_texts_can_be_built_in(open_gateway: OpenGateway, sandbox: Sandbox) -> None:
    config = "params: {receiver: zhangsan}, title: '{{ title }} @ops', content: \"{{ content }}\\n-- ops\""
    await post(await hook(open_gateway, sandbox, config))
    (message,) = await sandbox.messages()
    assert message["text"].startswith("🔥 [FIRING:2] HighCPU (critical) @ops\ncluster=prod")
    assert "\n-- ops\n" in message["text"]


async def test_a_text_whose_template_fails_is_the_default_one_and_says_so(
    open_gateway: OpenGateway, sandbox: Sandbox
) -> None:
    config = "params: {receiver: zhangsan}, content: '{{ 1 / (count - 2) }}'"
    answer = await post(await hook(open_gateway, sandbox, config))
    (message,) = await sandbox.messages()
    told = "the template of content failed: ZeroDivisionError: division by zero"
    assert "• [critical] instance=db-1:9100" in message["text"]
    assert told in message["text"]
    assert answer["data"]["warnings"][0]["what"] == told


async def test_a_parameter_whose_template_fails_is_told_and_nothing_sent(
    open_gateway: OpenGateway, sandbox: Sandbox
) -> None:
    answer = await post(await hook(open_gateway, sandbox, "params: {receiver: '{{ 1 / (count - 2) }}'}"))
    assert answer["message"] == "the template of params.receiver failed: ZeroDivisionError: division by zero"
    assert await sandbox.messages() == []


async def test_plain_json_of_any_form_is_sent_by_a_template(open_gateway: OpenGateway, sandbox: Sandbox) -> None:
    config = "params: {receiver: zhangsan}, content: '{{ body.job.name }}: {{ body.errors | length }}'"
    await post(await hook(open_gateway, sandbox, config), {"job": {"name": "backup"}, "errors": [1, 2]})
    (message,) = await sandbox.messages()
    assert "backup: 2" in message["text"]


def mistakes(folder: Path, text: str) -> list[str]:
    path = folder / "esb.yaml"
    path.write_text(f"version: 1\n{text}")
    try:
        create_app(load(path, {}))
    except ConfigError as error:
        return [str(mistake).removeprefix(f"{path}:") for mistake in error.mistakes]
    return []


def test_mistakes_name_file_line_and_key(tmp_path: Path) -> None:
    text = """\
components:
  - path: /alerts/a/
    use: alert_webhook
    config:
      to: /alerts/b/
      params: {receiver: ["{{ x }}"]}
      title: "{{ titel }}"
      content: |
        {% for a in alerts %}
        {{ a.b | c }}
        {% endfor %}
      routes:
        - {match: {a: b}}
      max_alerts: 0
"""
    found = mistakes(tmp_path, text)
    assert [mistake.partition(": ")[2].partition(":")[0] for mistake in found] == [
        "components[0].config.params",
        "components[0].config.title",
        "components[0].config.content",
        "components[0].config.max_alerts",
    ]
    assert found[0].startswith("7: components[0].config.params: receiver[0]: there is no variable x; known are")
    assert found[2].startswith("9: components[0].config.content: line 2: there is no filter c; known are")


@pytest.mark.parametrize(
    ("config", "key", "told"),
    [
        ("to: /cmsi/send_weixn/", "to", "no component is declared at /cmsi/send_weixn/, for POST (did you mean"),
        ("to: /alerts/a/", "to", "it leads back to this component"),
        ("to: /alerts/b/", "to", "it leads back to this component"),
        ("to: /read/only/", "to", "no component is declared at /read/only/, for POST"),
        ("to: 'x'", "to", "a path starts with /"),
        ("to: '/a/{b}/'", "to", "expected the path of one component, without {variables}"),
        ("to: /cmsi/send_weixin/, routes: [{match: {a: b}, to: /x/y/}]", "routes[0].to", "no component is declared"),
        ("to: /cmsi/send_weixin/, routes: [{match: {}, to: /x/y/}]", "routes[0].match", ""),
        ("to: /cmsi/send_weixin/, routes: [{match: {a: b}}]", "", "routes[0] says nothing but `match`"),
    ],
)
def test_where_it_leads_is_checked(tmp_path: Path, config: str, key: str, told: str) -> None:
    text = f"""\
components:
  - {{path: /cmsi/send_weixin/, use: cmsi_send_weixin, config: {{wx_qy_corpid: a}}}}
  - {{path: /read/only/, methods: [GET], use: cmsi_get_msg_type}}
  - {{path: /alerts/b/, use: alert_webhook, config: {{to: /alerts/a/}}}}
  - {{path: /alerts/a/, use: alert_webhook, config: {{{config}}}}}
"""
    found = [mistake for mistake in mistakes(tmp_path, text) if mistake.startswith("6: ")]
    assert len(found) == 1
    assert f"components[3].config{f'.{key}' if key else ''}: {told}" in found[0]
