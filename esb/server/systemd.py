"""Messages to a service manager about how the gateway is doing: systemd's Type=notify, and whoever speaks its protocol.

Source: sd_notify(3). Without NOTIFY_SOCKET in the environment nobody is told anything.
"""

import socket
from collections.abc import Mapping

READY = "READY=1"
STOPPING = "STOPPING=1"


def notify(environ: Mapping[str, str], state: str) -> None:
    """Send `state`; a manager that does not listen is no reason to stop."""
    address = environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.setblocking(False)
        try:
            manager.sendto(state.encode(), "\0" + address[1:] if address.startswith("@") else address)
        except OSError:
            return
