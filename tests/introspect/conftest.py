"""Preflights that a busy machine does not cut short."""

import pytest

from esb.contracts import probes
from esb.introspect import doctor
from esb.outgoing import reachability


@pytest.fixture(autouse=True)
def patient_preflights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give checks ten times their time; what is to be cut off, a test cuts off itself."""
    for module, name in (
        (doctor, "CHECK_SECONDS"),
        (doctor, "SECONDS"),
        (probes, "CHECK_SECONDS"),
        (probes, "DATE_SECONDS"),
        (reachability, "ADDRESS_SECONDS"),
    ):
        monkeypatch.setattr(module, name, 10 * getattr(module, name))
