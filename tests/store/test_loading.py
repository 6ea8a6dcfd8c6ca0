"""LanceDB is loaded without what only its namespace service needs, which stays there for whoever asks."""

from __future__ import annotations

import subprocess
import sys

CLIENT = "lance_namespace_urllib3_client.api"


def _printed(code: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_a_local_library_never_loads_the_client_of_the_namespace_service() -> None:
    code = f"""
import asyncio, sys, tempfile
from soundbite_store import ClipStore, Space
async def main():
    with tempfile.TemporaryDirectory() as folder:
        store = await ClipStore.open(folder)
        await store.spaces()
        await store.count(Space("soundbite-base-2", 512))
        await store.aclose()
asyncio.run(main())
print("lancedb" in sys.modules, {CLIENT!r} in sys.modules)
"""
    assert _printed(code) == ["True", "False"]


def test_what_stands_in_for_it_gives_the_real_thing_when_called() -> None:
    code = f"""
import sys
from soundbite_store.lance.loading import import_lancedb
import_lancedb()
import lancedb.db
made = lancedb.db.CreateNamespaceResponse(properties={{"a": "b"}})
import lance_namespace
print(isinstance(made, lance_namespace.CreateNamespaceResponse), {CLIENT!r} in sys.modules)
print(lancedb.db.TableNotFoundError is lance_namespace.TableNotFoundError)
"""
    assert _printed(code) == ["True", "True", "True"]


def test_what_is_loaded_already_stays_as_it_is() -> None:
    code = """
import lance_namespace
from soundbite_store.lance.loading import import_lancedb
import_lancedb()
import lancedb.db
print(lancedb.db.CreateNamespaceResponse is lance_namespace.CreateNamespaceResponse)
"""
    assert _printed(code) == ["True"]


def test_models_and_overrides_are_the_real_ones_for_whoever_imports_them_later() -> None:
    code = """
import sys
from soundbite_store.lance.loading import import_lancedb
import_lancedb()
import lancedb.namespace
made = lancedb.namespace.JsonArrowField(name="a", nullable=True, type={"type": "utf8"})
from lance_namespace_urllib3_client.models.json_arrow_field import JsonArrowField
import overrides
finders = {type(finder).__module__ for finder in sys.meta_path}
print(type(made) is JsonArrowField, hasattr(overrides, "final"), "soundbite_store.lance.loading" in finders)
"""
    assert _printed(code) == ["True", "True", "False"]
