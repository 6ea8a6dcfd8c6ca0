"""How good the answers are, measured on recordings with known answers.

    python bench/quality.py FOLDER [--only PART,…] [--profile NAME] [--seeds N] [--json OUT]

The folder is in the evaluation format (manifest.csv, queries.csv and the recordings). Every recording is embedded into
one library in a temporary home, and questions go through the tools of the server, as an agent's would. Parts:

  retrieval  ranks of the recording that answers, by kind of question; real-time factor of embedding everything
  wer        word error rate of the transcripts, by source
  rejection  questions that nothing answers (see rejection.py)
  likeness   sound to sound: mean average precision across folds
  names      text to sound: the labels as questions; not in the base profile, which knows a few plain words only
  segments   natural segments against the truth of scenes: silent gaps, noise at 20, 10 and 0 dB (see scenes.py)
  ranges     six words of what is said in a scene: whether the first answer fits
  speed      processor time and memory of embedding the speech with one worker

Exit codes: 0 measured, 1 a recording could not be embedded, 2 bad folder, part or profile.
"""

import argparse
import asyncio
import json
import sys
from pathlib import Path

from evalset import EvalSet, EvalSetError, read_eval_set
from measures import PARTS, Report, measure
from models import chosen_models
from tables import as_json, print_table

from soundbite_engine.errors import EngineError
from soundbite_engine.profiles import load_profile


def main() -> int:
    """Measure a folder, print a table, write the JSON when asked."""
    options = arguments()
    try:
        eval_set, parts = read_eval_set(options.folder.resolve()), chosen_parts(options.only)
        load_profile(options.profile, chosen_models())
    except (EvalSetError, EngineError) as exc:
        print(f"quality: {exc}", file=sys.stderr)
        return 2
    report = asyncio.run(_measured(eval_set, parts, options))
    print_table(report)
    if options.json:
        options.json.write_text(json.dumps(as_json(report), indent=1) + "\n", encoding="utf-8")
    return int(bool(report.failures))


async def _measured(eval_set: EvalSet, parts: tuple[str, ...], options: argparse.Namespace) -> Report:
    return await measure(eval_set, parts, options.profile, options.seeds)


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description="Measure answers on recordings with known answers.")
    parser.add_argument("folder", type=Path, help="folder with manifest.csv, queries.csv and the recordings")
    parser.add_argument("--only", default="", metavar="PART,…", help=f"parts to measure, of {', '.join(PARTS)}")
    parser.add_argument("--profile", default="base", help="the engine's profile, base by default")
    parser.add_argument("--seeds", type=int, default=1, help="how many scenes are made for segments and ranges")
    parser.add_argument("--json", type=Path, metavar="OUT", help="also write the figures as JSON")
    return parser.parse_args()


def chosen_parts(only: str) -> tuple[str, ...]:
    """The parts named in `only`, all where it is empty.

    Raises:
        EvalSetError: there is no part of that name.
    """
    named = [name.strip() for name in only.split(",") if name.strip()]
    if unknown := sorted(set(named) - set(PARTS)):
        raise EvalSetError(f"there is no part {unknown[0]!r}; there are {', '.join(PARTS)}.")
    return tuple(part for part in PARTS if not named or part in named)


if __name__ == "__main__":
    raise SystemExit(main())
