"""Closed schemas: what is wrong is named by its path."""

from __future__ import annotations

import pytest

from protocol import schema
from protocol.codec import Value
from protocol.errors import CodecError, SchemaError
from protocol.schema import (
    Check,
    array,
    ascending,
    binary,
    boolean,
    code,
    integer,
    mapping,
    optional,
    record,
    row,
    text,
)

BY_FIELD = ascending(record({"k": integer()}), by="k")
BY_PLACE = ascending(row(integer(), boolean), by=0)


def test_a_nested_fault_is_named_by_its_path() -> None:
    check = record({"members": array(row(schema.region, binary(32)))})
    with pytest.raises(SchemaError, match=r"^COHORT: body\.members\[1\]\[1\]: found bytes of length 3, expected .* 32"):
        schema.require(check, {"members": [["a", bytes(32)], ["b", bytes(3)]]}, "COHORT: body")


def test_a_schema_error_is_a_codec_error() -> None:
    assert issubclass(SchemaError, CodecError)


def test_unknown_and_missing_fields_are_both_named() -> None:
    with pytest.raises(SchemaError, match="unknown field 'c', field 'b' is missing"):
        schema.require(record({"a": integer(), "b": integer()}), {"a": 1, "c": 2}, "x")


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        pytest.param(integer(), 0, True, id="a boolean is no integer"),
        pytest.param(integer(1, 3), 3, 4, id="upper bound"),
        pytest.param(integer(1, 3), 1, 0, id="lower bound"),
        pytest.param(boolean, False, 0, id="an integer is no boolean"),
        pytest.param(binary(2, 3), b"abc", b"abcd", id="length of bytes"),
        pytest.param(binary(2), b"ab", "ab", id="a string is no bytes"),
        pytest.param(text("[a-z]+", "letters"), "ab", "ab\n", id="a pattern matches in full"),
        pytest.param(code("x", "y"), "y", "z", id="closed list"),
        pytest.param(code("x"), "x", ["x"], id="an array is no code"),
        pytest.param(optional(integer()), None, "", id="nil or the check"),
        pytest.param(array(integer(), 1, 2), [1, 2], [], id="fewest items"),
        pytest.param(array(integer(), 1, 2), [1], [1, 2, 3], id="most items"),
        pytest.param(array(integer()), [], {}, id="a map is no array"),
        pytest.param(ascending(integer()), [1, 2], [1, 1], id="no repeats"),
        pytest.param(ascending(integer()), [1, 2], [2, 1], id="order"),
        pytest.param(BY_FIELD, [{"k": 1}, {"k": 2}], [{"k": 2}, {"k": 1}], id="by field"),
        pytest.param(BY_PLACE, [[1, True], [2, True]], [[1, True], [1, False]], id="by place"),
        pytest.param(row(integer(), boolean), [1, True], [1], id="length of a row"),
        pytest.param(record({}), {}, [], id="an array is no map"),
        pytest.param(mapping(schema.region, integer(1), 1), {"vgr": 1}, {}, id="fewest keys"),
        pytest.param(mapping(schema.region, integer(1)), {"vgr": 1}, {"vgr": 0}, id="value of a map"),
        pytest.param(mapping(schema.region, integer(1)), {"vgr": 1}, {"v.r": 1}, id="key of a map"),
        pytest.param(schema.region, "vastra-gotaland", "Västra", id="region"),
        pytest.param(schema.origin, "l.se/vgr/1", "l.se/vgr/0", id="epochs count from 1"),
        pytest.param(schema.origin, "l.se/vgr/12", "l.se/vgr/1/", id="origin in full"),
        pytest.param(schema.network, "l.se", "l se", id="no space in a network"),
    ],
)
def test_a_check_takes_one_and_refuses_the_other(check: Check, good: Value, bad: Value) -> None:
    assert check(good) is None
    assert (check(bad) or "").startswith((":", "[", "."))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "nil"),
        (True, "true"),
        (7, "7"),
        ("a", "'a'"),
        (b"ab", "bytes of length 2"),
        ([], "an array of 0"),
        ({}, "a map of 0"),
    ],
)
def test_values_are_shown_short(value: Value, words: str) -> None:
    assert schema.show(value) == words


def test_long_strings_are_cut() -> None:
    assert len(schema.show("a" * 128)) < 60
