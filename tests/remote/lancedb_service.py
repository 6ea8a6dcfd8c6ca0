"""The calls of the LanceDB service (`db://`) that the store makes, answered over HTTP from a real local database.

Only the network and the service's own upkeep are played; rows are written, merged, filtered and searched by LanceDB.
What the store must not send is refused: an unknown key, a filter that is no SQL text, a field we do not know.
"""

from __future__ import annotations

import io
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import lancedb
import pyarrow as pa
from lancedb.index import FTS, Bitmap, BTree, IvfRq, LabelList
from lancedb.query import ColumnOrdering, MatchQuery
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

KEY = "sk_test_key"
_ARROW_FILE = "application/vnd.apache.arrow.file"
_FILTER_INDEXES = {"BTREE": BTree, "BITMAP": Bitmap, "LABEL_LIST": LabelList}
_QUERY_FIELDS = {
    "version",
    "prefilter",
    "offset",
    "k",
    "filter",
    "columns",
    "with_row_id",
    "fast_search",
    "full_text_query",
    "vector",
    "distance_type",
    "nprobes",
    "minimum_nprobes",
    "maximum_nprobes",
    "lower_bound",
    "upper_bound",
    "ef",
    "refine_factor",
    "bypass_vector_index",
    "order_by",
}


class LanceDBService:
    """One database of the service."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._database: Any = None
        self.address = ""
        self.calls: list[str] = []
        """Method and path of every request, in order."""
        self.queries: list[dict[str, Any]] = []
        """Bodies of the queries, in order."""
        self.failures: list[int] = []
        """Statuses to answer the next writes with, instead of taking them."""
        self.app = Starlette(
            routes=[
                Route("/v1/table/", self._guarded(self._list)),
                Route("/v1/namespace/{namespace}/table/list", self._guarded(self._list)),
                Route("/v1/table/{table}/create/", self._guarded(self._create), methods=["POST"]),
                Route("/v1/table/{table}/index/list/", self._guarded(self._indexes), methods=["POST"]),
                Route("/v1/table/{table}/index/{index}/stats/", self._guarded(self._index_stats), methods=["POST"]),
                *(
                    Route(f"/v1/table/{{table}}/{name}/", self._guarded(call), methods=["POST"])
                    for name, call in {
                        "describe": self._describe,
                        "merge_insert": self._merge,
                        "query": self._query,
                        "count_rows": self._count,
                        "update": self._update,
                        "delete": self._delete,
                        "create_index": self._create_index,
                        "stats": self._stats,
                    }.items()
                ),
            ]
        )

    def _guarded(self, call: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def answered(request: Request) -> Response:
            self.calls.append(f"{request.method} {request.url.path}")
            if request.headers.get("x-api-key") != KEY:
                return JSONResponse({"error": "Unauthorized"}, 401)
            try:
                response = await call(request)
            except ValueError as exc:
                status = 404 if "was not found" in str(exc) else 400
                response = JSONResponse({"error": str(exc)}, status)
            response.headers["phalanx-version"] = "0.4.0"
            return response

        return answered

    async def _connected(self) -> Any:
        if self._database is None:
            self._database = await lancedb.connect_async(self._folder)
        return self._database

    async def _table(self, request: Request) -> Any:
        table = await (await self._connected()).open_table(request.path_params["table"])
        await table.checkout_latest()
        return table

    async def _list(self, request: Request) -> Response:
        page = await (await self._connected()).list_tables()
        return JSONResponse({"tables": page.tables})

    async def _create(self, request: Request) -> Response:
        name, database = request.path_params["table"], await self._connected()
        if name in (await database.list_tables()).tables:
            if request.query_params.get("mode", "create") != "exist_ok":
                return JSONResponse({"error": f"Table {name} already exists"}, 409)
        else:
            await database.create_table(name, pa.ipc.open_stream(await request.body()).read_all())
        return await self._described(await database.open_table(name))

    async def _describe(self, request: Request) -> Response:
        return await self._described(await self._table(request))

    async def _described(self, table: Any) -> Response:
        return JSONResponse({"version": await table.version(), "schema": _schema_json(await table.schema())})

    async def _merge(self, request: Request) -> Response:
        if self.failures:
            return JSONResponse({"error": "Retryable commit conflict"}, self.failures.pop(0))
        asked = request.query_params
        if asked["on"] != "row_id" and asked["on"] != "record_id":
            raise ValueError(f"cannot merge on {asked['on']}")
        # The promise of the service: rows of one key are one row, whoever writes them.
        merge = (await self._table(request)).merge_insert(asked["on"]).use_index(False)
        if asked["when_matched_update_all"] == "true":
            merge = merge.when_matched_update_all()
        if asked["when_not_matched_insert_all"] == "true":
            merge = merge.when_not_matched_insert_all()
        if asked["when_not_matched_by_source_delete"] == "true":
            merge = merge.when_not_matched_by_source_delete(asked["when_not_matched_by_source_delete_filt"])
        rows = pa.ipc.open_stream(await request.body()).read_all()
        done = await merge.execute(rows)
        return JSONResponse(
            {
                "version": done.version,
                "num_deleted_rows": done.num_deleted_rows,
                "num_inserted_rows": done.num_inserted_rows,
                "num_updated_rows": done.num_updated_rows,
                "num_attempts": done.num_attempts,
            }
        )

    async def _query(self, request: Request) -> Response:
        body = await request.json()
        self.queries.append(body)
        if unknown := set(body) - _QUERY_FIELDS:
            raise ValueError(f"unknown query fields {unknown}")
        query = _nearest((await self._table(request)).query(), body)
        if condition := body.get("filter"):
            if not isinstance(condition, str):
                raise ValueError("a filter is SQL text")
            query = query.where(condition)
        if order := body.get("order_by"):
            query = query.order_by([ColumnOrdering(column_name=each["column_name"]) for each in order])
        query = query.limit(min(body["k"], 1_000_000)).offset(body.get("offset") or 0)
        if columns := body.get("columns"):
            query = query.select(columns)
        if body.get("with_row_id"):
            query = query.with_row_id()
        return _arrow(await query.to_arrow())

    async def _count(self, request: Request) -> Response:
        condition = (await request.json()).get("predicate")
        return JSONResponse(await (await self._table(request)).count_rows(condition))

    async def _update(self, request: Request) -> Response:
        body = await request.json()
        done = await (await self._table(request)).update(updates_sql=dict(body["updates"]), where=body["predicate"])
        return JSONResponse({"rows_updated": done.rows_updated, "version": done.version})

    async def _delete(self, request: Request) -> Response:
        done = await (await self._table(request)).delete((await request.json())["predicate"])
        return JSONResponse({"version": done.version})

    async def _create_index(self, request: Request) -> Response:
        body = await request.json()
        table, kind = await self._table(request), body["index_type"]
        config: Any
        if kind == "FTS":
            config = FTS(base_tokenizer=body["base_tokenizer"], with_position=body["with_position"], stem=body["stem"])
        elif kind == "IVF_RQ":
            config = IvfRq(distance_type=body["metric_type"])
        else:
            config = _FILTER_INDEXES[kind]()
        await table.create_index(body["column"], config=config)
        return JSONResponse({})

    async def _indexes(self, request: Request) -> Response:
        found = await (await self._table(request)).list_indices()
        named = [{"index_name": each.name, "columns": list(each.columns), "status": "done"} for each in found]
        return JSONResponse({"indexes": named})

    async def _index_stats(self, request: Request) -> Response:
        table, name = await self._table(request), request.path_params["index"]
        kinds = {each.name: each.index_type for each in await table.list_indices()}
        stats = await table.index_stats(name)
        return JSONResponse(
            {
                "num_indexed_rows": stats.num_indexed_rows,
                "num_unindexed_rows": stats.num_unindexed_rows,
                "index_type": _wire_kind(kinds[name]),
                "distance_type": stats.distance_type,
                "num_indices": stats.num_indices,
            }
        )

    async def _stats(self, request: Request) -> Response:
        return JSONResponse(await (await self._table(request)).stats())


def _nearest(query: Any, body: dict[str, Any]) -> Any:
    if vector := body["vector"]:
        query = query.nearest_to(vector).distance_type(body["distance_type"]).nprobes(body["minimum_nprobes"])
        if body.get("bypass_vector_index"):
            query = query.bypass_vector_index()
        if body.get("refine_factor"):
            query = query.refine_factor(body["refine_factor"])
    elif words := body.get("full_text_query"):
        match = words["query"]["match"]
        query = query.nearest_to_text(MatchQuery(match["terms"], match["column"]))
    return query


def _wire_kind(kind: str) -> str:
    return {"IvfRq": "IVF_RQ", "BTree": "BTREE", "Bitmap": "BITMAP", "LabelList": "LABEL_LIST"}.get(kind, kind)


def _arrow(rows: pa.Table) -> Response:
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, rows.schema) as writer:
        writer.write_table(rows)
    return Response(sink.getvalue(), media_type=_ARROW_FILE)


def _schema_json(schema: pa.Schema) -> dict[str, Any]:
    return {"fields": [_field_json(field) for field in schema], "metadata": _texts(schema.metadata)}


def _field_json(field: pa.Field) -> dict[str, Any]:
    described = {"name": field.name, "type": _type_json(field.type), "nullable": field.nullable}
    return described | ({"metadata": _texts(field.metadata)} if field.metadata else {})


def _type_json(kind: pa.DataType) -> dict[str, Any]:
    if pa.types.is_fixed_size_list(kind):
        return {"type": "fixed_size_list", "fields": [_field_json(kind.value_field)], "length": kind.list_size}
    if pa.types.is_list(kind):
        return {"type": "list", "fields": [_field_json(kind.value_field)]}
    if pa.types.is_timestamp(kind):
        return {"type": f"timestamp:{kind.unit}:{kind.tz or '-'}"}
    return {"type": {"double": "double", "float": "float", "bool": "bool"}.get(str(kind), str(kind))}


def _texts(metadata: Any) -> dict[str, str]:
    return json.loads(json.dumps({key.decode(): value.decode() for key, value in (metadata or {}).items()}))
