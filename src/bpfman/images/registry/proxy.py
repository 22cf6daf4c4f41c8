# SPDX-License-Identifier: Apache-2.0
"""Which proxy a request goes through: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, in either case.

Called once for each host.  NO_PROXY is read as Go's programs read it (golang.org/x/net/http/httpproxy), since that is
what the other tools of these users do: hosts, domains, addresses, networks, `*`, each with a port if it must.
"""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from bpfman.images.reference import is_loopback

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def proxy_for(scheme: str, host: str, port: int, environment: Mapping[str, str]) -> str:
    """The proxy's URL, or the empty string to connect directly; this machine is always asked directly."""
    address = f"[{host}]" if ":" in host else host
    if is_loopback(address) or _is_excepted(host.lower(), port, _variable("no_proxy", environment)):
        return ""
    proxy = _variable(f"{scheme}_proxy", environment) or _variable("all_proxy", environment)
    return proxy if not proxy or "://" in proxy else f"http://{proxy}"


def _variable(name: str, environment: Mapping[str, str]) -> str:
    return environment.get(name) or environment.get(name.upper()) or ""


def _is_excepted(host: str, port: int, exceptions: str) -> bool:
    return any(
        item == "*" or _matches(host, port, item)
        for item in (part.strip().lower() for part in exceptions.split(","))
        if item
    )


def _matches(host: str, port: int, item: str) -> bool:
    if "/" in item:
        return _in_network(host, item)
    name, its_port = _split_port(item)
    if its_port and its_port != str(port):
        return False
    if name.startswith("*."):
        name = name[1:]
    return host.endswith(name) if name.startswith(".") else host == name or host.endswith(f".{name}")


def _split_port(item: str) -> tuple[str, str]:
    if item.startswith("["):
        name, _, rest = item[1:].partition("]")
        return name, rest.removeprefix(":")
    name, colon, port = item.rpartition(":")
    return (name, port) if colon and ":" not in name else (item, "")


def _in_network(host: str, network: str) -> bool:
    try:
        return ip_address(host) in ip_network(network, strict=False)
    except ValueError:
        return False
