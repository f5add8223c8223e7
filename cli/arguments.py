"""Arguments as people type them: a number that begins with ``-`` is a number, not an option."""

import re
from typing import Any

from typer.core import TyperCommand

_NEGATIVE = re.compile(r"-[0-9]+", re.ASCII)


class NumbersMayBeNegative(TyperCommand):
    """A command whose argument may be ``-5``, wherever it stands."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put negative numbers where no options are looked for, if no option takes them."""
        takes_one = {
            name
            for option in self.params
            if getattr(option, "is_flag", True) is False
            for name in (*option.opts, *option.secondary_opts)
        }
        if "--" in args:
            return super().parse_args(ctx, args)
        numbers = [
            place
            for place, word in enumerate(args)
            if _NEGATIVE.fullmatch(word) and (place == 0 or args[place - 1] not in takes_one)
        ]
        if numbers:
            others = [word for place, word in enumerate(args) if place not in numbers]
            args = [*others, "--", *(args[place] for place in numbers)]
        return super().parse_args(ctx, args)
