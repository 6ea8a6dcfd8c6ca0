"""What the hosted platform takes with Marengo 3.0 and with 3.5, and what it refuses (contract 3.9 and section 10)."""

from __future__ import annotations

from typing import Any

M30, M35 = "marengo3.0", "marengo3.5"
_TOKENS_A_SECOND = 25


def is_35(body: dict[str, Any]) -> bool:
    """Return whether a request, or what is kept of one, is for Marengo 3.5."""
    return bool(body.get("model_name") == M35)


def marks_of(body: dict[str, Any]) -> dict[str, Any]:
    """Return what a task keeps of a request for Marengo 3.5 besides its audio object."""
    names = ("model_name", "embedding_uncertainty")
    kept = {name: body[name] for name in names if name in body}
    return {**kept, "embedding_dimension": body.get("embedding_dimension", 512)} if is_35(body) else {}


def usage(seconds: float) -> dict[str, Any]:
    """Return the tokens of a request: of text where there is no sound."""
    tokens = {"audio": round(seconds * _TOKENS_A_SECOND)} if seconds else {"text": 7}
    return {"input_tokens": tokens, "truncated": False}


def wrong_at_once(body: dict[str, Any]) -> str:
    """Return why POST /embed-v2 refuses a request for Marengo 3.5; empty where it does not."""
    inputs = body.get("multi_input")
    if body.get("input_type") != "multi_input" or not inputs:
        return "With marengo3.5, input_type must be multi_input"
    if len(inputs.get("media_sources", [])) > 1 or not (inputs.get("input_text") or inputs.get("media_sources")):
        return "multi_input needs a text or one media source here"
    return _unknown(body, {"input_type", "model_name", "embedding_dimension", "embedding_uncertainty", "multi_input"})


def wrong_task(body: dict[str, Any]) -> str:
    """Return why POST /embed-v2/tasks refuses a combination; empty where it does not."""
    audio, name = body.get("audio", {}), body.get("model_name")
    cut, types = audio.get("segmentation", {}), audio.get("embedding_type", [])
    if name not in (M30, M35):
        return "model_name must be one of: marengo3.0, marengo3.5"
    if name == M30:
        if "temporal" in cut:
            return "segmentation does not match the model version"
        return _unknown(body, {"input_type", "model_name", "audio"})
    if "transcription" in audio.get("embedding_option", []):
        return "embedding_option transcription requires marengo3.0"
    if cut and "temporal" not in cut:
        return "segmentation does not match the model version"
    if "fused_embedding" in types:
        return "fused_embedding requires time_based_metadata"
    if body.get("embedding_uncertainty") and "asset" in audio.get("embedding_scope", ["clip", "asset"]):
        return "embedding_uncertainty does not go with the scope asset"
    return _unknown(body, {"input_type", "model_name", "embedding_dimension", "embedding_uncertainty", "audio"})


def _unknown(body: dict[str, Any], known: set[str]) -> str:
    unknown = sorted(body.keys() - known)
    return f"unknown fields: {', '.join(unknown)}" if unknown else ""
