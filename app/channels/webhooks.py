"""The way out to webhooks: one POST, signed, to an address that is checked after its name is resolved, and connected to as it
was checked. Redirects are not followed.

Signed as standardwebhooks.com describes: HMAC-SHA256, in Base64, of the id, the second and the body, with points between.
"""

import base64
import hmac
import http.client
import socket
import ssl
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any
from urllib.parse import urlsplit

WAIT_FOR = 10.0  # seconds, for each step
_PORTS = {"http": 80, "https": 443}
Networks = Sequence[IPv4Network | IPv6Network]


class Failed(Exception):
    """It was not taken. `permanent` when another try cannot help."""

    def __init__(self, text: str, *, permanent: bool = False) -> None:
        super().__init__(text)
        self.permanent = permanent


def post(url: str, body: str, *, id: str, secret: str, now: datetime, allowed: Networks) -> None:
    """Hands one body over. Raises Failed unless the answer is 2xx."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    data, second = body.encode(), str(int(now.timestamp()))
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "Nightdesk",
        "webhook-id": id,
        "webhook-timestamp": second,
        "webhook-signature": signature(secret, id, second, data),
    }
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection = _connection(parts.scheme, host, port, _resolved(host, port, allowed))
        try:
            connection.request("POST", path, data, headers)
            status = connection.getresponse().status
        finally:
            connection.close()
    except (OSError, http.client.HTTPException) as error:
        raise Failed(f"{host}: {type(error).__name__}: {error}") from error
    if not 200 <= status < 300:
        raise Failed(f"{host}: HTTP {status}", permanent=status == 410)


def signature(secret: str, id: str, second: str, body: bytes) -> str:
    """`secret` is text, or `whsec_` and Base64."""
    key = base64.b64decode(secret[6:]) if secret.startswith("whsec_") else secret.encode()
    signed = hmac.digest(key, f"{id}.{second}.".encode() + body, sha256)
    return f"v1,{base64.b64encode(signed).decode()}"


def _resolved(host: str, port: int, allowed: Networks) -> str:
    """The first address of a host, when none of its addresses lies inside: one that does could be another one's next time."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise Failed(f"{host}: {error}", permanent=True) from error
    addresses = [str(one[4][0]) for one in found]
    for address in addresses:
        if not _may_be_reached(ip_address(address.partition("%")[0]), allowed):
            raise Failed(f"{host}: {address} is inside the network; see WEBHOOK_ALLOW", permanent=True)
    return addresses[0]


def _may_be_reached(address: IPv4Address | IPv6Address, allowed: Networks) -> bool:
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if any(address in network for network in allowed):
        return True
    return address.is_global and not address.is_multicast


def _connection(scheme: str, host: str, port: int, address: str) -> http.client.HTTPConnection:
    connection: Any
    if scheme == "https":
        connection = http.client.HTTPSConnection(
            host, port, timeout=WAIT_FOR, context=ssl.create_default_context()
        )
    else:
        connection = http.client.HTTPConnection(host, port, timeout=WAIT_FOR)

    def connect(_asked: tuple[str, int], timeout: float, source: Any = None) -> socket.socket:
        return socket.create_connection((address, port), timeout, source)

    connection._create_connection = connect  # where http.client itself would ask for the name again
    return connection
