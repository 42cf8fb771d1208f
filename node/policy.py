"""A region's policy: what it lets itself be asked, in ``policy.toml`` of its home.

```toml
proposers = ["*"]              # regions whose proposals may be accepted
tasks = ["*"]                  # tasks that may run; a task of one's own also needs its code below
roles = ["technical"]          # roles that must accept before the region's ACCEPT leaves
anonymity = "show"             # "block": data whose groups are too small is not bound either
eps_max = "8"                  # largest epsilon of one study; left out, no limit
delta_max = "0.01"             # largest delta of one study; below 1 / patients of the data set besides
budget = "20"                  # epsilon over all studies with privacy (eps_max refuses those without it, but for lab)
device = "cpu"                 # auto, cpu or cuda:N: where the training worker computes

[data]                         # data sets that may be used, and for which purposes; left out, all
heart = ["research", "quality"]

[code."mytask.make"]           # own tasks (landsting task check prints the hash)
path = "/srv/landsting/tasks"
sha256 = "…"
```
A file that is not there is the policy of the defaults above; one that is empty is none.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from node.errors import ConfigError, Refused
from protocol.plan import Plan
from protocol.plan_form import PURPOSES

NAME = "policy.toml"
ROLES = ("technical", "controller", "dpo")
KEYS = ("proposers", "tasks", "roles", "anonymity", "eps_max", "delta_max", "budget", "device", "data", "code")
MICRO = 1_000_000
DELTA_MAX_U12 = 10**10  # a hundredth: beyond it the promise is none for a region of a hundred patients


@dataclass(frozen=True, slots=True)
class Code:
    """A task of the region's own: the folder it is imported from and the hash that its sources must have."""

    path: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class Policy:
    """What ``policy.toml`` says; see the module's example for each key.

    Attributes:
        eps_max_u, budget_u: In 1e-6; None for no limit.
        delta_max_u12: In 1e-12.
        data: Purposes by data set; None for all.
    """

    proposers: tuple[str, ...] = ("*",)
    tasks: tuple[str, ...] = ("*",)
    roles: tuple[str, ...] = ("technical",)
    anonymity: str = "show"
    eps_max_u: int | None = None
    delta_max_u12: int = DELTA_MAX_U12
    budget_u: int | None = None
    device: str = "cpu"
    data: Mapping[str, tuple[str, ...]] | None = None
    code: Mapping[str, Code] = field(default_factory=dict)

    @classmethod
    def load(cls, home: Path) -> Policy:
        """Return a home's policy; the defaults where there is no file.

        Raises:
            ConfigError: The file is empty or not TOML, or a key is unknown or of another form.
        """
        path = home / NAME
        if not path.is_file():
            return cls()
        try:
            return cls.parse(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise _wrong(f"it cannot be read ({type(error).__name__})", "a readable text file") from error

    @classmethod
    def parse(cls, text: str) -> Policy:
        """Return the policy of a text; errors as ``load``."""
        if not text.strip():  # an editor may be writing it at this moment: no rule at all is not what it will say
            raise _wrong("it is empty", "at least one rule, or no such file")
        try:
            raw = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise _wrong(f"it is not TOML ({error})", "a text as `landsting policy show` prints it") from error
        for key in raw:
            if key not in KEYS:
                near = get_close_matches(key, KEYS, 1)
                raise _wrong(f"unknown key {key!r}", f"{near[0]!r}, perhaps" if near else f"one of {', '.join(KEYS)}")
        roles = _texts(raw, "roles", ("technical",))
        if not roles or set(roles) - set(ROLES):
            raise _wrong(f"roles = {list(roles)}", f"one or more of {', '.join(ROLES)}")
        anonymity = raw.get("anonymity", "show")
        if anonymity not in ("show", "block"):
            raise _wrong("anonymity of another form", '"show" or "block"')
        device = raw.get("device", "cpu")
        if not isinstance(device, str) or not re.fullmatch(r"auto|cpu|cuda:\d+", device):
            raise _wrong("device of another form", '"auto", "cpu" or "cuda:0"')
        data = raw.get("data")
        if data is not None and not isinstance(data, dict):
            raise _wrong("data of another form", '[data] with lines such as heart = ["research"]')
        for name in data or ():
            if unknown := sorted(set(_texts(data or {}, name, ())) - set(PURPOSES)):
                raise _wrong(f"purpose {unknown[0]!r} of data set {name}", f"one of {', '.join(PURPOSES)}")
        return cls(
            proposers=_texts(raw, "proposers", ("*",)),
            tasks=_texts(raw, "tasks", ("*",)),
            roles=roles,
            anonymity=anonymity,
            eps_max_u=_micro(raw, "eps_max"),
            delta_max_u12=_delta(raw),
            budget_u=_micro(raw, "budget"),
            device=device,
            data=None if data is None else {name: _texts(data, name, ()) for name in data},
            code=_code(raw.get("code", {})),
        )

    def check(self, plan: Plan, proposer: str | None, data: str | None = None, patients: int | None = None) -> None:
        """Refuse a study that the policy does not allow.

        Args:
            data, patients: The data set that it would train on, and how many patients are in it; None where nobody
                has said so.

        Raises:
            Refused: Which rule, and what would be allowed.
        """
        if proposer is not None and not _allows(self.proposers, proposer):
            allowed = ", ".join(self.proposers) or "nobody"
            raise _refused(f"the study is proposed by {proposer}", f"a proposal of {allowed}")
        name = str(plan.task["name"])
        if not _allows(self.tasks, name):
            raise _refused(f"task {name}", f"one of {', '.join(self.tasks)}")
        if "." in name and name not in self.code:
            raise _refused(f"task {name}, whose code is not allowed here", f'[code."{name}"] with path and sha256')
        if plan.dp is not None and self.eps_max_u is not None and plan.dp["eps_max_u"] > self.eps_max_u:
            raise _refused(
                f"a study of epsilon {plan.dp['eps_max_u'] / MICRO:g}", f"at most {self.eps_max_u / MICRO:g}"
            )
        if plan.dp is None and self.eps_max_u is not None and plan.schema != _NO_SCHEMA and not plan.lab:
            raise _refused("a study without differential privacy", f"epsilon of at most {self.eps_max_u / MICRO:g}")
        self._check_delta(plan, patients)
        if data is not None and self.data is not None:
            if data not in self.data:
                raise _refused(f"data set {data}", f"one of {', '.join(self.data) or 'none'}")
            if plan.purpose not in self.data[data]:
                raise _refused(f"{data} for {plan.purpose}", f"for {' or '.join(self.data[data]) or 'nothing'}")

    def _check_delta(self, plan: Plan, patients: int | None) -> None:
        """Refuse a delta that promises a patient nothing: with a chance of delta anything may be shown of one."""
        if plan.dp is None:
            return
        delta = Decimal(plan.dp["delta_u12"]).scaleb(-12)
        if plan.dp["delta_u12"] > self.delta_max_u12:
            raise _refused(
                f"a study of delta {delta.normalize():f}",
                f"at most {Decimal(self.delta_max_u12).scaleb(-12).normalize():f} (delta_max)",
            )
        if patients and delta * patients >= 1 and not plan.lab:
            raise _refused(
                f"a study of delta {delta.normalize():f} on {patients} patients, which would allow it to show"
                " one of them whole",
                f"a delta below 1/{patients} = {1 / patients:.2g}",
            )

    def admit(self) -> None:
        """Let the tasks of one's own be found in this process; their sources are hashed before they are imported.

        Raises:
            ConfigError (of learning): A task's sources are not those that the policy names.
        """
        from node.learning.registry import admit

        for name, code in self.code.items():
            admit(name, code.path, code.sha256)

    def to_toml(self) -> str:
        """Return the policy as a text that ``parse`` reads."""
        lines = [
            f"proposers = {_list(self.proposers)}",
            f"tasks = {_list(self.tasks)}",
            f"roles = {_list(self.roles)}",
            f'anonymity = "{self.anonymity}"',
        ]
        if self.eps_max_u is not None:
            lines.append(f'eps_max = "{Decimal(self.eps_max_u) / MICRO}"')
        lines.append(f'delta_max = "{Decimal(self.delta_max_u12).scaleb(-12).normalize():f}"')
        if self.budget_u is not None:
            lines.append(f'budget = "{Decimal(self.budget_u) / MICRO}"')
        lines.append(f'device = "{self.device}"')
        if self.data is not None:
            lines += ["", "[data]", *(f'"{name}" = {_list(purposes)}' for name, purposes in self.data.items())]
        for name, code in self.code.items():
            lines += ["", f'[code."{name}"]', f'path = "{code.path}"', f'sha256 = "{code.sha256}"']
        return "\n".join(lines) + "\n"


def _no_schema() -> bytes:
    import hashlib

    return hashlib.sha256(b"landsting/v1/SCHEMA\0[]").digest()


_NO_SCHEMA = _no_schema()  # of a task without data; ``node.learning`` has it too, and torch near it


def _allows(allowed: tuple[str, ...], name: str) -> bool:
    return "*" in allowed or name in allowed


def _texts(raw: Mapping[str, Any], key: str, default: tuple[str, ...]) -> tuple[str, ...]:
    value = raw.get(key, default)
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        raise _wrong(f"{key} of another form", f'a list of texts such as {key} = ["*"]')
    return tuple(value)


def patients_of(home: Path, data: str) -> int | None:
    """Return how many patients a bound data set has, as its newest sheet says; None where there is none to read."""
    numbered = {
        int(number): path
        for path in (home / "data" / "sheets").glob("*.json")
        if (name := path.stem.rpartition("-"))[0] == data and (number := name[2]).isdigit()
    }
    if not numbered:
        return None
    try:
        found = json.loads(numbered[max(numbered)].read_text(encoding="utf-8")).get("patients")
    except (OSError, ValueError, AttributeError):
        return None
    return found if isinstance(found, int) else None


def _micro(raw: Mapping[str, Any], key: str) -> int | None:
    value = raw.get(key)
    if value is None:
        return None
    number = _number(value)
    if number is None or number <= 0:
        raise _wrong(f"{key} is no number above 0", f'a decimal such as {key} = "8"')
    return int(number * MICRO)


def _delta(raw: Mapping[str, Any]) -> int:
    value = raw.get("delta_max")
    if value is None:
        return DELTA_MAX_U12
    number = _number(value)
    if number is None or not 0 < number < 1:
        raise _wrong("delta_max is no number between 0 and 1", 'a decimal such as delta_max = "1e-3"')
    return int(number.scaleb(12))


def _number(value: object) -> Decimal | None:
    """Return a finite number, or None."""
    try:
        number = Decimal(str(value)) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
    except InvalidOperation:
        return None
    return number if number is not None and number.is_finite() else None


def _code(raw: Any) -> dict[str, Code]:
    out: dict[str, Code] = {}
    for name, one in (raw if isinstance(raw, dict) else {"code": raw}).items():
        known = dict(one) if isinstance(one, dict) else {}
        path, sha256 = known.get("path"), known.get("sha256")
        good = "." in name and set(known) == {"path", "sha256"}
        if not good or not isinstance(path, str) or not isinstance(sha256, str):
            raise _wrong(f"[code] {name} of another form", '[code."module.factory"] with path and sha256')
        out[name] = Code(Path(path), sha256)
    return out


def _list(values: tuple[str, ...]) -> str:
    return "[" + ", ".join(f'"{value}"' for value in values) + "]"


def _wrong(found: str, expected: str) -> ConfigError:
    return ConfigError(f"{NAME}: {found}", expected, "Correct that file: landsting policy edit.")


def _refused(found: str, expected: str) -> Refused:
    return Refused("POLICY", f"{found}; the region's policy does not allow it", expected, "landsting policy show")
