"""``home.toml``: what an operator may set for one node, with a default for all but the name.

Example::

    version = 1
    network = "landsting.example"
    name = "vgr"
    advertise = ["tcp://fl.vgr.example:7700"]
    bind = "tcp://0.0.0.0:7700"

    [links]
    heartbeat_s = 5
    silence_s = 15

    [limits]
    memory_mib = 1024
    train_s = 3600

``advertise`` is where others reach this node (empty: it only dials out), ``bind`` where it listens.
A key that is not known is an error, with the one that was probably meant.
"""

from __future__ import annotations

import ipaddress
import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.errors import ConfigError
from protocol.names import closest

VERSION = 1
MAX_CONFIG = 64 * 1024
_TOP = ("version", "network", "name", "advertise", "bind", "links", "limits")
_LINKS = ("heartbeat_s", "silence_s", "retry_max_s")
_LIMITS = ("memory_mib", "in_flight_mib", "open_s", "train_s")


@dataclass(frozen=True, slots=True)
class Links:
    """Times of a link; None stands for what fits the address (loopback or not).

    Attributes:
        heartbeat_s: An idle link's other machine is asked so often whether it is there. 2 on loopback, else 5.
        silence_s: A link on which nothing came for so long is down. 6 on loopback, else 15.
        retry_max_s: Longest pause between two attempts to connect. 1 on loopback, else 30.
    """

    heartbeat_s: float | None = None
    silence_s: float | None = None
    retry_max_s: float | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What a node may use.

    Attributes:
        memory_mib: Growth of the daemon's memory, beyond what a study needs, at which links are closed.
        in_flight_mib: Bytes that one region may have under way to this one.
        open_s, train_s: Time after which a worker that opens a study, or does anything else, is taken
            to hang, and killed.
    """

    memory_mib: int = 512
    in_flight_mib: int = 1024
    open_s: float = 300.0
    train_s: float = 3600.0


@dataclass(frozen=True, slots=True)
class Config:
    """A node's settings.

    Attributes:
        advertise: Addresses on the region's card, the best first.
        bind: Where it listens; None: nowhere, it only dials out.
    """

    network: str
    name: str
    advertise: tuple[str, ...] = ()
    bind: str | None = None
    links: Links = Links()
    limits: Limits = Limits()

    def text(self) -> str:
        """Return the file that says this; links and limits stay at their defaults."""
        lines = [
            f"version = {VERSION}",
            f"network = {json.dumps(self.network)}",
            f"name = {json.dumps(self.name)}",
            "# Where others reach this node; empty if it only dials out.",
            f"advertise = {json.dumps(list(self.advertise))}",
        ]
        if self.bind is not None:
            lines += ["# Where it listens.", f"bind = {json.dumps(self.bind)}"]
        return "\n".join(lines) + "\n"


def read_config(path: Path) -> Config:
    """Return the settings of a file.

    Raises:
        ConfigError: It is missing, of another version, or has a wrong or unknown key.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_CONFIG + 1)
    except FileNotFoundError as error:
        raise ConfigError(
            f"there is no {path.name} in {path.parent}",
            "a home made by landsting init",
            f"landsting init --home {path.parent} --network NETWORK --name REGION --advertise tcp://HOST:PORT",
            code="HOME",
        ) from error
    if len(data) > MAX_CONFIG:
        raise ConfigError(f"{path} has more than {MAX_CONFIG} bytes", "a short file of settings", "correct it")
    try:
        values = tomllib.loads(data.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}", "a file as landsting init writes it", "correct it") from error
    return _config(path, values)


def _config(path: Path, values: dict[str, Any]) -> Config:
    found = values.get("version")
    if type(found) is not int or found != VERSION:
        raise ConfigError(
            f"{path.parent} is a home of version {found!r}",
            f"version {VERSION}",
            "use the landsting that made this home, or make a new one with landsting init",
            code="HOME",
        )
    _known(path, "", values, _TOP)
    links, limits = _table(path, values, "links", _LINKS), _table(path, values, "limits", _LIMITS)
    advertise = values.get("advertise", [])
    if not isinstance(advertise, list) or not all(isinstance(one, str) for one in advertise):
        raise _wrong(path, "advertise", advertise, 'a list such as ["tcp://fl.vgr.example:7700"]')
    bind = values.get("bind")
    if bind is not None:
        check_bind(bind, f"{path}: bind")
    return Config(
        network=_text(path, values, "network"),
        name=_text(path, values, "name"),
        advertise=tuple(advertise),
        bind=bind,
        links=Links(**{key: _seconds(path, f"links.{key}", value) for key, value in links.items()}),
        limits=Limits(**{key: _limit(path, key, value) for key, value in limits.items()}),  # type: ignore[arg-type]
    )


def _limit(path: Path, key: str, value: object) -> int | float:
    check = _whole if key.endswith("_mib") else _seconds
    return check(path, f"limits.{key}", value)


def _known(path: Path, where: str, values: dict[str, Any], keys: tuple[str, ...]) -> None:
    for key in values:
        if key not in keys:
            meant = closest(key, keys)
            fix = f"did you mean '{where}{meant}'?" if meant else f"known are: {', '.join(keys)}"
            raise ConfigError(f"{path}: unknown key '{where}{key}'", "a known one", fix)


def _table(path: Path, values: dict[str, Any], name: str, keys: tuple[str, ...]) -> dict[str, Any]:
    found = values.get(name, {})
    if not isinstance(found, dict):
        raise _wrong(path, name, found, f"a table [{name}]")
    _known(path, f"{name}.", found, keys)
    return found


def _text(path: Path, values: dict[str, Any], key: str) -> str:
    found = values.get(key)
    if not isinstance(found, str):
        raise _wrong(path, key, found, "a text")
    return found


def _seconds(path: Path, key: str, found: object) -> float:
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 < found < 10**7:
        raise _wrong(path, key, found, "seconds, more than 0")
    return float(found)


def _whole(path: Path, key: str, found: object) -> int:
    if type(found) is not int or not 1 <= found < 10**7:
        raise _wrong(path, key, found, "a whole number from 1")
    return found


def _wrong(path: Path, key: str, found: object, expected: str) -> ConfigError:
    return ConfigError(f"{path}: {key} is {found!r}", expected, f"correct {key} in {path}")


# ---------------------------------------------------------------- addresses


def split_address(address: str) -> tuple[str, int]:
    """Return (host, port) of ``tcp://HOST:PORT``; ValueError on any other form. An IPv6 host loses its brackets."""
    rest = address.removeprefix("tcp://")
    host, _, port = rest.rpartition(":")
    if rest == address or not host or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{address!r} is not tcp://HOST:PORT")
    return host.removeprefix("[").removesuffix("]"), int(port)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself, by its address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_bind(address: object, where: str) -> str:
    """Return an address to listen on.

    Raises:
        ConfigError: It is not an IP address with a port.
    """
    if isinstance(address, str):
        try:
            host, _ = split_address(address)
            ipaddress.ip_address(host)
        except ValueError:
            pass
        else:
            return address
    raise ConfigError(
        f"{where} is {address!r}",
        "tcp://ADDRESS:PORT with an IP address",
        "for instance tcp://0.0.0.0:7700",
        code="PORT",
    )


def bind_for(advertise: tuple[str, ...]) -> str | None:
    """Return where a node listens that was told only where it is reached: the same port, on every interface.

    Loopback stays loopback. None if nothing is advertised.
    """
    if not advertise:
        return None
    host, port = split_address(advertise[0])
    if is_loopback(host):
        return f"tcp://{'[::1]' if ':' in host else '127.0.0.1'}:{port}"
    return f"tcp://{'[::]' if ':' in host else '0.0.0.0'}:{port}"  # noqa: S104 - CURVE and the roster decide who gets in


def listening_address(config: Config) -> str | None:
    """Return where a node of these settings listens; None if it only dials out."""
    return config.bind or bind_for(config.advertise)
