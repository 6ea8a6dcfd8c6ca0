"""Loads LanceDB without the client of its namespace service.

LanceDB imports that client as it is imported itself: hundreds of pydantic models that only connections to a namespace
use, and that take more than half of the time and 20 MB. Here small stand-ins take their names while LanceDB is
imported; whoever calls one of them gets what it stands for, loaded then.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any

_NAMESPACE, _CLIENT = "lance_namespace", "lance_namespace_urllib3_client"
# Its submodules are found as ever: the errors of the one are small, of the other LanceDB imports a few models.
_STOOD_IN_FOR = (_NAMESPACE, _CLIENT, f"{_CLIENT}.models")
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
    try:
        for name in _STOOD_IN_FOR:
            sys.modules[name] = _stand_in(name)
        yield
    finally:
        for name in _STOOD_IN_FOR:
            sys.modules.pop(name, None)


def _stand_in(name: str) -> ModuleType:
    module = ModuleType(name)
    spec = importlib.util.find_spec(name)
    if spec is None or spec.submodule_search_locations is None:
        raise ModuleNotFoundError(f"LanceDB needs the package {name}.", name=name)
    module.__spec__, module.__path__ = spec, list(spec.submodule_search_locations)
    module.__getattr__ = lambda wanted: _late(name, wanted)  # type: ignore[method-assign] # PEP 562
    return module


@functools.cache  # LanceDB compares the signatures of its classes, so that one name is one class
def _late(module: str, name: str) -> type:
    if name.startswith("__"):
        raise AttributeError(name)
    if name in _RECORDS:
        return SimpleNamespace

    def make(_: type, *args: Any, **kwargs: Any) -> Any:
        return getattr(importlib.import_module(module), name)(*args, **kwargs)

    return type(name, (), {"__new__": make})
