"""The base of every configuration, and kinds of values that several of them have."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator

from esb.core.host_names import is_host


class ConfigModel(BaseModel):
    """The base of every configuration: strict, frozen, no unknown keys, and no value in an error's text."""

    model_config = ConfigDict(
        strict=True, frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False, defer_build=True
    )


def _network(value: Any) -> IPv4Network | IPv6Network:
    try:
        if isinstance(value, str):
            return ip_network(value)
    except ValueError:
        pass
    raise ValueError("expected an IP address, or a network such as 10.0.0.0/8")


def _listening_host(value: str) -> str:
    if not is_host(value):
        raise ValueError("expected an address such as 127.0.0.1 or ::1, or a host name; 0.0.0.0 or :: is all addresses")
    return value


_Address = Annotated[str, Field(pattern=r"^[0-9A-Fa-f:.]+(/[0-9]+)?$")]
Network = Annotated[IPv4Network | IPv6Network, PlainValidator(_network, json_schema_input_type=_Address)]
Text = Annotated[str, Field(min_length=1)]
HostName = Annotated[str, Field(pattern=r"^[0-9A-Za-z_.-]+$"), AfterValidator(str.lower)]
ListeningHost = Annotated[str, Field(min_length=1), AfterValidator(_listening_host)]
