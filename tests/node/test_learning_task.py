"""Layouts, vectors, streams and settings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.learning import ConfigError, get_task
from node.learning.hashing import stream, uniform
from node.learning.task import read_settings
from node.learning.vectors import SharePolicy, flatten, layout_of, unflatten

TRAVELS, STAYS = SharePolicy.TRAVELS, SharePolicy.STAYS


def test_a_vector_holds_modules_then_parameters_in_sorted_order() -> None:
    layout = layout_of({"b": {"x": (1,)}, "a": {"y": (2,), "x": (1, 2)}}, {"a": TRAVELS, "b": TRAVELS})

    assert layout.names == ("a.x", "a.y", "b.x")
    assert layout.offsets == (0, 2, 4)
    assert layout.dim == 5


def test_what_stays_has_no_place_in_the_vector() -> None:
    layout = layout_of({"D": {"w": (7,)}, "G": {"w": (2,)}}, {"D": STAYS, "G": TRAVELS})

    assert layout.names == ("G.w",)
    assert layout.dim == 2


def test_another_shape_is_another_layout_hash() -> None:
    one = layout_of({"m": {"w": (2, 3)}}, {"m": TRAVELS})
    other = layout_of({"m": {"w": (3, 2)}}, {"m": TRAVELS})

    assert one.hash != other.hash


shapes = st.dictionaries(
    st.sampled_from(["a", "b", "c"]),
    st.dictionaries(
        st.sampled_from(["0.weight", "0.bias", "x"]), st.lists(st.integers(1, 3), max_size=3).map(tuple), min_size=1
    ),
    min_size=1,
)


@given(shapes)
@settings(max_examples=30)
def test_flatten_is_the_inverse_of_unflatten(found: dict[str, dict[str, tuple[int, ...]]]) -> None:
    layout = layout_of(found, dict.fromkeys(found, TRAVELS))
    vector = np.arange(layout.dim, dtype=np.float32)

    np.testing.assert_array_equal(flatten(unflatten(vector, layout), layout), vector)


def test_a_vector_of_another_length_is_refused() -> None:
    layout = layout_of({"m": {"w": (2,)}}, {"m": TRAVELS})

    with pytest.raises(ConfigError, match="a vector of 3 values; expected 2"):
        unflatten(np.zeros(3, np.float32), layout)


def test_a_stream_is_the_same_everywhere() -> None:
    """Frozen numbers: a change here would give regions different first models."""
    words = stream("init", 1, "model", "0.weight").random_raw(2)

    assert [int(word) for word in words] == [14857710732158550060, 10567875343813292820]
    assert uniform(stream("init", 1), 3).max() < 1


@pytest.mark.parametrize(
    ("given_settings", "words"),
    [
        pytest.param({"learning_rate": "0.1"}, "no setting 'learning_rate'", id="unknown"),
        pytest.param({"lr": "fast"}, "setting lr is not a number", id="no number"),
        pytest.param({"lr": "-1"}, "setting lr is not a number", id="negative real"),
        pytest.param({"hidden": "32"}, "setting hidden is a str", id="text for an integer"),
        pytest.param({"batch": -1}, "setting batch is below 0", id="negative integer"),
        pytest.param({"class_weights": 1}, "setting class_weights is a int", id="integer for a boolean"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(given_settings: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        read_settings(get_task("classifier"), given_settings)


def test_an_unknown_task_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="one of classifier, idle"):
        get_task("forecast")
