"""Which option is most likely which organization, by their names alone (leaf).

Case, accents, punctuation and legal forms do not count. What tells companies apart does: numbers and single letters have to
be the same, and every word has to have its like in the other name. So "Client A" is not suggested for "Client B".
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

# Words behind a name that say which kind of company it is, as they are spelled once dots are gone.
LEGAL_FORMS: Final = frozenset(
    "inc incorporated llc llp lp ltd limited plc corp corporation co company gmbh mbh ag kg kgaa ohg gbr ug eg ev ek se sa sarl sas sasu eurl "
    "bv nv vof srl spa sl slu oy oyj ab as asa aps kft zrt bt sro doo dd ood eood pty pte pvt private bhd sdn lda ltda".split()
)
_SPELLED_APART: Final = {("sp", "z", "o", "o"), ("sp", "z", "oo"), ("s", "r", "o"), ("a", "s"), ("d", "o", "o")}
SAME: Final = 100  # the names are the same but for case, accents and punctuation
SAME_COMPANY: Final = 95  # and but for their legal forms
LEAST: Final = 80  # below that nothing is suggested
_LIKE: Final = 0.8  # of two words; one typing error in five letters
_FINALISTS: Final = 20
_COMMON: Final = 3000  # options that share a piece of a name; a piece of more of them tells nothing


@dataclass(frozen=True)
class Suggestion:
    """What fits a name best: `score` from LEAST to SAME and the option's index; two or more indexes where they fit equally well,
    none where nothing fits."""

    score: int
    options: tuple[int, ...]


def folded(text: str) -> str:
    """The text without case and accents, blanks made one: what a search compares."""
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss")).casefold()
    return " ".join("".join(c for c in plain if not unicodedata.combining(c)).split())


def words(name: str) -> tuple[str, ...]:
    """The words of a name without punctuation; & is "and"."""
    text = folded(name).replace("&", " and ")
    text = re.sub(r"(?<=\b\w)\.(?=\w\b)", "", re.sub("['`\u2019\u00b4]", "", text))  # S.A. is sa, O'Neil is oneil
    return tuple(re.sub(r"[\W_]+", " ", text).split())


def core(name: str) -> tuple[str, ...]:
    """The words without "the" in front and legal forms behind; of a name that is nothing else, all of them."""
    found = words(name)
    rest = found[1:] if len(found) > 1 and found[0] == "the" else found
    while len(rest) > 1:
        apart = next((form for form in _SPELLED_APART if len(rest) > len(form) and rest[-len(form) :] == form), None)
        if apart:
            rest = rest[: -len(apart)]
        elif rest[-1] in LEGAL_FORMS or (rest[-1] == "and" and len(rest) > 2):
            rest = rest[:-1]
        else:
            break
    return rest


class Matcher:
    """Suggestions among many options: built once, asked for each name. Tens of thousands of options are looked through by the pieces
    that their names share, so that only few are compared letter by letter."""

    def __init__(self, labels: Sequence[str]) -> None:
        self._cores = [core(label) for label in labels]
        self._by_words: dict[tuple[str, ...], list[int]] = defaultdict(list)
        self._by_core: dict[tuple[str, ...], list[int]] = defaultdict(list)
        self._by_piece: dict[str, list[int]] = defaultdict(list)
        for number, label in enumerate(labels):
            self._by_words[words(label)].append(number)
            self._by_core[self._cores[number]].append(number)
            for piece in _pieces(self._cores[number]):
                self._by_piece[piece].append(number)

    def suggest(self, name: str) -> Suggestion:
        wanted = core(name)
        if not wanted:
            return Suggestion(0, ())
        if same := self._by_words.get(words(name)):
            return Suggestion(SAME, tuple(same))
        if same := self._by_core.get(wanted):
            return Suggestion(SAME_COMPANY, tuple(same))
        return self._closest(wanted)

    def _closest(self, wanted: tuple[str, ...]) -> Suggestion:
        shared: Counter[int] = Counter()
        for piece in _pieces(wanted):
            rows = self._by_piece.get(piece, ())
            if len(rows) <= _COMMON:
                shared.update(rows)
        scores = {number: _score(wanted, self._cores[number]) for number, _ in shared.most_common(_FINALISTS)}
        best = max(scores.values(), default=0)
        if best < LEAST:
            return Suggestion(0, ())
        return Suggestion(best, tuple(sorted(number for number, score in scores.items() if score == best)))


def _pieces(name: Iterable[str]) -> set[str]:
    """Every three letters in a row, with the ends of words."""
    return {text[n : n + 3] for word in name for text in [f" {word} "] for n in range(len(text) - 2)}


def _score(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    """How alike two names are, below SAME_COMPANY; 0 where they cannot be the same company."""
    if _telling(one) != _telling(other):
        return 0
    short, long = sorted((list(one), list(other)), key=len)
    left = list(long)
    for word in short:
        best = max(left, key=lambda candidate: _alike(word, candidate), default="")
        if _alike(word, best) < _LIKE:
            return 0
        left.remove(best)
    # A word that only one of them has may be the town, or another company.
    ratio = SequenceMatcher(None, " ".join(sorted(one)), " ".join(sorted(other)), autojunk=False).ratio()
    return min(SAME_COMPANY - 1, round(100 * ratio))


def _alike(one: str, other: str) -> float:
    return 1.0 if one == other else SequenceMatcher(None, one, other, autojunk=False).ratio()


def _telling(name: Iterable[str]) -> list[str]:
    """Words that differ by one letter and mean another company: numbers, and the shortest ones."""
    return sorted(word for word in name if len(word) <= 2 or any(c.isdigit() for c in word))
