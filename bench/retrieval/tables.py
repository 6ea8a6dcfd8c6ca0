"""The figures of the evaluation, for a person and for a program."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from retrieval.long_answers import ALL, LongReport
from retrieval.measures import CLEAN, HUMAN, RECOGNISED, Report


def as_json(report: Report) -> dict[str, Any]:
    """The report with the kinds of query at the top level, and rates beside counts for words."""
    figures = asdict(report)
    kinds = figures.pop("kinds")
    figures["words"] = {
        line: {"errors": found.errors, "spoken": found.spoken, "rate": found.rate, "by_source": found.by_source}
        for line, found in report.words.items()
        if found.spoken
    }
    if report.invented:
        figures["invented"]["share"] = report.invented.share
    clean = report.words.get(CLEAN)
    return {**kinds, **figures, "wer": clean.rate if clean and clean.spoken else None}


def print_table(report: Report) -> None:
    """Print what was measured."""
    for lines in (_retrieval, _words, _rejection, _invented, _long, _sounds, _scenes, _speed, _meetings):
        for line in lines(report):
            print(line)
    for part, reason in report.skipped.items():
        print(f"{part:12} skipped: {reason}")
    failures = [report.failures, *(figures.failures for figures in report.long.values())]
    for path, reason in (item for group in failures for item in group.items()):
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
    for line, errors in report.words.items():
        if errors.spoken:
            yield f"{'WER':12} {errors.rate:6.1%} of {errors.spoken} words: {line}"
    if clean := report.words.get(CLEAN):
        for source, (errors, spoken) in sorted(clean.by_source.items()):
            yield f"  {errors / max(spoken, 1):6.1%} of {spoken:4} words: {source}"


def _rejection(report: Report) -> Iterator[str]:
    if found := report.rejection:
        yield (
            f"{'rejection':12} {found.rejected:.2f} of {found.unanswerable} that nothing answers are under "
            f"{found.threshold:.3f}, which {found.kept:.2f} of {found.answerable} reach"
        )


def _invented(report: Report) -> Iterator[str]:
    if found := report.invented:
        yield f"{'invented':12} words in {found.share:.1%} of {found.recordings} recordings without speech"
        for path, text in sorted(found.texts.items()):
            yield f"  {path}: {text[:80]!r}"


def _long(report: Report) -> Iterator[str]:
    for name, figures in report.long.items():
        yield f"long, {name} text: {figures.recordings} embedded, {figures.audio_seconds:.0f} s of audio, one library"
        yield f"{'question':12} {'n':>4} {'R@1':>6} {'R@5':>6} {'MRR':>6} {'IoU':>6}  R@1 by recording"
        for kind, found in figures.kinds.items():
            ranks, fit = found.ranks, "-" if found.fit is None else f"{found.fit:.2f}"
            spread = found.spread
            by_fold = f"  {spread.least:.2f} to {spread.most:.2f}, sd {spread.deviation:.2f}" if spread else ""
            yield f"{kind:12} {ranks.n:4} {ranks.r1:6.2f} {ranks.r5:6.2f} {ranks.mrr:6.2f} {fit:>6}{by_fold}"
        yield from (f"  {path}: R@1 {rate:.2f} of {count}" for path, (count, rate) in figures.folds.items())
        yield from _refusals(figures)
    if report.long.keys() >= {RECOGNISED, HUMAN}:
        heard, written = (report.long[name].kinds[ALL].ranks for name in (RECOGNISED, HUMAN))
        shares = ((ours / best if best else 0.0) for ours, best in zip(_three(heard), _three(written), strict=True))
        yield "recognised as a share of human text: R@1 {:.2f}, R@5 {:.2f}, MRR {:.2f}".format(*shares)


def _three(ranks: Any) -> tuple[float, float, float]:
    return ranks.r1, ranks.r5, ranks.mrr


def _refusals(figures: LongReport) -> Iterator[str]:
    if found := figures.refusals:
        yield (
            f"{'nothing':12} {found.asked:4} refused: {found.by_score:.2f} below {found.threshold:.3f}, which 95 % of "
            f"the others reach; {found.by_verdict:.2f} by verdict, which refuses {found.lost_by_verdict:.2f} of them"
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


def _meetings(report: Report) -> Iterator[str]:
    if found := report.meetings:
        yield f"{'meetings':12} n {found.n}, P@1 {found.r1:.3f}, hit@5 {found.r5:.3f}, MRR {found.mrr:.3f} (true text)"
