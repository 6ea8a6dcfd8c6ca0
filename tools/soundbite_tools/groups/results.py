"""What classify_clips and cluster_clips answer."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from soundbite_tools.results import UNLISTED, UNTOLD, ClipPlace, Result, closing, span
from soundbite_tools.text import count_of, listed, number, quoted


class LabelShare(BaseModel):
    """How much of the sound a label fits."""

    model_config = ConfigDict(frozen=True)

    label: str
    clips: int
    seconds: float
    share: float = Field(description="Of the seconds, 0 to 1")
    mean_score: float

    def to_text(self) -> str:
        """Return the share in words."""
        score = f", mean score {number(self.mean_score)}" if self.clips and self.mean_score else ""
        size = f"{count_of(self.clips, 'clip')}, {number(self.seconds)} s"
        return f"{quoted(self.label)}: {size} (share {number(self.share)}){score}"


class LabelledClip(ClipPlace):
    """A clip and the label that fits it best."""

    label: str = Field(description="The label that fits best, or: none of these")
    score: float = Field(description="How well it fits, 0 to 1")
    matched: str = ""
    text: str = ""

    def to_text(self) -> str:
        """Return the clip in words."""
        matched = f", matched {self.matched}" if self.matched else ""
        text = f"\n   {quoted(self.text)}" if self.text else ""
        return (
            f"{quoted(self.label)} (score {number(self.score)}{matched}): "
            f"{quoted(self.title)} {self.time_range} ({span(self)}), "
            f"clip_id {self.clip_id}, asset_id {self.asset_id}{text}"
        )


class LabelledAsset(Result):
    """A recording and the labels of its clips, those with most seconds first."""

    asset_id: str
    title: str
    label: str = Field(description="The label with most seconds, or: none of these")
    labels: list[LabelShare]

    def to_text(self) -> str:
        """Return the recording in words."""
        shares = "; ".join(share.to_text() for share in self.labels)
        is_told = len(self.labels) == 1 and self.labels[0].label == self.label
        label = "" if is_told else f"{quoted(self.label)}. "
        return f"{quoted(self.title)}, asset_id {self.asset_id}: {label}{shares}"


class ClassifyResult(Result):
    """Labels of clips or of recordings, and how much of the whole each label fits."""

    labels: list[LabelShare]
    clips: list[LabelledClip] = Field(default_factory=list)
    assets: Annotated[list[LabelledAsset], UNTOLD] = Field(default_factory=list)
    per: Annotated[str, UNLISTED] = "clip"
    modality: Annotated[str, UNLISTED] = "any"
    clips_classified: int = 0
    page: Annotated[int, UNLISTED] = 1
    notes: list[str] = Field(default_factory=list)
    next_step: str = ""

    def to_text(self) -> str:
        """Return the labels in words."""
        modality = f", modality {self.modality}" if self.modality != "any" else ""
        page = f", page {self.page}" if self.page > 1 else ""
        lines = [f"{count_of(self.clips_classified, 'clip')} classified, listed per {self.per}{modality}{page}."]
        lines += [f"- {share.to_text()}" for share in self.labels]
        lines += [f"{place}. {entry.to_text()}" for place, entry in enumerate([*self.clips, *self.assets], 1)]
        return "\n".join(closing(lines, self.notes, self.next_step))


class ClusterMember(ClipPlace):
    """A clip of a cluster."""

    text: str = ""
    sounds: str = ""

    def to_text(self) -> str:
        """Return the clip in words."""
        text = f" {quoted(self.text)}" if self.text else ""
        sounds = f" Sounds: {self.sounds}" if self.sounds else ""
        where = (
            f"{quoted(self.title)} {self.time_range} ({span(self)}), clip_id {self.clip_id}, asset_id {self.asset_id}"
        )
        return f"{where}{text}{sounds}"


class ClusterResult(Result):
    """Clips that are alike; the representative is the one nearest to all others."""

    cluster: int
    clips: int
    recordings: int
    seconds: float
    share: float = Field(description="Of the seconds of all clips, 0 to 1")
    likeness: float = Field(description="How alike its clips are: mean cosine to their centre")
    words: list[str] = Field(default_factory=list, description="Said here more than elsewhere")
    sounds: list[str] = Field(default_factory=list, description="Heard here more than elsewhere")
    representative: ClusterMember
    members: Annotated[list[ClusterMember], UNLISTED] = Field(
        default_factory=list, description="The next nearest; with detail=detailed"
    )

    def to_text(self) -> str:
        """Return the cluster in words."""
        size = f"{count_of(self.clips, 'clip')} of {count_of(self.recordings, 'recording')}, {number(self.seconds)} s"
        lines = [f"Cluster {self.cluster}: {size} (share {number(self.share)}), likeness {number(self.likeness)}"]
        if self.words:
            lines.append(f"   Words: {listed(self.words)}")
        if self.sounds:
            lines.append(f"   Sounds: {', '.join(self.sounds)}")
        lines.append(f"   Representative: {self.representative.to_text()}")
        lines += [f"   Also: {member.to_text()}" for member in self.members]
        return "\n".join(lines)


class ClusterListing(Result):
    """The clusters of a selection of clips, the longest first."""

    clusters: list[ClusterResult]
    modality: Annotated[str, UNLISTED] = "any"
    clips_clustered: int = 0
    notes: list[str] = Field(default_factory=list)
    next_step: str = ""

    def to_text(self) -> str:
        """Return the clusters in words."""
        modality = f", modality {self.modality}" if self.modality != "any" else ""
        lines = [f"{count_of(len(self.clusters), 'cluster')} of {count_of(self.clips_clustered, 'clip')}{modality}."]
        lines += [cluster.to_text() for cluster in self.clusters]
        return "\n".join(closing(lines, self.notes, self.next_step))
