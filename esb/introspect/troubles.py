"""Troubles of a running gateway, as those who run it read them: in JSON in English, on a page in their language too."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from esb.core.messages import template

TEXTS: Mapping[str, str] = {
    "processes": template("{number} of {all} processes do not answer calls: {health}."),
    "generations": template("The processes answer by different configurations."),
    "versions": template("The processes run different versions: {versions}."),
    "last_good": template("esb.yaml was wrong at the start: the last good configuration answers."),
    "reload": template("The last reload was refused: an older configuration answers than stands in the files."),
    "store": template("The shared store is away from {number} of {all} processes: {reason}."),
    "database": template("The database is away from {number} of {all} processes, or cannot be written: {reason}."),
    "apps": template("The database has not confirmed the apps for {seconds} seconds."),
    "part": template("{text}."),
    "closed": template("Used-up quotas: these components send nothing for now: {names}."),
    "gates": template("Used-up quotas: {number}. In the names of these accounts nothing is sent for now."),
    "tokens": template("Accounts without an access token: {number}, such as {account} of {platform}."),
    "breakers": template("Open circuit breakers: {number}. Calls that would fail are not sent."),
    "engine": template("Nobody is told of deliveries, which wait for a second: {reason}."),
    "deliveries": template("A delivery has been due for {seconds} seconds."),
    "callbacks": template("A callback has been due for {seconds} seconds."),
    "gateway_hold": template("Deliveries are held back, since a credential does not work or a component is gone."),
    "operator_hold": template("Deliveries are held back, since an operator has stopped them."),
    "retention": template("Something is kept {seconds} seconds beyond its time."),
    "crashes": template("Crashes of late: {number}. The log tells where."),
}
"""Kind of trouble -> the text, which its values fill."""


class Trouble(NamedTuple):
    """One trouble: its kind, and what fills its text."""

    kind: str
    values: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Return it with its text in English."""
        return {"kind": self.kind, "text": TEXTS[self.kind].format(**self.values), "values": dict(self.values)}
