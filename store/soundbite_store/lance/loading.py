"""Loads LanceDB without what only its import needs.

LanceDB imports the client of its namespace service as it is imported itself: hundreds of pydantic models that only
connections to a namespace use, and that take more than half of the time and 20 MB. Here small stand-ins take their
names while LanceDB is imported; whoever calls one of them gets what it stands for, loaded then.

Before Python 3.12 it has `override` from the package overrides, which compares the signatures of all that is marked
with it; that takes a third of what is left. `typing.override`, in later ones, compares nothing; nor does the one here.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any

_NAMESPACE, _CLIENT = "lance_namespace", "lance_namespace_urllib3_client"
# Their submodules are found as ever, the errors for one; only each model's own is stood in for too.
_STOOD_IN_FOR = (_NAMESPACE, _CLIENT, f"{_CLIENT}.models")
_MODELS = f"{_CLIENT}.models."
_OVERRIDES = "overrides"
# What listing tables answers with; all that is read of it are its fields.
_RECORDS = frozenset({"ListTablesResponse"})
_turn = threading.Lock()


def import_lancedb() -> Any:
    """The lancedb module."""
    with _turn:
        if "lancedb" in sys.modules or any(name in sys.modules for name in _STOOD_IN_FOR):
            return importlib.import_module("lancedb")
        with _stand_ins():
            return importlib.import_module("lancedb")


@contextmanager
def _stand_ins() -> Iterator[None]:
    models, overrides = _Models(), sys.modules.get(_OVERRIDES)
    try:
        for name in _STOOD_IN_FOR:
            sys.modules[name] = _stand_in(name)
        sys.meta_path.insert(0, models)
        sys.modules[_OVERRIDES] = _unchecking()
        yield
    finally:
        for name in [name for name in sys.modules if name in _STOOD_IN_FOR or name.startswith(_MODELS)]:
            del sys.modules[name]
        sys.meta_path.remove(models)
        del sys.modules[_OVERRIDES]
        if overrides is not None:
            sys.modules[_OVERRIDES] = overrides


def _stand_in(name: str) -> ModuleType:
    module = ModuleType(name)
    spec = importlib.util.find_spec(name)
    if spec is None or spec.submodule_search_locations is None:
        raise ModuleNotFoundError(f"LanceDB needs the package {name}.", name=name)
    module.__spec__, module.__path__ = spec, list(spec.submodule_search_locations)
    _make_late(module)
    return module


class _Models(MetaPathFinder, Loader):
    """Finds a stand-in for the module of each model."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        return ModuleSpec(name, self) if name.startswith(_MODELS) else None

    def exec_module(self, module: ModuleType) -> None:
        _make_late(module)


def _unchecking() -> ModuleType:
    # As LanceDB itself has them where `typing` has override.
    module = ModuleType(_OVERRIDES)
    module.__dict__.update(override=lambda method: method, EnforceOverrides=type("EnforceOverrides", (), {}))
    return module


def _make_late(module: ModuleType) -> None:
    name = module.__name__
    module.__getattr__ = lambda wanted: _late(name, wanted)  # type: ignore[method-assign] # PEP 562


@functools.cache  # LanceDB compares the signatures of its classes, so that one name is one class
def _late(module: str, name: str) -> type:
    if name.startswith("__"):
        raise AttributeError(name)
    if name in _RECORDS:
        return SimpleNamespace

    def make(_: type, *args: Any, **kwargs: Any) -> Any:
        return getattr(importlib.import_module(module), name)(*args, **kwargs)

    return type(name, (), {"__new__": make})
