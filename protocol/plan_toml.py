"""``plan.toml``: the plan as people read, edit and send it.

The same names as the canonical map; hashes as 64 hex digits; reals may be written as numbers; a key
left out takes its default, a nil one is left out. What is written here reads back as the same plan.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from protocol.errors import PlanError
from protocol.plan_form import PLAN, TABLES
from protocol.reals import Real, is_decimal
from protocol.release import written

if TYPE_CHECKING:
    from protocol.plan import Plan

_INLINE = ("task",)  # short tables that stand among the plain keys
_SECTIONS = {
    "v": "What it is",
    "roster": "Who takes part",
    "task": "What is learned",
    "weighting": "How much each region counts, and what is summed before training",
    "rounds": "Rounds",
    "topology": "Who talks to whom",
    "exchange": "What travels",
    "robustness": "Against false updates",
    "skew_ms": "Clocks",
}


def parse(text: str) -> dict[str, Any]:
    """Return the values of a ``plan.toml``; floats as ``Real``.

    Raises:
        PlanError: It is not TOML.
    """
    try:
        return tomllib.loads(text, parse_float=Real)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise PlanError(
            rule="toml", found=f"text that is not TOML ({error})", expected="key = value lines and [tables]",
            fix="Correct that line; `landsting study new` writes a plan to start from.",
        ) from error  # fmt: skip


def write(plan: Plan) -> str:
    """Return the text of a plan."""
    value = plan.value()
    lines = [f"# The plan of a study of {plan.n} regions on {plan.topology}.",
             "# Its id is the hash of these values: change one, and it is another study."]  # fmt: skip
    lines += [f"# Note: {sentence}." for sentence in plan.sentences()]
    for key, field in PLAN.items():
        if key in _SECTIONS:
            lines += ["", f"# {_SECTIONS[key]}"]
        if key == "graphs":
            lines += _graphs(value[key], plan.regions, field.comment)
        elif key not in TABLES and key != "settings":
            lines.append(_line(key, value[key], field.comment, key == "clip"))
        elif key in _INLINE:
            inner = ", ".join(f"{name} = {_value(value[key][name])}" for name in TABLES[key])
            lines.append(f"{key} = {{ {inner} }}")
    lines += _table("settings", dict(sorted(value["settings"].items())), {})
    for key, fields in TABLES.items():
        if key in _INLINE:
            continue
        if value[key] is None:
            lines += ["", f"# [{key}]   left out: no differential privacy"]
        else:
            inner_values = {name: value[key][name] for name in fields}
            if key == "release":
                inner_values["tests"] = {name: Real(written(one)) for name, one in value[key]["tests"].items()}
            lines += _table(key, inner_values, {name: field.comment for name, field in fields.items()})
    return "\n".join(lines) + "\n"


def _table(key: str, value: Mapping[str, Any], comments: Mapping[str, str]) -> list[str]:
    real = key == "settings"
    return ["", f"[{key}]", *(_line(name, one, comments.get(name, ""), real) for name, one in value.items())]


def _line(key: str, value: Any, comment: str, real: bool = False) -> str:
    name = key if all(c.isalnum() or c in "_-" for c in key) else json.dumps(key)
    if value is None:
        return f"# {name}: none" + (f"; {comment}" if comment else "")
    line = f"{name} = {_value(value, real=real)}"
    if not comment:
        return line
    return f"{line:<32} # {comment}" if len(line) <= 60 else f"# {comment}\n{line}"


def _value(value: Any, real: bool = False) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int():
            return str(value)
        case bytes():
            return f'"{value.hex()}"'
        case Real():
            return value
        case str() if real and "." in value and is_decimal(value):
            return value  # a real: reads back as the same string
        case str():
            return json.dumps(value, ensure_ascii=False)
        case list():
            return "[" + ", ".join(_value(one) for one in value) + "]"
        case dict():
            inner = ", ".join(f"{json.dumps(name)} = {_value(one)}" for name, one in sorted(value.items()))
            return f"{{ {inner} }}" if inner else "{}"
    raise TypeError(f"{type(value).__name__} in a plan")


def _graphs(graphs: list[list[list[int]]], regions: Iterable[str], comment: str) -> list[str]:
    places = ", ".join(f"{index} {name}" for index, name in enumerate(regions))
    shown = [f"# {comment}"] + ([f"# {places}"] if len(places) <= 400 else [])
    return [*shown, "graphs = [", *(f"  {_value(edges)}," for edges in graphs), "]"]
