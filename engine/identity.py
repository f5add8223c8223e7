"""The identity of the step: a digest of its code, so that changed code is not mistaken for another
machine.

Equal behaviour needs equal code, parameters, arithmetic and logs (NautilusTrader names a similar
tuple: seed, binary, configuration, schema, log). Parameters have a digest (`engine.parameters`), so
has the arithmetic (`engine.engine.arithmetic_digest`), and the log has its chain. This module gives
the digest of the code.

The digest covers the syntax trees of the modules that turn records into decisions, without
comments, docstrings and layout, so that these can be improved without ending a journal. Names
count, although renaming changes no behaviour: a digest may be too strict, but never too lenient.

Parsing takes a fifth of a second, and every start waits for it. So the digest is kept next to the
bytecode of this module, where whoever can write can already change what runs. It is kept under a
digest of the source texts, this one's among them: where any of them has changed it is not used.
"""

import ast
import os
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from hashlib import blake2b
from importlib.resources import files
from importlib.util import cache_from_source
from pathlib import Path

MODULES = (
    "engine.arithmetic",
    "engine.learner.calibration",
    "engine.learner.candidates",
    "engine.checksum",
    "engine.engine",
    "engine.learner.experts",
    "engine.learner.features",
    "engine.account.fees",
    "engine.account.decision_feedback",
    "engine.learner.initial_weights",
    "engine.learner.labels",
    "engine.learner.training",
    "engine.market",
    "engine.learner.memory",
    "engine.account.money",
    "engine.learner.monitor",
    "engine.learner.network",
    "engine.parameters",
    "engine.account.performance",
    "engine.account.policy",
    "engine.account.portfolio",
    "engine.randomness",
    "engine.account.reasons",
    "engine.row",
    "engine.settings",
    "engine.state",
    "engine.step",
    "engine.executor.loading",
    "engine.executor.tensorflow",
    "engine.venue_rules",
)
"""The modules on which a decision depends: those of this package that `engine.engine` imports,
without its errors and the self-check."""

_ABSENT = frozenset(("type_comment", "type_ignores", "kind"))
_DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@cache
def step_identity() -> str:
    """Return the digest of the step's code, 32 hexadecimal digits; the same for every Python."""
    kept = Path(cache_from_source(__file__)).with_suffix(".step")
    return kept_identity(kept, [(name, _source(name)) for name in MODULES])


def kept_identity(kept: Path, sources: list[tuple[str, str]]) -> str:
    """Return `identity_of` modules, from the file ``kept`` if that holds it; else keep it there.

    Nothing is kept where the file cannot be written.
    """
    key = _digest(*(text for source in sources for text in source), _source(__name__))
    with suppress(OSError, ValueError):
        found_key, identity, check = kept.read_text(encoding="ascii").split(" ")
        if found_key == key and check == _digest(key, identity):
            return identity
    identity = identity_of(sources)
    with suppress(OSError):
        kept.parent.mkdir(exist_ok=True)
        coming = kept.with_suffix(f".{os.getpid()}")
        coming.write_text(f"{key} {identity} {_digest(key, identity)}", encoding="ascii")
        coming.replace(kept)
    return identity


def _digest(*texts: str) -> str:
    hasher = blake2b(digest_size=16)
    for text in texts:
        data = text.encode()
        hasher.update(len(data).to_bytes(8, "little") + data)
    return hasher.hexdigest()


def identity_of(sources: Iterable[tuple[str, str]]) -> str:
    """Return the digest of modules, each a name and its source text.

    >>> identity_of([("a", "x = 1")]) == identity_of([("a", "x = 1  # one")])
    True
    >>> identity_of([("a", "x = 1")]) == identity_of([("a", "x = 2")])
    False
    """
    hasher = blake2b(digest_size=16)
    for name, source in sources:
        hasher.update(f"{name}\n".encode())
        for part in _parts(ast.parse(source), []):
            hasher.update(part.encode() + b"\0")
    return hasher.hexdigest()


def _source(name: str) -> str:
    package, _, module = name.rpartition(".")
    return files(package).joinpath(f"{module}.py").read_text(encoding="utf-8")


def _parts(node: ast.AST, parts: list[str]) -> list[str]:
    """Append a syntax tree in one order, without what is absent; return the list.

    Versions of Python differ in which empty fields a node has and in how `ast.dump` prints them,
    and in nothing else that this code uses. A list takes half the time of nested generators, and
    every start waits for it.
    """
    parts.append(f"({type(node).__name__}")
    for name, value in ast.iter_fields(node):
        if name in _ABSENT or value is None or value == []:
            continue
        parts.append(name)
        values = value if isinstance(value, list) else [value]
        if name == "body" and isinstance(node, _DOCUMENTED) and ast.get_docstring(node) is not None:
            values = values[1:]
        for each in values:
            if isinstance(each, ast.AST):
                _parts(each, parts)
            else:
                parts.append(repr(each))
    parts.append(")")
    return parts
