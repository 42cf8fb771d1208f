"""Ways to cheat the gate, each refused by the test that is there for it; and an honest sample, which passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from node.learning.data.rows import Rows
from node.learning.data.schema import Schema
from node.learning.synth.measure import attacks, utility
from node.learning.synth.measure.gate import Circumstances, Report, Thresholds
from node.learning.synth.measure.measuring import About, Sides, measure, report_of
from node.learning.synth.measure.tables import Space, Table, table_of

N = 400
SCHEMA = Schema.of_value(
    "clinic",
    [
        {"name": "age", "kind": "number", "role": "quasi_identifier", "range": [18, 100], "decimals": 2},
        {"name": "lab", "kind": "number", "role": "feature", "range": [-10, 10], "decimals": 3},
        {"name": "sex", "kind": "category", "role": "quasi_identifier", "categories": ["f", "m", "x"]},
        {"name": "ill", "kind": "boolean", "role": "label"},
    ],
)


@pytest.fixture(autouse=True)
def _small_forests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(utility, "TREES", 5)


def drawn(seed: int) -> Rows:
    """Rows of one law: R, H and an honest S are three such samples."""
    rng = np.random.default_rng(seed)
    ill = rng.integers(0, 2, N)
    age = np.clip(55 + 8 * ill + rng.normal(0, 10, N), 18, 100).round(2)
    lab = np.clip(2 * ill + rng.normal(0, 1.5, N), -10, 10).round(3)
    sex = (rng.random(N) < 0.3 + 0.3 * ill).astype(float)
    return Rows({"age": age, "lab": lab, "sex": sex}, ill.astype(np.int64), tuple(f"{seed}.{i}" for i in range(N)))


REAL, HELD, HONEST = drawn(1), drawn(2), drawn(3)


def judged(made: Rows, *, shared: bool = False, knows: bool = False, real: Rows = REAL) -> Report:
    def discriminator(rows: Rows) -> np.ndarray:
        return np.full(len(rows), float(rows.patients[0] == REAL.patients[0]))

    found = measure(Sides(real, HELD, made, SCHEMA, discriminator=discriminator if knows else None))
    about = About("ab" * 32, "cd" * 32, "ef" * 32, "01" * 32, "north", 1, len(made))
    return report_of(found, about, Thresholds(), Circumstances("table", found.continuous, shared))


def failed(made: Rows, **how: bool) -> set[str]:
    return {one.name for one in judged(made, **how).failed}  # type: ignore[arg-type]


def nearly(rows: Rows, spread: float) -> Rows:
    """The same rows with a little noise: a share of each column's spread."""
    rng = np.random.default_rng(9)
    moved = {
        name: rows.features[name] + spread * float(rows.features[name].std()) * rng.normal(size=N)
        for name in ("age", "lab")
    }
    return replace(rows, features=rows.features | {"age": moved["age"].round(2), "lab": moved["lab"].round(3)})


def partly(rows: Rows, count: int) -> Rows:
    """So many of these rows, and honest ones for the rest."""
    features = {name: np.concatenate([rows.features[name][:count], x[count:]]) for name, x in HONEST.features.items()}
    return Rows(features, np.concatenate([rows.label[:count], HONEST.label[count:]]), HONEST.patients)


def noise() -> Rows:
    rng = np.random.default_rng(5)
    features = {
        "age": rng.uniform(18, 100, N),
        "lab": rng.uniform(-10, 10, N),
        "sex": rng.integers(0, 2, N).astype(float),
    }
    return replace(HONEST, features=features)


def one_row() -> Rows:
    features = {name: np.full(N, x[0]) for name, x in HONEST.features.items()}
    return replace(HONEST, features=features, label=np.full(N, HONEST.label[0]))


def test_an_honest_sample_of_the_same_law_passes() -> None:
    assert failed(HONEST, knows=True) == set()  # what a private discriminator knows is not asked


CHEATS: list[tuple[str, str, Callable[[], Rows], set[str]]] = [
    ("R01", "training rows", lambda: REAL, {"exact_copies", "dcr_share", "mia_distance"}),
    ("R01", "ten training rows among others", lambda: partly(REAL, 10), {"exact_copies"}),
    ("R01", "held-out rows, which are patients too", lambda: HELD, {"exact_copies"}),
    ("R01", "training rows with a little noise", lambda: nearly(REAL, 0.1), {"dcr_share", "mia_distance"}),
    ("R01", "a fifth of them so", lambda: partly(nearly(REAL, 0.05), N // 5), {"dcr_share", "mia_distance"}),
    ("R02", "noise", noise, {"shapes", "pairs", "tstr_auroc"}),
    ("R02", "labels turned round", lambda: replace(HONEST, label=1 - HONEST.label), {"tstr_auroc"}),
    ("R02", "one class", lambda: replace(HONEST, label=np.ones(N, np.int64)), {"tstr_auroc", "rare"}),
    ("R02", "one row again and again", one_row, {"shapes", "pairs", "tstr_auroc"}),
]


@pytest.mark.parametrize(
    ("make", "expected"),
    [pytest.param(make, by, id=name, marks=pytest.mark.attack(id_)) for id_, name, make, by in CHEATS],
)
def test_a_cheat_is_refused_by_name(make: Callable[[], Rows], expected: set[str]) -> None:
    assert expected <= failed(make())


@pytest.mark.attack("R03")
def test_a_discriminator_that_knows_its_patients_is_refused_where_it_travelled() -> None:
    assert failed(HONEST, shared=True, knows=True) == {"mia_discriminator"}
    assert failed(HONEST, shared=True) == {"mia_discriminator"}  # nor is it passed over where nobody measured it


@pytest.mark.attack("R06")
def test_a_category_of_three_patients_must_not_appear() -> None:
    sex = REAL.features["sex"].copy()
    sex[:3] = 2.0
    real = replace(REAL, features=REAL.features | {"sex": sex})
    theirs = HONEST.features["sex"].copy()
    theirs[:1] = 2.0

    made = replace(HONEST, features=HONEST.features | {"sex": theirs})
    assert {one.name for one in judged(made, real=real).failed} == {"rare"}


# ---------------------------------------------------------------- oracles of what is shown and not asked


@pytest.mark.attack("R06")
def test_k_map_is_that_of_counting_each_row_by_hand() -> None:
    real, made = table_of(REAL, SCHEMA), table_of(HONEST, SCHEMA)
    low, high = REAL.features["age"].min(), REAL.features["age"].max()
    edges = np.linspace(low, high, 11)[1:-1]

    def key(rows: Rows, i: int) -> tuple[int, float]:
        return int((rows.features["age"][i] >= edges).sum()), float(rows.features["sex"][i])

    matches = [sum(key(REAL, j) == key(HONEST, i) for j in range(N)) for i in range(N)]
    few, nobody, count = attacks.k_map(real, made, 5)
    assert count == sum(0 < m < 5 for m in matches)
    assert few.value == pytest.approx(count / N)
    assert nobody.value == pytest.approx(sum(m == 0 for m in matches) / N)


@pytest.mark.attack("R07")
def test_guessing_a_column_is_that_of_looking_for_the_most_similar_row_by_hand() -> None:
    def hits(real: Table, among: Table) -> float:
        space = Space.of(real, ["sex"])
        x, y = space.place(real), space.place(among)
        near = [int(((y - one) ** 2).sum(axis=1).argmin()) for one in x]
        return float((among.values["sex"][near] == real.values["sex"]).mean())

    real, held, copied = table_of(REAL, SCHEMA), table_of(HELD, SCHEMA), table_of(nearly(REAL, 0.05), SCHEMA)
    guessed, gain = attacks.attribute_inference(real, held, copied, "sex", 0)
    assert guessed.value == pytest.approx(hits(real, copied))
    assert guessed.against == pytest.approx(hits(real, held))
    assert gain.lower is not None
    assert gain.lower > 0.2  # rows that lie beside their patients give the column away
    honest = attacks.attribute_inference(real, held, table_of(HONEST, SCHEMA), "sex", 0)[1]
    assert honest.lower is not None
    assert honest.lower < 0.05
