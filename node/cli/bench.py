"""``landsting bench``: our figures beside their limits, each with what the same bytes cost without us.

A benchmark is a file in ``benchmarks/`` beside the packages, with ``run(seed) -> list of figures``;
the first line of its docstring is what the list says. A figure is a dict with ``name, value, unit``
and, where it has them, ``limit, direction, floor, ratio, spread``.
"""

from __future__ import annotations

import ast
import importlib.util
import platform
import sys
from pathlib import Path
from typing import Any

import click

from node.cli.output import REFUSED, Refusal, emit, note, say, table
from node.cli.root import common

KEYS = ("name", "value", "unit", "limit", "direction", "floor", "ratio", "seeds", "spread", "command", "machine")


@click.command()
@click.argument("name", required=False)
@click.option("--list", "listed", is_flag=True, help="Name every benchmark.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option(
    "--ctgan", type=click.Path(path_type=Path), help="Of gan-second: the Python that has ctgan and lifelines."
)
@common
def bench(name: str | None, listed: bool, seed: int, ctgan: Path | None, as_json: bool) -> int:
    """Run benchmark NAME, or 'all'. Exit code 1 if a limit is missed."""
    known = benchmarks()
    name = name.replace("_", "-") if name is not None else None
    if listed or name is None:
        if as_json:
            emit([{"name": one, "about": about(path)} for one, path in known.items()])
        else:
            say(table([(one, about(path)) for one, path in known.items()], ["name", "what it measures"]))
        return 0
    name = name if name in known else name.replace("-", "_")
    if name != "all" and name not in known:
        raise Refusal(
            "FILE",
            f"there is no benchmark '{name}'",
            ", ".join(known) or "a checkout with benchmarks/",
            "landsting bench --list",
        )
    if ctgan is not None and name not in ("gan-second", "all"):
        raise Refusal("FILE", f"--ctgan with '{name}'", "--ctgan with gan-second only", "Leave it out.")
    figures: list[dict[str, Any]] = []
    for one in known if name == "all" else [name]:
        given = {"ctgan": ctgan} if one == "gan-second" else {}
        if not as_json:
            note(f"{one}: {about(known[one])}")
        found = [_filled(figure, one, seed) for figure in _load(one, known[one]).run(seed, **given)]
        figures += found
        if not as_json:
            say(in_words(found))
        for figure in found if as_json else []:
            emit(figure)
    missed = [figure["name"] for figure in figures if not is_met(figure)]
    if missed:
        note(f"limit missed: {', '.join(missed)}")
    return REFUSED if missed else 0


def benchmarks() -> dict[str, Path]:
    """Return every benchmark by name."""
    folder = Path(__file__).resolve().parents[2] / "benchmarks"
    files = [path for path in sorted(folder.glob("*.py")) if "def run(" in path.read_text(encoding="utf-8")]
    return {path.stem.replace("_", "-"): path for path in files}


def about(path: Path) -> str:
    """Return the first line of a benchmark's docstring, without importing it."""
    return (
        (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or path.stem).splitlines()[0].replace("``", "")
    )


def _load(name: str, path: Path) -> Any:
    root = str(path.parents[1])
    if root not in sys.path:
        sys.path.insert(0, root)  # benchmarks share helpers, and other distributions install a `benchmarks`
    spec = importlib.util.spec_from_file_location(f"landsting_bench_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses of a benchmark look their module up there
    spec.loader.exec_module(module)
    return module


def _filled(figure: dict[str, Any], bench: str, seed: int) -> dict[str, Any]:
    """Return a figure with every key, in order."""
    rest = {
        "direction": "less",
        "seeds": [seed],
        "command": f"landsting bench {bench} --seed {seed}",
        "machine": machine(),
    }
    return {key: figure.get(key, rest.get(key)) for key in KEYS}


def is_met(figure: dict[str, Any]) -> bool:
    """Whether a figure keeps its limit; one without a limit does."""
    if figure["limit"] is None or figure["value"] is None:
        return figure["limit"] is None
    match figure["direction"]:
        case "more":
            return bool(figure["value"] >= figure["limit"])
        case "exactly":  # a count that is documented: more is as wrong as fewer
            return bool(figure["value"] == figure["limit"])
        case _:
            return bool(figure["value"] <= figure["limit"])


def _limit(figure: dict[str, Any], value: str) -> str:
    words = {"more": "at least", "exactly": "exactly"}.get(figure["direction"], "at most")
    return f"{words} {value}" if value else ""


def machine() -> str:
    """Return what the figures were measured on."""
    import os

    model = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    except OSError:
        pass
    return f"{os.cpu_count()} x {model}, {platform.system()}, Python {platform.python_version()}"


def in_words(figures: list[dict[str, Any]]) -> str:
    """Return figures as a table."""

    def number(value: object) -> str:
        return "" if value is None else f"{value:.4g}" if isinstance(value, int | float) else str(value)

    rows = [
        (
            f["name"], number(f["value"]), f["unit"],
            _limit(f, number(f["limit"])),
            number(f["floor"]), number(f["ratio"]), "" if is_met(f) else "MISSED",
        )
        for f in figures
    ]  # fmt: skip
    return table(rows, ["figure", "value", "unit", "limit", "floor", "ratio", ""], right=(1, 4, 5))
