"""A report's answers in sentences, with no more certainty than there is, and what they assume."""

from analysis.figures import FrozenFigures, Learning, Money
from analysis.history import History
from analysis.summaries import IntervalSaid
from journal.reading.score import percent, words_of


def answers(learning: Learning, frozen: FrozenFigures | None, money: Money) -> list[str]:
    """Return the answers in sentences, with no more certainty than there is."""
    sentences = ["Is it learning? " + _predicts(learning.saved, "the baseline")]
    if frozen is not None:
        then = f" as it was after {frozen.after + 1:,} records, learning no more"
        sentences.append("Does continued learning help? " + _predicts(frozen.saved, "itself", then))
    sentences.append(f"Did it make money? {_earned(money)}")
    return sentences


def _earned(money: Money) -> str:
    """Return what the account gained, compared with holding the same stake."""
    if money.equity is None:
        return "Nothing was decided yet, so there is no account to speak of."
    if not money.fills:
        return f"No trades: equity is unchanged at {money.equity:,.2f}."
    gain = (
        f"{percent(money.gain)} after {money.fees:,.2f} in fees ({words_of(money.fills, 'fill')})"
    )
    over = money.over_hold
    if over is None:
        return f"{gain}; too little to compare it with holding the same stake."
    word = {
        "above": "more than holding the same stake",
        "below": "less than holding the same stake",
        "unclear": "not distinguishable from holding the same stake",
    }[over.verdict]
    return (
        f"{gain}, {word} (the difference is within {percent(over.low)} and {percent(over.high)})."
    )


def _predicts(saved: IntervalSaid | None, other: str, which: str = "") -> str:
    """Return whether it predicts better than ``other``, which ``which`` describes further."""
    if saved is None:
        return "Too few labels to say."
    word = {
        "above": f"Yes: it predicts the direction better than {other}",
        "below": f"No: it predicts the direction worse than {other}",
        "unclear": f"Not distinguishable from {other}",
    }[saved.verdict]
    return (
        f"{word}{which}, by {saved.mean:.4f} nats a label"
        f" (95 % interval {saved.low:.4f} to {saved.high:.4f})."
    )


def assumptions(history: History) -> list[str]:
    """Return what the figures take for granted, a sentence each."""
    parameters = history.rules.known
    fee = f", {parameters.fee_ppm} parts per million" if parameters.fee_ppm >= 0 else " by tier"
    horizon_s = parameters.horizon_ms / 1000
    sentences = f"""
        Everything is on paper: no order was ever sent, and there is no code that could.
        An order fills at a later tick than the one that decided it, at prices of the recorded book\
 or quote, as a taker; nothing is known of the fills that a real order would get.
        Fees are the exchange's taker fees{fee}; they are always charged, and figures after fees\
 are called net.
        The market's own move is the price now against the first price. Holding the same stake is\
 an account that bought once, for {parameters.order_cash:,} like every order, and keeps it, costs\
 included; where the log holds no such account, it is that stake moved as the price did.
        A label is the direction of the mid after {horizon_s:g} s. A prediction is scored on what\
 was recorded before the label was known; the baseline is the running share of rises.
        Intervals are of 95 %, from consecutive blocks of time (batch means), because neighbours in\
 a market resemble each other.
    """
    return [line.strip() for line in sentences.strip().splitlines()]
