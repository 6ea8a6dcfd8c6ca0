"""Damages a library in every way that is known, and looks whether `soundbite doctor` finds and repairs it.

Run `python bench/damage.py [--only WORDS]`. Each kind of damage is done to a copy of a library of three recordings
whose sources are there; then `doctor --deep` has to name it and end with 1, `doctor --deep --repair` to end with 0, and
a search to find what was said. Exit code 1 when one of them does not.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from damages.kinds import DAMAGES, Damage
from damages.library import Library, make_library, served


@dataclass(frozen=True)
class Outcome:
    """What became of one damaged library."""

    named: bool
    repaired: bool
    found: bool
    """Whether every recording can be found again."""
    text: str
    """What the commands said."""

    @property
    def is_well(self) -> bool:
        return self.named and self.repaired and self.found


def main() -> int:
    """Damage, look, repair; print the table."""
    parser = argparse.ArgumentParser(description="Damage a library; see whether doctor finds and repairs it.")
    parser.add_argument("--only", default="", help="only the kinds with these words in their name")
    parser.add_argument("--verbose", action="store_true", help="print what the commands said where something is wrong")
    options = parser.parse_args()
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="soundbite-damage-") as folder, served(Path(folder) / "recordings") as port:
        whole = make_library(Path(folder), port)
        for number, damage in enumerate(kind for kind in DAMAGES if options.only in kind.name):
            outcome = outcome_of(whole.copy(Path(folder) / f"damaged-{number}"), damage)
            outcomes.append(outcome)
            row = (damage.name, answer(outcome.named), answer(outcome.repaired), answer(outcome.found))
            print("{:38} named {:4} repaired {:4} all found {}".format(*row), flush=True)
            if options.verbose and not outcome.is_well:
                print(outcome.text)
    wrong = sum(not outcome.is_well for outcome in outcomes)
    print(f"{len(outcomes)} kinds of damage, {wrong} not named, not repaired or called well")
    return int(bool(wrong))


def answer(is_so: bool) -> str:
    return "yes" if is_so else "NO"


def outcome_of(library: Library, damage: Damage) -> Outcome:
    """Damage a library, and look what doctor makes of it."""
    damage.do(library)
    check = library.run("doctor", "--deep")
    repair = library.run("doctor", "--deep", "--repair")
    listing = library.run("list")
    found = (
        all(f" {title} " in f" {listing.text} " for title in ("talk", "rain"))
        and "talk" in library.run("search", "milk on the way home").text
    )
    return Outcome(
        named=check.exit_code == 1 and damage.says in check.text,
        repaired=repair.exit_code == 0,
        found=found,
        text="\n".join((f"{check.exit_code} {check.text}", f"{repair.exit_code} {repair.text}", listing.text)),
    )


if __name__ == "__main__":
    sys.exit(main())
