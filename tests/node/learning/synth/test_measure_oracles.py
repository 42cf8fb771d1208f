"""Figures that others have computed: held-out rows of the four heart hospitals in the place of synthetic ones.

Known values: column shapes by sdmetrics 0.32.0 (KSComplement and TVComplement, .961), AUROC of a logistic
regression fitted on the training rows by scikit-learn (.881), pairs with the edges of the training rows (.924).
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ks_2samp
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors

from benchmarks.gan_tables import FOLDER, heart, rows_of
from node.learning.data.manifest import load
from node.learning.synth.measure import distance, likeness, utility
from node.learning.synth.measure.tables import Space, Table, table_of

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="../shared/data/heart-disease-uci is not there")


@pytest.fixture(scope="module")
def hospitals(tmp_path_factory: pytest.TempPathFactory) -> tuple[Table, Table]:
    """R and H: 486 and 254 rows, 11 columns."""
    found = heart(tmp_path_factory.mktemp("heart"))
    schema = load(found.pooled).schema_()
    return table_of(rows_of(found.pooled), schema), table_of(rows_of(found.union), schema)


def test_shapes_pairs_and_use_of_held_out_rows_are_the_known_ones(hospitals: tuple[Table, Table]) -> None:
    real, held = hospitals

    assert (len(real), len(held)) == (486, 254)
    assert likeness.shapes(real, held, None).value == pytest.approx(0.961, abs=5e-4)
    assert likeness.pairs(real, held, None).value == pytest.approx(0.924, abs=5e-4)
    inputs = utility.inputs_of(real, held)
    assert inputs is not None
    assert utility.transfer("logistic", *inputs, None).value == pytest.approx(0.881, abs=5e-4)


def test_shapes_of_numbers_are_one_minus_scipy_s_statistic(hospitals: tuple[Table, Table]) -> None:
    real, held = hospitals
    each = likeness.shapes(real, held, None).each

    for name in ("age", "trestbps", "chol", "thalach", "oldpeak"):
        expected = 1 - ks_2samp(real.values[name], held.values[name]).statistic
        assert each[(name,)] == pytest.approx(expected)


def test_distances_and_membership_are_those_of_scikit_learn(hospitals: tuple[Table, Table]) -> None:
    real, held = hospitals
    space = Space.of(real)
    r, h = space.place(real), space.place(held)
    made = h[::2] + 0.05

    gaps = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(made).kneighbors(r)[0][:, 0]
    np.testing.assert_allclose(distance.nearest(r, made)[0], gaps, atol=1e-7)
    near = [-distance.nearest(x, made)[0] for x in (r, h)]
    found = distance.membership((near[0], near[1]), (real.patients, held.patients), 0)
    was = np.repeat([1, 0], [len(r), len(h)])
    assert found.value == pytest.approx(roc_auc_score(was, np.concatenate(near)))
