"""The modules where a bug costs a message, a secret or a right, and the tests that must notice it, quickest first."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Target:
    """Modules, as patterns, and what pytest is given for each of their mutants."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]


REPRS = "tests/outgoing/test_reprs.py"
FIELD_GATEWAYS = "tests/scenarios/test_field_gateways.py"
FIELD_SENDERS = "tests/scenarios/test_field_senders.py"
QUICK = tuple(
    f"--deselect=tests/{test}"
    for test in (
        "scenarios/test_field_senders.py::test_thousands_of_receivers_are_read_beside_the_event_loop",
        "scenarios/test_rights_in_the_database.py",
        "scenarios/test_surviving_keys.py",
        "incoming/test_loop_budget.py",
        "incoming/test_budget.py",
        "incoming/test_hostile_headers.py",
    )
)
"""Options that leave out what takes a minute and asks for nothing but speed, or starts gateway after gateway."""
PROXY = ("tests/plugins/http", REPRS, "--ignore=tests/plugins/http/test_memory.py")
CALLERS = (
    "tests/middlewares",
    "tests/delivery/test_dry_run.py",
    "tests/scenarios/test_credentials.py",
    "tests/clients",
)
WECHAT = ("tests/channels", REPRS, "tests/plugins/test_send_weixin.py", "tests/scenarios", *QUICK)
DOCTOR = (
    *(f"tests/introspect/test_doctor{part}.py" for part in ("", "_mail", "_reach", "_wechat", "_services")),
    "tests/cli/test_doctor.py",
)
REGISTRY = tuple(
    f"tests/database/test_{name}.py" for name in ("app_import", "app_listing", "declared_apps", "registry")
)
DELIVERY_TABLES = (
    *(
        f"esb/database/{name}.py"
        for name in ("attempts", "claims", "deliveries", "event_bodies", "group_commit", "holds")
    ),
    *(f"esb/database/{name}.py" for name in ("kept_keys", "lanes", "oldest", "recalls", "retention", "sealed_columns")),
    *(f"esb/database/{name}_*.py" for name in ("callback", "claim", "content", "delivery", "receipt", "write")),
)
PORTAL_DOORS = tuple(
    f"esb/portal/{name}.py" for name in ("access", "app", "entry", "forms", "login_states", "owned_apps", "sessions")
)
TARGETS = (
    Target(
        DELIVERY_TABLES,
        (
            *(f"tests/database/test_{name}.py" for name in ("claims", "group_commit", "holds", "kept_keys", "lanes")),
            *(f"tests/database/test_{name}.py" for name in ("bulk_insert", "callback_events", "callback_queue")),
            *(f"tests/database/test_delivery_{name}.py" for name in ("changes", "counts", "retention", "writes")),
            *(f"tests/database/test_{name}.py" for name in ("oldest", "receipt_writes", "rekeying")),
            *(f"tests/delivery/test_{name}.py" for name in ("accepting", "attempt_ends", "callbacks", "content")),
            *(f"tests/delivery/test_{name}.py" for name in ("deliverer", "delivery_paths", "recalling", "receipts")),
            *("tests/delivery/test_sync_recorder.py", "tests/server/test_admin_deliveries.py"),
        ),
    ),
    Target(
        (*PORTAL_DOORS, "esb/incoming/operator_credentials.py"),
        (
            *(
                f"tests/portal/test_{name}.py"
                for name in ("access", "entry", "login_states", "forms", "app", "developer")
            ),
            *("tests/portal/test_apps.py", "tests/portal/test_rights.py", "tests/portal/test_console.py"),
            *("tests/server/test_operators.py", "tests/server/test_admin_access.py"),
        ),
    ),
    Target(
        (
            *("esb/channels/mail/smtp_checks.py", "esb/channels/wechat/*_checks.py"),
            *("esb/channels/preflight_message.py", "esb/outgoing/reachability.py"),
        ),
        DOCTOR,
    ),
    Target(
        ("esb/database/keys.py", "esb/database/*_writes.py", "esb/database/registry.py", "esb/database/transaction.py"),
        (
            *REGISTRY,
            *(
                f"tests/database/test_{name}.py"
                for name in ("history_views", "keys", "rekeying", "use_counts", "writers")
            ),
            *(f"tests/cli/test_{name}.py" for name in ("app", "apply", "history", "rights")),
            "tests/server/test_admin_apps.py",
        ),
    ),
    Target(
        ("esb/services/apps/*.py", "esb/database/app_rows.py", "esb/database/declared_apps.py"),
        ("tests/services/apps", *REGISTRY, "tests/middlewares", "tests/scenarios/test_credentials.py"),
    ),
    Target(
        ("esb/outgoing/tokens/*.py",),
        (
            *(REPRS, "tests/outgoing/tokens", "tests/scenarios/test_tokens.py", "tests/channels/wechat"),
            *("tests/scenarios", *QUICK),
        ),
    ),
    Target(
        ("esb/outgoing/engines/*.py", "esb/outgoing/engine.py"),
        (
            "tests/outgoing/engines",
            REPRS,
            "tests/outgoing/test_client.py",
            "tests/plugins/http/test_streaming.py",
            "tests/plugins/http/test_websocket.py",
            "tests/plugins/http/test_hostile_answers.py",
            "tests/scenarios/test_no_answer.py",
            FIELD_GATEWAYS,
        ),
    ),
    Target(
        ("esb/outgoing/*.py",),
        (
            "tests/outgoing",
            *PROXY,
            "tests/services/jwt",
            "tests/incoming/test_uploads.py",
            "tests/channels/mail/test_smtp.py",
            "tests/telemetry/test_logs.py",
            "tests/telemetry/test_metrics.py",
            "tests/telemetry/test_tracing.py",
            "tests/scenarios/test_no_answer.py",
            FIELD_GATEWAYS,
        ),
    ),
    Target(
        ("esb/delivery/*.py",),
        (
            *("tests/delivery", REPRS, "tests/scenarios/test_callers.py", "tests/incoming/test_uploads.py"),
            *("tests/scenarios", *QUICK),
        ),
    ),
    Target(
        ("esb/channels/mail/*.py",),
        (
            "tests/channels/mail",
            REPRS,
            "tests/plugins/test_send_mail.py",
            "tests/scenarios/test_no_answer.py",
            *(FIELD_SENDERS, *QUICK),
        ),
    ),
    Target(
        ("esb/channels/tencent/*.py",),
        (
            "tests/channels/tencent",
            "tests/plugins/test_send_sms.py",
            "tests/plugins/test_send_voice_msg.py",
            "tests/scenarios/test_no_answer.py",
            *(FIELD_SENDERS, *QUICK),
        ),
    ),
    Target(
        ("esb/channels/gates.py", "esb/channels/pacing.py", "esb/channels/quota_gate.py"),
        (
            *("tests/channels/test_pacing.py", "tests/channels/test_quota_gate.py", "tests/introspect/test_explain.py"),
            *WECHAT,
        ),
    ),
    Target(
        ("esb/channels/*.py", "esb/channels/wechat/*.py"),
        (
            *WECHAT,
            "tests/gateway/test_worker_safety.py",
            "tests/plugins/test_send_sms.py",
            "tests/plugins/test_send_mail.py",
            "tests/sandbox/test_robot.py",
        ),
    ),
    Target(
        ("esb/plugins/http/*.py",),
        (*PROXY, FIELD_GATEWAYS, "tests/plugins/test_secrets.py", "tests/introspect/test_markdown.py"),
    ),
    Target(
        ("esb/store/*.py",),
        (
            "tests/store",
            REPRS,
            "tests/delivery/test_idempotency_processes.py",
            "tests/middlewares/test_rate_limit.py",
            "tests/outgoing/tokens",
        ),
    ),
    Target(
        ("esb/middlewares/*.py",),
        (
            "tests/middlewares",
            "tests/incoming/test_path_tokens.py",
            "tests/services",
            "tests/scenarios/test_credentials.py",
            "tests/clients",
        ),
    ),
    Target(
        (
            *("esb/incoming/signature.py", "esb/incoming/credentials.py", "esb/incoming/cors.py"),
            "esb/incoming/trusted_proxies.py",
        ),
        (
            "tests/incoming",
            *QUICK,
            *CALLERS,
            "tests/plugins/http/test_websocket.py",
            FIELD_GATEWAYS,
        ),
    ),
    Target(
        (
            *("esb/incoming/request.py", "esb/incoming/request_body.py", "esb/incoming/body.py"),
            *("esb/incoming/multipart_form.py", "esb/incoming/percent_encoding.py"),
        ),
        (
            *("tests/incoming", *CALLERS, *PROXY),
            *(FIELD_GATEWAYS, FIELD_SENDERS, *QUICK),
        ),
    ),
    Target(
        ("esb/incoming/admission.py", "esb/incoming/arrivals.py", "esb/incoming/fair_shares.py"),
        (
            *(f"tests/incoming/test_{name}.py" for name in ("admission", "arrivals", "fair_shares", "in_flight")),
            "tests/server/test_connection.py",
            "tests/server/test_strangers.py",
            "tests/scenarios/test_limits.py",
            "tests/scenarios/test_noisy_neighbours.py",
            "tests/incoming/test_ingress.py",
        ),
    ),
    Target(
        ("esb/server/admin.py", "esb/server/admin_access.py"),
        ("tests/server/test_admin_access.py", "tests/server/test_admin.py"),
    ),
    Target(
        ("esb/core/redaction.py",),
        ("tests/core/test_redaction.py", "tests/introspect/test_config_view.py", "tests/plugins/test_secrets.py"),
    ),
    Target(
        ("esb/introspect/config_view.py", "esb/core/model_secrets.py", "esb/config/interpolation.py"),
        (
            "tests/config",
            "tests/introspect/test_config_view.py",
            "tests/introspect/test_config_view_containers.py",
            "tests/channels/test_config_secrets.py",
            "tests/server/test_admin.py::test_secrets_are_hidden_wherever_they_stand",
            "tests/server/test_admin.py::test_no_secret_of_any_component_is_shown",
            "tests/server/test_admin.py::test_the_configuration_is_told_with_its_defaults",
        ),
    ),
)


def modules(root: Path, targets: Iterable[Target] = TARGETS) -> dict[str, Target]:
    """Return the modules, as paths below the root, each with the first target that names it."""
    found: dict[str, Target] = {}
    for target in targets:
        for pattern in target.modules:
            for path in sorted(root.glob(pattern)):
                found.setdefault(path.relative_to(root).as_posix(), target)
    return found


def mirrored(root: Path, module: str) -> tuple[str, ...]:
    """Return the test files of this module alone: in the same place of the tree, with its name."""
    path = Path(module)
    folder = root.joinpath("tests", *path.parent.parts[1:])
    return tuple(each.relative_to(root).as_posix() for each in sorted(folder.glob(f"test_{path.stem.strip('_')}*.py")))
