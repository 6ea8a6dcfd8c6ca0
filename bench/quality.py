"""How good the answers are, measured on recordings with known answers.

    python bench/quality.py FOLDER [--only PART,…] [--text true] [--phone] [--noise DB …] [--text-only FILE]
                            [--profile NAME] [--seeds N] [--json OUT]

The folder is in the evaluation format (manifest.csv, queries.csv and the recordings; long recordings with turns and
questions in its folder `long`). Recordings are embedded into libraries in temporary homes, and questions go through the
tools of the server, as an agent's would; nothing is kept from one run to the next. Parts:

  retrieval  ranks of the recording that answers, by kind of question; real-time factor of embedding everything
  wer        word error rate of the transcripts, by source; with --phone also through a telephone's band (8 kHz,
             mu-law), with --noise 10 also under white noise 10 dB below the speech
  rejection  questions that nothing answers (see retrieval/rejection.py)
  invented   words heard in sounds without speech, silence, hum, noise and music
  long       ranks and ranges of the passage that answers, by kind of question, and questions that nothing answers
             refused (see retrieval/long_answers.py). An answer is right where its range overlaps the passage's in the
             same recording; `by speaker` are those asked once more of who says the answer. --text true measures all
             once more on what a person wrote down (retrieval/human_words.py)
  likeness   sound to sound: mean average precision across folds
  names      text to sound: the labels as questions; not in the base profile, which knows a few plain words only
  segments   natural segments against the truth of scenes: silent gaps, noise at 20, 10 and 0 dB (acoustics/scenes.py)
  ranges     six words of what is said in a scene: whether the first answer fits
  speed      processor time and memory of embedding the speech with one worker
  meetings   ranking of text alone: the file named by --text-only (see retrieval/meetings.py), and nothing else unless
             --only names more

Exit codes: 0 measured, 1 a recording could not be embedded, 2 bad folder, file, part or profile.
"""

import argparse
import asyncio
import json
import sys
from pathlib import Path

from machine.models import chosen_models
from retrieval.evaluation_set import EvalSetError, read_eval_set
from retrieval.measures import PARTS, Order, measure
from retrieval.passages import read_long_set
from retrieval.tables import as_json, print_table

from soundbite_engine.errors import EngineError
from soundbite_engine.profiles import load_profile

LONG = "long"


def main() -> int:
    """Measure a folder, print a table, write the JSON when asked."""
    options = arguments()
    folder = options.folder.resolve()
    try:
        order = order_of(options)
        eval_set = read_eval_set(folder)
        long_set = read_long_set(folder / LONG) if (folder / LONG).is_dir() else None
        load_profile(options.profile, chosen_models())
        report = asyncio.run(measure(eval_set, long_set, order))
    except (EvalSetError, EngineError) as exc:
        print(f"quality: {exc}", file=sys.stderr)
        return 2
    print_table(report)
    if options.json:
        options.json.write_text(json.dumps(as_json(report), indent=1) + "\n", encoding="utf-8")
    return int(bool(report.failures) or any(figures.failures for figures in report.long.values()))


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description="Measure answers on recordings with known answers.")
    parser.add_argument("folder", type=Path, help="folder with manifest.csv, queries.csv and the recordings")
    parser.add_argument("--only", default="", metavar="PART,…", help=f"parts to measure, of {', '.join(PARTS)}")
    parser.add_argument("--text", choices=("recognised", "true"), default="recognised", help="true: human text too")
    parser.add_argument("--phone", action="store_true", help="word errors through a telephone's band too")
    parser.add_argument("--noise", type=float, nargs="+", default=[], metavar="DB", help="and under white noise")
    parser.add_argument("--text-only", type=Path, metavar="FILE", help="meetings as text, in the format of QMSum")
    parser.add_argument("--profile", default="base", help="the engine's profile, base by default")
    parser.add_argument("--seeds", type=int, default=1, help="how many scenes are made for segments and ranges")
    parser.add_argument("--json", type=Path, metavar="OUT", help="also write the figures as JSON")
    return parser.parse_args()


def order_of(options: argparse.Namespace) -> Order:
    """What to measure.

    Raises:
        EvalSetError: there is no part of that name.
    """
    named = [name.strip() for name in options.only.split(",") if name.strip()]
    if unknown := sorted(set(named) - set(PARTS)):
        raise EvalSetError(f"there is no part {unknown[0]!r}; there are {', '.join(PARTS)}.")
    chosen = {*named, "meetings"} if options.text_only else set(named) or set(PARTS) - {"meetings"}
    return Order(
        parts=tuple(part for part in PARTS if part in chosen),
        profile=options.profile,
        seeds=options.seeds,
        is_phone=options.phone,
        noise_db=tuple(options.noise),
        is_true_text=options.text == "true",
        meetings=options.text_only,
    )


if __name__ == "__main__":
    raise SystemExit(main())
