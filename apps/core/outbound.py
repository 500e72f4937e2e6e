"""The one door to other people's servers: to public addresses only, and to the very address that was checked.

A name is resolved once, each of its addresses is looked at, and the connection goes to one of these: what the name's server
says a moment later changes nothing. Redirects are not followed, proxies of the environment are not asked, and what is
answered is read up to a bound and thrown away. Names that the operator lists (`OUTBOUND_ALLOW_HOSTS`) may be private.
"""

import contextlib
import re
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from django.conf import settings

SECONDS = 5.0
MOST_BYTES = 64 * 1024
PORTS = (80, 443, 8080, 8443)
LONGEST_URL = 2_000
_MOST_ADDRESSES = 4
_STANDARD = {"http": 80, "https": 443}
_PLAIN = re.compile(r"[!-\[\]-~]+")  # what is seen of ASCII, without the backslash, which readers take differently
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
# Beside what `is_global` leaves out: relays and what is kept for protocols.
_SPECIAL = tuple(map(ip_network, ("192.0.0.0/24", "192.88.99.0/24")))
# Of IPv6 only what is given to networks counts, without the forms that hold an IPv4 address: these lead anywhere.
_UNICAST = ip_network("2000::/3")
_SPECIAL_6 = tuple(map(ip_network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))


@dataclass(eq=False)
class OutboundError(Exception):
    """A request that did not go out, or was not answered; `is_final` where another try is of no use.

    `detail` names neither the address nor anything that was answered.
    """

    detail: str
    is_final: bool = False

    def __str__(self) -> str:
        return self.detail


@dataclass(frozen=True, slots=True)
class Target:
    """An address that was read: where to connect, and what to ask there (which may be a secret)."""

    scheme: str
    host: str
    port: int
    path: str = field(repr=False)

    @property
    def is_allowed(self) -> bool:
        """Whether the operator allows this server wherever it stands."""
        for entry in settings.OUTBOUND_ALLOW_HOSTS:
            allowed = urlsplit(f"//{entry.strip()}")
            ports = PORTS if allowed.port is None else (allowed.port,)
            if (allowed.hostname or "").rstrip(".") == self.host and self.port in ports:
                return True
        return False

    @property
    def authority(self) -> str:
        """Host and port as the request names them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _STANDARD[self.scheme] else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What is kept of an answer: its status, and the seconds it asks to wait."""

    status: int
    retry_after: int | None = None


def target_of(url: str) -> Target:
    """Return where an address leads; raise `OutboundError` for one that is never asked. Nothing is resolved here."""
    if len(url) > LONGEST_URL or not _PLAIN.fullmatch(url):
        raise _refused("An address is written in plain letters, without spaces; other scripts in their xn-- form.")
    try:
        parts = urlsplit(url)
        port, host = parts.port, (parts.hostname or "").removesuffix(".")
    except ValueError as error:
        raise _refused("The address cannot be read.") from error
    if parts.scheme not in _STANDARD:
        raise _refused("An address begins with https:// or http://.")
    if "@" in parts.netloc:
        raise _refused("An address holds no user name and no password.")
    _check_host(host)
    path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
    target = Target(parts.scheme, host, _STANDARD[parts.scheme] if port is None else port, path)
    if target.is_allowed:
        return target
    if target.port not in PORTS:
        raise _refused(f"The port {target.port} is not among those that may be asked: {', '.join(map(str, PORTS))}.")
    if _is_literal(host) and not is_public(host):
        raise _private()
    return target


def is_public(text: str) -> bool:
    """Say whether an IP address belongs to the public internet."""
    address = ip_address(text)
    if isinstance(address, IPv6Address):
        return address in _UNICAST and not any(address in network for network in _SPECIAL_6)
    return address.is_global and not address.is_multicast and not any(address in network for network in _SPECIAL)


def post(url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Send a body and return the answer's status, within `SECONDS` in all; raise `OutboundError`."""
    end = time.monotonic() + SECONDS
    target = target_of(url)
    line = _connected(target, _addresses(target, end), end)
    held = line.dup()  # the same connection, whatever becomes of the first handle
    watch = threading.Timer(_left(end), _cut, [held])  # a server that sends a byte now and then is cut off too
    watch.daemon = True
    watch.start()
    try:
        answer = _asked(target, _secured(target, line), body, headers)
    except ssl.SSLCertVerificationError as error:
        raise OutboundError("The server's certificate is not one to be trusted for its name.") from error
    except (HTTPException, OSError, ValueError) as error:
        late = time.monotonic() >= end
        raise OutboundError(_LATE if late else "The connection broke before the server had answered.") from error
    finally:
        watch.cancel()
        held.close()
        line.close()
    if time.monotonic() >= end:  # it was cut off: what was read may be half of what was said
        raise OutboundError(_LATE)
    return answer


_LATE = f"The server did not answer within {SECONDS:.0f} seconds."


def _refused(detail: str) -> OutboundError:
    return OutboundError(detail, is_final=True)


def _private() -> OutboundError:
    return _refused(
        "The address leads into a private network, where no message is sent. An operator may allow its name by"
        " OUTBOUND_ALLOW_HOSTS."
    )


def _check_host(host: str) -> None:
    """Refuse what resolvers read as an address in another way than people do: 2130706433, 0x7f.1, 0177.0.0.1."""
    if _is_literal(host):
        return
    labels = host.split(".")
    if len(host) > 253 or not all(map(_LABEL.fullmatch, labels)) or _NUMBER.fullmatch(labels[-1]):
        raise _refused("The address names no server that can be asked.")


def _is_literal(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return isinstance(address, IPv4Address) or address.scope_id is None


def _addresses(target: Target, end: float) -> list[str]:
    """Return the addresses of a server, each looked at; one that is not public refuses them all."""
    found = _resolved(target.host, target.port, end)
    if not target.is_allowed and not all(map(is_public, found)):
        raise _private()
    return found[:_MOST_ADDRESSES]


def _resolved(host: str, port: int, end: float) -> list[str]:
    """Ask the resolver, which knows no time limit of its own: a thread of its own may be left behind."""
    found: list[str] = []

    def ask() -> None:
        try:
            told = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return
        found.extend(dict.fromkeys(str(place[0]) for *_rest, place in told))

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(_left(end))
    if not found:
        raise OutboundError("The name of the server could not be found.")
    return list(found)


def _connected(target: Target, addresses: list[str], end: float) -> socket.socket:
    """Return a connection to the first of these addresses that takes one."""
    for address in addresses:
        try:
            return socket.create_connection((address, target.port), timeout=_left(end))
        except OSError:
            continue
    raise OutboundError("No connection to the server could be made.")


def _secured(target: Target, line: socket.socket) -> socket.socket:
    """Speak TLS where it is asked for: the name is told to the server, and looked for in its certificate."""
    if target.scheme == "http":
        return line
    return ssl.create_default_context().wrap_socket(line, server_hostname=target.host)


def _asked(target: Target, line: socket.socket, body: bytes, headers: Mapping[str, str]) -> Answer:
    connection = HTTPConnection(target.host, target.port)
    connection.sock, connection.auto_open = line, 0  # it never connects by itself
    own = {"Host": target.authority, "User-Agent": "mlplatform", "Connection": "close"}
    try:
        connection.request("POST", target.path, body=body, headers={**headers, **own})
        answer = connection.getresponse()
        answer.read(MOST_BYTES)
        return Answer(answer.status, _seconds(answer.headers.get("Retry-After", "")))
    finally:
        connection.close()


def _left(end: float) -> float:
    return max(0.05, end - time.monotonic())


def _cut(held: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it has ended by itself
        held.shutdown(socket.SHUT_RDWR)


def _seconds(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else None
