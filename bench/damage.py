"""Damages a library in every way that is known, and looks whether `soundbite doctor` finds and repairs it.

Run `python bench/damage.py [--only PATTERN]`. Each kind of damage is done to a copy of a library of three recordings
whose sources are there; then `doctor --deep` has to name it and end with 1, `doctor --deep --repair` to end with 0, and
every recording and every clip with its words to be there again. Where the only copy of a transcript is gone with the
ledger, repair has to say so and end with 1, and the next `doctor --deep` to find nothing more. Exit code 1 when one of
them is not so.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from damages.kinds import DAMAGES, Damage
from damages.library import Library, contents_of, make_library, served

LOST = "were in the ledger only"


@dataclass(frozen=True)
class Outcome:
    """What became of one damaged library."""

    named: bool
    repaired: bool
    is_whole: bool
    """Whether every recording and every clip is there again."""
    text: str
    """What the commands said."""

    @property
    def is_well(self) -> bool:
        return self.named and self.repaired and self.is_whole


def main() -> int:
    """Damage, look, repair; print the table."""
    parser = argparse.ArgumentParser(description="Damage a library; see whether doctor finds and repairs it.")
    parser.add_argument("--only", default="", help="only the kinds whose names match this pattern")
    parser.add_argument("--verbose", action="store_true", help="print what the commands said where something is wrong")
    options = parser.parse_args()
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="soundbite-damage-") as folder, served(Path(folder) / "recordings") as port:
        whole = make_library(Path(folder), port)
        for number, damage in enumerate(kind for kind in DAMAGES if re.search(options.only, kind.name)):
            outcome = outcome_of(whole.copy(Path(folder) / f"damaged-{number}"), damage)
            outcomes.append(outcome)
            row = (damage.name, answer(outcome.named), answer(outcome.repaired), answer(outcome.is_whole))
            print("{:38} named {:4} repaired {:4} all there {}".format(*row), flush=True)
            if options.verbose and not outcome.is_well:
                print(outcome.text)
    wrong = sum(not outcome.is_well for outcome in outcomes)
    print(f"{len(outcomes)} kinds of damage, {wrong} not named, not repaired or called well")
    return int(bool(wrong))


def answer(is_so: bool) -> str:
    return "yes" if is_so else "NO"


def outcome_of(library: Library, damage: Damage) -> Outcome:
    """Damage a library, and look what doctor makes of it."""
    contents = contents_of(library)
    damage.do(library)
    check = library.run("doctor", "--deep")
    repair = library.run("doctor", "--deep", "--repair")
    repaired, after = repair.exit_code == 0, contents_of(library) if repair.exit_code in (0, 1) else set()
    if damage.loses_words:
        repaired = repair.exit_code == 1 and LOST in repair.text and library.run("doctor", "--deep").exit_code == 0
    return Outcome(
        named=check.exit_code == 1 and damage.says in check.text,
        repaired=repaired,
        is_whole=repaired and after == contents,
        text="\n".join((f"{check.exit_code} {check.text}", f"{repair.exit_code} {repair.text}")),
    )


if __name__ == "__main__":
    sys.exit(main())
