"""Arguments as people type them: a number that begins with ``-`` is a number, not an option."""

import re
from typing import Any

from typer.core import TyperCommand

_NEGATIVE = re.compile(r"-[0-9]+", re.ASCII)


class NumbersMayBeNegative(TyperCommand):
    """A command whose argument may be ``-5``, wherever it stands."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Move negative numbers that are not an option's value to after ``--``."""
        takes_one = {
            name
            for option in self.params
            if getattr(option, "is_flag", True) is False
            for name in (*option.opts, *option.secondary_opts)
        }
        if "--" in args:
            return super().parse_args(ctx, args)
        numbers = [
            index
            for index, word in enumerate(args)
            if _NEGATIVE.fullmatch(word) and (index == 0 or args[index - 1] not in takes_one)
        ]
        if numbers:
            others = [word for index, word in enumerate(args) if index not in numbers]
            args = [*others, "--", *(args[index] for index in numbers)]
        return super().parse_args(ctx, args)
