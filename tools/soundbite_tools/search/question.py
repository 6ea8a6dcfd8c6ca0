"""What is asked of a search, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from soundbite_tools.errors import QuestionProblem
from soundbite_tools.search.queries import LONGEST_QUERY

Modality = Literal["any", "speech", "sound"]


@dataclass(frozen=True)
class Question:
    """Words, an example, or both, and what the answers must not be like."""

    words: str
    like: str
    without: str
    modality: Modality

    @classmethod
    def checked(cls, query: str, like: str, without: str, modality: Modality) -> Question:
        """Return the question with single spaces.

        Raises:
            QuestionProblem: it is empty or too long.
        """
        words, unwanted = " ".join(query.split()), " ".join(without.split())
        if not words and not like.strip():
            raise QuestionProblem(
                "The question is empty.",
                'Say in query what was said or heard, for example query="what did the doctor say", '
                "or give a clip in like.",
                code="question_empty",
            )
        for text in (words, unwanted):
            if len(text) > LONGEST_QUERY:
                raise QuestionProblem(
                    f"The question is {len(text)} characters long; {LONGEST_QUERY} are taken.", "Ask in fewer words."
                )
        return cls(words, like.strip(), unwanted, modality)
