"""Integer money: the compiled arithmetic beside Python's own whole numbers."""

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.account import money
from engine.account.money import E8, E8_MAX
from engine.arithmetic import tf

_ppm = st.integers(0, 100_000)
_values = st.integers(0, 10**17)


def whole(value: int) -> object:
    """Return an int64 tensor."""
    return tf.constant(value, tf.int64)


@settings(deadline=None)
@given(st.data())
def test_a_product_is_rounded_down(data: st.DataObject) -> None:
    """price * volume // 1e8, or what a log can hold."""
    left = data.draw(st.integers(0, E8_MAX))
    right = data.draw(st.integers(0, E8_MAX) | st.integers(0, 3 * 10**26 // max(left, 1)))
    right = min(right, E8_MAX)

    product = int(money.product_e8(whole(left), whole(right)))

    assert product == min(left * right // E8, E8_MAX)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, E8_MAX), st.integers(0, 10**17)), min_size=1, max_size=5))
def test_a_sum_of_products_is_rounded_once(pairs: list[tuple[int, int]]) -> None:
    """Down and up, however many parts there are; or what a log can hold."""
    lefts, rights = ([pair[side] for pair in pairs] for side in (0, 1))
    exact = sum(left * right for left, right in pairs)

    down, up = money.total_e8(tf.constant(lefts, tf.int64), tf.constant(rights, tf.int64))

    assert int(down) == min(exact // E8, E8_MAX)
    assert int(up) == min(-(-exact // E8), E8_MAX)


@settings(deadline=None)
@given(_values, _ppm)
def test_a_share_is_rounded_up(value: int, ppm: int) -> None:
    """A fee is never a fraction of 1e-8 too small, on any amount that an account can hold."""
    share = int(money.share_up_e8(whole(value), ppm))

    assert share == -(-value * ppm // 1_000_000)


@settings(deadline=None)
@given(_values, _ppm)
def test_what_is_left_before_a_share(total: int, ppm: int) -> None:
    """The largest value that is within the total together with its share."""
    value = int(money.before_share_e8(whole(total), ppm))

    assert value == total * 1_000_000 // (1_000_000 + ppm)
    assert value + money.share_up_e8(whole(value), ppm) <= total


@settings(deadline=None)
@given(_values, st.integers(1, 10**18))
def test_a_quotient_never_buys_more_than_the_money(value: int, price: int) -> None:
    """It is rounded down, and short of the exact quotient by one part in 2**49 at most."""
    exact = min(Fraction(value * E8, price), Fraction(E8_MAX))

    volume = int(money.quotient_e8(whole(value), whole(price)))

    assert volume <= exact
    assert volume >= exact * (1 - Fraction(1, 2**49)) - 1


def test_a_price_of_nothing_divides_nothing_by_zero() -> None:
    """An order never fills at a price of 0, but the arithmetic is made for every tick."""
    assert 0 <= int(money.quotient_e8(whole(5), whole(0))) <= 5 * E8
