"""Generators under privacy: a region of few patients moves them less; what a VAE's own loss tells of its rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from node.learning.privacy import DPContext, Terms, plan_values
from node.learning.synth.judge import weight
from node.learning.synth.tabvae import TabVae, verdicts
from node.learning.task import Arrays, Local, read_settings
from tests.node.learning.synth.test_coding import SCHEMA, rows

KEY = b"k" * 32


def test_a_region_of_few_patients_shortens_its_steps_in_proportion() -> None:
    assert weight(30, None, 200) == pytest.approx(0.15)
    assert weight(300, None, 200) == weight(200, None, 200) == weight(5, None, 0) == 1
    assert weight(40, np.repeat(np.arange(10), 4), 20) == 0.5  # patients count, not rows
    assert 0 < weight(0, None, 200) <= 0.005  # nobody: next to nothing, and no error


def test_a_decoder_moves_less_where_patients_are_few() -> None:
    """With the same draws and the same noise a step is a tenth where a tenth of the patients is there."""
    task: Any = TabVae()
    few = rows(40)
    coded = task.coding(SCHEMA, None).rows(few)
    terms = Terms.of_plan(plan_values("8", "1e-3", rounds=1, local_steps=1, q=0.5, clip=1.0))

    def moved(full: int) -> np.ndarray[Any, Any]:
        settings = read_settings(task, {"hidden": 8, "noise": 4, "local_steps": 1, "full_patients": full})
        local = Local(coded, None, {}, np.random.default_rng(0), DPContext(terms, KEY), steps_in_all=1)
        after = task.train(task.initial(SCHEMA, settings, 1), local, settings)[0]
        first = task.initial(SCHEMA, settings, 1)
        return np.concatenate([(after["decoder"][n] - first["decoder"][n]).ravel() for n in sorted(first["decoder"])])

    whole = moved(0)
    assert np.abs(whole).max() > 0
    np.testing.assert_allclose(moved(400), whole / 10, atol=1e-6)
    np.testing.assert_allclose(moved(20), whole, atol=1e-9)


def test_what_a_vae_has_learned_it_writes_down_in_less() -> None:
    task: Any = TabVae()
    known = rows(60)
    settings = read_settings(task, {"hidden": 16, "noise": 4, "local_steps": 40})
    coded = task.coding(SCHEMA, None).rows(known)
    first: Arrays = task.initial(SCHEMA, settings, 1)
    local = Local(coded, None, {}, np.random.default_rng(0), None, steps_in_all=40)
    after = task.train(task.initial(SCHEMA, settings, 1), local, settings)[0]

    before = verdicts(first, coded, settings)
    assert before.shape == (60,)
    assert (verdicts(after, coded, settings) > before).mean() > 0.9
