"""The stanza `sandbox`, and the address of a sandbox, which `${sandbox}` and `${sandbox_smtp_port}` stand for."""

from dataclasses import dataclass

from pydantic import Field

from esb.config.base import ConfigModel

SANDBOX_HOST = "127.0.0.1"
SANDBOX_PORT, SANDBOX_SMTP_PORT = 8089, 8025


@dataclass(frozen=True, slots=True)
class SandboxAddress:
    """The place of a sandbox: `${sandbox}` is its URL, `${sandbox_smtp_port}` the port where it takes mails, if any."""

    url: str
    smtp_port: int | None = None


class Sandbox(ConfigModel):
    """The embedded sandbox: WeChat, Tencent Cloud and a mail server; port 0 is a free one."""

    port: int = Field(SANDBOX_PORT, ge=0, le=65535, description="port on 127.0.0.1")
    smtp_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="port on 127.0.0.1 where it takes mails, with the extra `portal`; left out: it takes none;"
        " ${sandbox_smtp_port} is its number",
    )

    def promised(self) -> SandboxAddress:
        """Return the address as far as the stanza tells: a free port is known when the sandbox listens."""
        smtp_port = self.smtp_port if self.smtp_port is None else self.smtp_port or SANDBOX_SMTP_PORT
        return SandboxAddress(f"http://{SANDBOX_HOST}:{self.port or SANDBOX_PORT}", smtp_port)
