"""Where Soundbite keeps what it heard: clips with their vectors in LanceDB, tasks and assets in SQLite.

Importing this package is cheap: LanceDB, Arrow and numpy load when they are first used.
"""

from soundbite_store.clips import (
    Clip,
    ClipHit,
    Space,
    SpaceInfo,
    StoredClip,
    UpsertResult,
    VectorIndex,
    clip_id_for,
    digest_of,
    one_a_span,
)
from soundbite_store.errors import (
    BadVector,
    ExportProblem,
    SpaceMismatch,
    StoreBusy,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreTooNew,
    StoreUnavailable,
)
from soundbite_store.filters import AssetSpeaker, ClipFilter
from soundbite_store.lance.clip_store import ClipStore
from soundbite_store.lance.places import StoreAccess, capabilities_of
from soundbite_store.lance.rescue import Holding, LostTable, StoreRescue
from soundbite_store.ledger.assets import Unscrubbed
from soundbite_store.ledger.ledger import LEDGER_FILE, Ledger, ledger_damage, ledger_titles, salvage_ledger
from soundbite_store.ledger.records import (
    BROUGHT,
    Asset,
    Correction,
    CorrectionKind,
    Envelope,
    SourceKind,
    Speaker,
    StoredTranscript,
    Task,
    TimedText,
    Usage,
    asset_from,
    is_touched,
    length_of,
    to_json,
    within,
)
from soundbite_store.ledger.transcripts import Erased, LedgerChange, doubtful_words, in_force, is_hardly_understood
from soundbite_store.ledger.voices import ErasedVoice, Voice, Voices, is_same_speaker
from soundbite_store.locks import OwnerLock
from soundbite_store.repair.mending import MendResult, SpaceScan
from soundbite_store.rewriting import RowChange, changed_rows, encoded_changes, encoded_vector, finish_rewrites
from soundbite_store.shared.catalogue import Sharing
from soundbite_store.shared.exchange import ExchangeResult, export_library, import_library, is_export

# fmt: off
__all__ = [
    "BROUGHT", "LEDGER_FILE", "Asset", "AssetSpeaker", "BadVector", "Clip", "ClipFilter", "ClipHit", "ClipStore",
    "Correction", "CorrectionKind", "Envelope", "Erased", "ErasedVoice", "ExchangeResult", "ExportProblem", "Holding",
    "Ledger", "LedgerChange", "LostTable", "MendResult", "OwnerLock", "RowChange", "Sharing", "SourceKind", "Space",
    "SpaceInfo", "SpaceMismatch", "SpaceScan", "Speaker", "StoreAccess", "StoreBusy", "StoreCorrupt", "StoreError",
    "StoreFull", "StoreRescue", "StoreTooNew", "StoreUnavailable", "StoredClip", "StoredTranscript", "Task",
    "TimedText", "Unscrubbed", "UpsertResult", "Usage", "VectorIndex", "Voice", "Voices", "asset_from",
    "capabilities_of", "changed_rows", "clip_id_for", "digest_of", "doubtful_words", "encoded_changes",
    "encoded_vector", "export_library", "finish_rewrites", "import_library", "in_force", "is_export",
    "is_hardly_understood", "is_same_speaker", "is_touched", "ledger_damage", "ledger_titles", "length_of",
    "one_a_span", "salvage_ledger", "to_json", "within",
]
# fmt: on
