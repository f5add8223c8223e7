"""Parameters: each has a range and a type, and a name that is nearly right is understood."""

import json
import math
from dataclasses import asdict, fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ParameterError
from engine.parameters import Parameters, parameters_from

SPECS = {spec.name: spec for spec in fields(Parameters)}


def with_room(name: str, value: object) -> dict[str, object]:
    """Return a choice in which nothing else stands against a value."""
    return {"cash": 10**9, name: value} if name == "order_cash" else {"order_cash": 1, name: value}


@pytest.mark.parametrize("name", SPECS)
def test_the_ends_of_each_range_are_within(name: str) -> None:
    """And one step beyond is refused, by name."""
    low, high = SPECS[name].metadata["low"], SPECS[name].metadata["high"]
    step = 1 if SPECS[name].type is int else 1e-9

    for value in (low, high):
        assert getattr(parameters_from(with_room(name, value)), name) == value
    for value in (low - step, high + step):
        with pytest.raises(ParameterError, match=rf"^{name}: .* is outside {low} … {high}$"):
            parameters_from(with_room(name, value))


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("value", ["1", None, True, [1], math.nan])
def test_another_type_is_refused(name: str, value: object) -> None:
    """A word, nothing, a flag and what is no number are no values."""
    with pytest.raises(ParameterError, match=f"^{name}: "):
        parameters_from({name: value})


def test_a_fraction_is_no_whole_number() -> None:
    """Nothing is rounded in silence."""
    with pytest.raises(ParameterError, match=r"seed: 1\.0 is not a whole number"):
        parameters_from({"seed": 1.0})


@pytest.mark.parametrize("name", [name for name, spec in SPECS.items() if spec.type is float])
def test_a_whole_number_is_a_number(name: str) -> None:
    """`--set learning_rate=1` is what it looks like."""
    value = getattr(parameters_from({name: 1}), name)

    assert (value, type(value)) == (1.0, float)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("learning_rat", "Did you mean learning_rate?"),
        ("horizon", "Did you mean horizon_ms?"),
        ("zzz", "Known: amount_decimals, amount_min_e8, archive_rows,"),
    ],
)
def test_an_unknown_name_is_refused_with_a_hint(name: str, hint: str) -> None:
    """The nearest known one, or all."""
    with pytest.raises(ParameterError, match=f"^{name}: is not a setting$") as raised:
        parameters_from({name: 1})

    assert raised.value.hint.startswith(hint)
    assert (raised.value.name, raised.value.problem) == (name, "is not a setting")


def test_an_order_is_not_more_than_the_cash() -> None:
    """The first order could never be placed."""
    with pytest.raises(ParameterError, match="order_cash: 11 is more than cash 10"):
        Parameters(cash=10, order_cash=11)


@given(
    st.fixed_dictionaries(
        {"cash": st.just(10**9)},
        optional={
            name: st.integers(int(spec.metadata["low"]), int(spec.metadata["high"]))
            if spec.type is int
            else st.floats(spec.metadata["low"], spec.metadata["high"])
            for name, spec in SPECS.items()
            if name != "cash"
        },
    )
)
def test_they_survive_json(values: dict[str, object]) -> None:
    """What a session recorded gives the same parameters, and the same identity."""
    chosen = parameters_from(values)

    again = parameters_from(json.loads(json.dumps(asdict(chosen))))

    assert again == chosen
    assert again.digest == chosen.digest


def test_each_parameter_is_part_of_the_identity() -> None:
    """Other parameters, another digest."""
    digests = {Parameters().digest}
    for name, spec in SPECS.items():
        low, high = spec.metadata["low"], spec.metadata["high"]
        value = 5_000 if name == "cash" else low if low != spec.default else high
        digests.add(parameters_from({name: value}).digest)

    assert len(digests) == 1 + len(SPECS)


@pytest.mark.parametrize("name", SPECS)
def test_each_says_what_it_is(name: str) -> None:
    """The configuration is explained from here."""
    assert len(SPECS[name].metadata["text"]) > 10
