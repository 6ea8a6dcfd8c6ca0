"""The figures of the evaluation, for a person and for a program."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from measures import Report


def as_json(report: Report) -> dict[str, Any]:
    """The report with the kinds of query at the top level, and rates instead of counts for words."""
    figures = asdict(report)
    by_source = figures.pop("wer_by_source")
    return {
        **figures.pop("kinds"),
        **figures,
        "wer": report.wer,
        "wer_by_source": {source: errors / said for source, (errors, said) in by_source.items() if said},
    }


def print_table(report: Report) -> None:
    """Print what was measured."""
    for lines in (_retrieval, _words, _rejection, _sounds, _scenes, _speed):
        for line in lines(report):
            print(line)
    for part, reason in report.skipped.items():
        print(f"{part:12} skipped: {reason}")
    for path, reason in report.failures.items():
        print(f"not embedded: {path}: {reason}")


def _retrieval(report: Report) -> Iterator[str]:
    if report.recordings:
        yield f"{report.recordings} embedded, {report.audio_seconds:.0f} s of audio, one library, {report.profile}"
    if report.kinds:
        yield f"{'query':12} {'n':>4} {'R@1':>6} {'R@5':>6} {'MRR':>6}"
    for kind, ranks in report.kinds.items():
        yield f"{kind:12} {ranks.n:4} {ranks.r1:6.2f} {ranks.r5:6.2f} {ranks.mrr:6.2f}"
    if report.rtf is not None:
        yield f"{'RTF':12} {report.rtf:.3f} (embedding everything, {report.cores} cores)"


def _words(report: Report) -> Iterator[str]:
    if report.wer is not None:
        yield f"{'WER':12} {report.wer:.1%}"
    for source, (errors, said) in sorted(report.wer_by_source.items()):
        yield f"  {errors / max(said, 1):6.1%} of {said:4} words: {source}"


def _rejection(report: Report) -> Iterator[str]:
    if found := report.rejection:
        yield (
            f"{'rejection':12} {found.rejected:.2f} of {found.unanswerable} that nothing answers are under "
            f"{found.threshold:.3f}, which {found.kept:.2f} of {found.answerable} reach"
        )


def _sounds(report: Report) -> Iterator[str]:
    if found := report.likeness:
        yield f"{'likeness':12} n {found.n}, mAP {found.map:.3f}, P@1 {found.p1:.3f} (sound to sound, other folds)"
    for name, naming in report.names.items():
        yield (
            f"{'names':12} {name}: n {naming.n}, {naming.labels} labels, accuracy {naming.accuracy:.3f}, "
            f"mAP {naming.map:.3f} (text to sound)"
        )


def _scenes(report: Report) -> Iterator[str]:
    for bed, kinds in report.segments.items():
        fits = ", ".join(f"{kind} {fit.mean_iou:.3f} (>= .5: {fit.fitting:.2f})" for kind, fit in kinds.items())
        yield f"{'segments':12} {bed}: IoU {fits}"
    for bed, fit in report.ranges.items():
        yield (
            f"{'ranges':12} {bed}: n {fit.n}, IoU >= .5 {fit.fitting:.2f}, overlapping {fit.overlapping:.2f}, "
            f"mean IoU {fit.mean_iou:.2f}; of {fit.short} no longer than a segment may be, IoU >= .5 "
            f"{fit.fitting_of_short:.2f}"
        )


def _speed(report: Report) -> Iterator[str]:
    if found := report.speed:
        peaks = [f"{name} {mb:.0f} MB" for name, mb in (("server", found.server_mb), ("worker", found.worker_mb)) if mb]
        yield (
            f"{'speed':12} {found.core_rtf:.3f} of one core for {found.audio_seconds:.0f} s of speech; "
            f"peaks: {', '.join(peaks) or 'not known here'}"
        )
