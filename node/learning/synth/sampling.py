"""Rows from an exported generator: any number, the same for the same seed, in pieces.

Reads what ``model export`` writes: ``NAME.safetensors`` with the generator's running mean (``ema``; of a VAE its
``decoder``) and ``NAME.json`` with the coding. Needs no torch, no manifest and no real row.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from node.learning.errors import ConfigError
from node.learning.evaluate import FORMAT
from node.learning.files import file_bytes
from node.learning.hashing import stream, tagged_hash
from node.learning.synth import tables
from node.learning.synth.coding import Part, TableCoding
from node.learning.vectors import Floats

if TYPE_CHECKING:
    import pandas as pd

CHUNK = 10_000
BLOCK = 4096  # rows that one stream of chance makes
TRIES = 2_000_000  # candidates at most for a condition
LEAST = 200_000  # candidates before a condition that nothing meets is given up
SAMPLED = {"tabgan": "ema", "tabvae": "decoder"}  # task -> the module that makes rows
PROBES = 4096  # rows from which the correction is found
ROUNDS = 20
MOST = 6.0  # largest correction of a logit


@dataclass(frozen=True, slots=True)
class Generator:
    """An exported generator.

    Attributes:
        parameters: Of the module that makes rows.
        noise: Numbers of chance for each row.
        shift: Correction of the logits: see ``correction``.
        sha256: Of the safetensors file, in hex.
        about: The whole description beside it.
    """

    coding: TableCoding
    parameters: Mapping[str, Floats]
    noise: int
    shift: Floats
    sha256: str
    about: Mapping[str, object]

    def rows(self, labels: NDArray[np.int64], rng: np.random.Generator) -> Floats:
        """Return coded rows of these classes, float32 (n, width)."""
        x = tables.sample(self.parameters, self.coding, labels, self.noise, rng, self.shift)
        for part in self.coding.parts:
            if part.offset is not None and part.shares is not None:
                x[:, part.offset] = 2 * rng.random(len(labels), np.float32) - 1  # ranks within a bin are uniform
        return x


def read_generator(model: Path) -> Generator:
    """Return an exported generator (``model`` is the safetensors file).

    Raises:
        ConfigError: A file is missing, damaged, or the model makes no table.
    """
    import hashlib

    from safetensors import SafetensorError
    from safetensors.numpy import load

    data = file_bytes(model, "model")
    side = file_bytes(model.with_suffix(".json"), "model's description")
    try:
        about = json.loads(side)
        if about["format"] != FORMAT:
            raise ConfigError(f"{model.name} is of another format", FORMAT, "Export it with this version.")
        if about["task"] not in SAMPLED:
            known = " or ".join(SAMPLED)
            raise ConfigError(f"a model of task {about['task']}", f"one of {known}", "Give a generator of tables.")
        coding = TableCoding.of_value(about["coding"])
        prefix = SAMPLED[about["task"]] + "."
        parameters = {n.removeprefix(prefix): v for n, v in load(data).items() if n.startswith(prefix)}
        noise = int(about["settings"]["noise"])
        inputs, hidden = noise + len(coding.classes), len(parameters["0.bias"])
        wanted = tables.generator_shapes(inputs, hidden, coding.width)
        if {name: value.shape for name, value in parameters.items()} != wanted:
            raise ConfigError(f"{model.name} has other shapes than its coding", "one export", "Export it again.")
    except (ValueError, KeyError, TypeError, IndexError, SafetensorError) as error:
        raise ConfigError(f"{model.name} or its .json is damaged", "an exported model", "Export it again.") from error
    shift = correction(parameters, coding, noise)
    return Generator(coding, parameters, noise, shift, hashlib.sha256(data).hexdigest(), about)


def correction(parameters: Mapping[str, Floats], coding: TableCoding, noise: int) -> Floats:
    """Return what to add to the logits so that each place is made as often as all regions together have it.

    The shares were opened in the sum rounds; nothing else is used. Columns whose shares were not summed stay as
    the generator makes them. float32 (width,).

    Source: iterative proportional fitting (Deming and Stephan 1940), on the logits of each column by itself.
    """
    rng = np.random.Generator(stream("synth-correction"))
    until = np.cumsum(coding.prior)
    labels = np.minimum(np.searchsorted(until, (np.arange(PROBES) + 0.5) / PROBES * until[-1]), len(until) - 1)
    z = rng.standard_normal((PROBES, noise), np.float32)
    out = tables.heads(parameters, np.concatenate([z, tables.one_hot(labels, len(until))], axis=1))
    shift = np.zeros(coding.width, np.float32)
    for part in coding.parts:
        if part.shares is None:
            continue
        is_open = np.asarray(part.open)
        logits = out[:, part.at : part.until][:, is_open].astype(np.float64)
        shares = np.asarray(part.shares)[is_open]
        moved = np.zeros(len(shares))
        for _ in range(ROUNDS):
            p = np.exp(logits + moved - (logits + moved).max(axis=1, keepdims=True))
            p /= p.sum(axis=1, keepdims=True)
            moved = np.clip(moved + np.log(np.maximum(shares, 1e-9) / np.maximum(p.mean(axis=0), 1e-9)), -MOST, MOST)
        shift[np.arange(part.at, part.until)[is_open]] = moved
    return shift


def generate(
    model: Path,
    *,
    rows: int,
    seed: int,
    condition: Mapping[str, str] = {},
    chunk: int = CHUNK,
) -> Iterator[pd.DataFrame]:
    """Yield synthetic rows of an exported generator, ``chunk`` at a time; the last piece may be shorter.

    The rows depend on model, seed and condition alone, not on ``chunk``; fewer rows are the first of more.

    Args:
        model: The safetensors file that ``model export`` wrote, its .json beside it.
        condition: What each row must be: the label's class, a category, or of a number ``VALUE`` or ``LOW..HIGH``;
            ``""`` for missing. The label is given to the generator; other columns by leaving rows out.

    Raises:
        ConfigError: No generator, an unknown column or value, or a condition that (almost) no row meets.
    """
    generator = read_generator(model)
    if rows < 0 or chunk < 1:
        raise ConfigError(f"{rows} rows in pieces of {chunk}", "0 or more rows, pieces of 1 or more", "Correct it.")
    label, tests = _conditions(generator.coding, condition)
    return _pieces(generator, rows, seed, label, tests, chunk, dict(condition))


Test = Callable[["pd.DataFrame"], NDArray[np.bool_]]


def _pieces(
    generator: Generator, rows: int, seed: int, label: int | None, tests: list[Test], chunk: int, words: dict[str, str]
) -> Iterator[pd.DataFrame]:
    import pandas as pd

    held: list[pd.DataFrame] = []
    waiting = done = tried = block = 0
    while done + waiting < rows:
        bits = np.random.PCG64(int.from_bytes(tagged_hash("synth-rows", f"{seed} {block}".encode())[:16], "big"))
        rng = np.random.Generator(bits)
        drawn = tables.drawn_labels(generator.coding.prior, BLOCK, rng)
        labels = drawn if label is None else np.full(BLOCK, label, np.int64)
        frame = generator.coding.decode(generator.rows(labels, rng), labels)
        for test in tests:
            frame = frame[test(frame)]
        block, tried = block + 1, tried + BLOCK
        frame = frame.iloc[: rows - done - waiting]
        held.append(frame)
        waiting += len(frame)
        if tests and ((done + waiting == 0 and tried >= LEAST) or tried >= TRIES + BLOCK * rows):
            wanted = ", ".join(f"{name}={value}" for name, value in words.items())
            raise ConfigError(
                f"{done + waiting} of {tried} candidates with {wanted}",
                f"{rows} rows",
                "Ask for fewer rows or a wider condition: the generator hardly makes such rows.",
            )
        while waiting >= chunk:
            whole = pd.concat(held, ignore_index=True) if len(held) > 1 else held[0].reset_index(drop=True)
            yield whole.iloc[:chunk].reset_index(drop=True)
            held, waiting, done = [whole.iloc[chunk:]], waiting - chunk, done + chunk
    if waiting:
        yield pd.concat(held, ignore_index=True)


def _conditions(coding: TableCoding, condition: Mapping[str, str]) -> tuple[int | None, list[Test]]:
    """Return the label's class and a test for each other column."""
    label: int | None = None
    tests: list[Test] = []
    parts = {part.name: part for part in coding.parts}
    for name, value in condition.items():
        if name == coding.label:
            if value not in coding.classes:
                found = f"{name}={value}"
                raise ConfigError(found, f"one of {', '.join(coding.classes)}", "Correct the condition.")
            label = coding.classes.index(value)
        elif name not in parts:
            known = ", ".join(coding.order)
            raise ConfigError(f"a condition on {name!r}", f"one of the columns {known}", "Correct the condition.")
        else:
            tests.append(_test(parts[name], value))
    return label, tests


def _test(part: Part, value: str) -> Test:
    name = part.name
    if value == "" and part.has_missing:
        return lambda frame: np.asarray(frame[name].isna(), np.bool_)
    if part.offset is None:
        usable = [one for one, is_open in zip(part.names, part.open, strict=True) if one and is_open]
        if value not in usable:
            raise ConfigError(f"{name}={value}", f"one of {', '.join(usable)}", "Correct the condition.")
        return lambda frame: np.asarray(frame[name].astype(str) == value, np.bool_)
    low, dots, high = value.partition("..")
    try:
        least, most = float(low), float(high if dots else low)
    except ValueError:
        raise ConfigError(f"{name}={value}", "a number or LOW..HIGH", "Correct the condition.") from None
    if not least <= most:
        raise ConfigError(f"{name}={value}", "LOW no more than HIGH", "Correct the condition.")

    def within(frame: pd.DataFrame) -> NDArray[np.bool_]:
        values = frame[name].astype("float64").to_numpy()
        return np.asarray((values >= least) & (values <= most), np.bool_)

    return within
