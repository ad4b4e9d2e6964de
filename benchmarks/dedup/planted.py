"""Copies of known likeness among real documents: how many that must be found are, and how many that must not be."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from data_pipeline.documents import Document
from data_pipeline.steps import STEPS, Drop, Wide
from tests.data_pipeline.steps.run_wide import run_wide

Share = Callable[[str, str], float]


def outcomes(name: str, texts: list[str]) -> list[str | Drop]:
    step = STEPS.get(name)(step=name)
    assert isinstance(step, Wide)
    documents = [Document(id=str(number), text=text, source="bench") for number, text in enumerate(texts)]
    return run_wide(step, documents)[0]


def without_copies(texts: list[str]) -> list[str]:
    """Those that no other one is like, so that whatever is found was planted."""
    for name in ("exact_copies", "near_duplicates", "simhash_duplicates"):
        texts = [outcome for outcome in outcomes(name, texts) if not isinstance(outcome, Drop)]
    return texts


def words_in_common(one: str, other: str) -> float:
    """Of their sets of five words in a row: the share of both in either."""
    split = (one.split(), other.split())
    return _share(*({tuple(words[place : place + 5]) for place in range(len(words) - 4)} for words in split))


def characters_in_common(one: str, other: str) -> float:
    return _share(*({text[place : place + 6] for place in range(len(text) - 5)} for text in (one, other)))


def near(
    name: str, texts: list[str], share: Share, bands: list[tuple[float, float]], must: float, chance: random.Random
) -> Iterator[str]:
    """For each band of likeness how many planted copies are dropped; recall from `must` on, precision from 0.5 down."""
    planted, likeness = [], []
    for low, high in bands:
        for text in texts:
            copy = _changed(text, chance.uniform(low, high), share, chance)
            if low <= (alike := share(text, copy)) < high:
                planted.append(copy)
                likeness.append(alike)
    dropped = [isinstance(outcome, Drop) for outcome in outcomes(name, texts + planted)]
    wrongly, found = sum(dropped[: len(texts)]), dropped[len(texts) :]
    for low, high in bands:
        inside = [hit for hit, alike in zip(found, likeness, strict=True) if low <= alike < high]
        yield f"{name:<22}{low:.3f} to {high:.3f} in common: {sum(inside):>5,} of {len(inside):>5,} found"
    good = [hit for hit, alike in zip(found, likeness, strict=True) if alike >= must]
    bad = sum(hit for hit, alike in zip(found, likeness, strict=True) if alike <= 0.5) + wrongly
    recall, precision = sum(good) / len(good), sum(good) / (sum(good) + bad)
    yield f"{name:<22}recall {recall:.3f} at {must:g} and above, precision {precision:.3f} against 0.5 and below"


def substrings(texts: list[str], chance: random.Random) -> Iterator[str]:
    """Pieces of one half of the documents in the other: those of 50 bytes or more must go, all else must stay."""
    name = "repeated_substrings"
    texts = [text for outcome in outcomes(name, texts) if len(text := _left(outcome)) > 600]
    texts = [text for text, again in zip(texts, outcomes(name, texts), strict=True) if again == text]
    first, second = texts[: len(texts) // 2], texts[len(texts) // 2 :]
    hits: list[tuple[int, int]] = []
    elsewhere = 0
    for _ in range(5):
        planted, sizes = [], []
        for text in second:
            other = chance.choice(first)
            start = chance.randrange(len(other) - 400)
            size = chance.choice([chance.randint(20, 40), chance.randint(50, 70), chance.randint(71, 400)])
            piece = other[start : start + size]
            place = chance.randrange(len(text))
            planted.append(text[:place] + piece + text[place:])
            sizes.append(len(piece.encode()))
        given = first + planted
        left = map(_left, outcomes(name, given))
        gone = [len(before.encode()) - len(after.encode()) for before, after in zip(given, left, strict=True)]
        elsewhere += sum(gone[: len(first)])
        hits += zip(sizes, gone[len(first) :], strict=True)
    wanted = sum(size for size, _ in hits if size >= 50)
    right = sum(min(size, cut) for size, cut in hits if size >= 50)
    cut_bytes = elsewhere + sum(cut for _, cut in hits)
    pieces = [cut >= size for size, cut in hits if size >= 50]
    shorter = [cut > 0 for size, cut in hits if size < 50]
    yield f"{name:<22}pieces of 50 bytes and more: {sum(pieces):,} of {len(pieces):,} are cut whole"
    yield f"{name:<22}shorter pieces: {sum(shorter):,} of {len(shorter):,} are cut"
    yield f"{name:<22}recall {right / wanted:.3f} of {wanted:,} planted bytes, precision {right / cut_bytes:.3f}"


def _left(outcome: str | Drop) -> str:
    return "" if isinstance(outcome, Drop) else outcome


def _changed(text: str, share: float, measure: Share, chance: random.Random) -> str:
    """The text with words replaced one by one until no more than `share` is in common."""
    words = text.split(" ")
    low, high = 0, len(words)
    order = chance.sample(range(len(words)), len(words))
    new = ["".join(chance.choices("abcdefghijklmnop", k=7)) for _ in words]

    def with_replaced(number: int) -> str:
        replaced = list(words)
        for place in order[:number]:
            replaced[place] = new[place]
        return " ".join(replaced)

    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if measure(text, with_replaced(middle)) <= share else (middle + 1, high)
    return with_replaced(low)


def _share(one: set[object], other: set[object]) -> float:
    return len(one & other) / max(1, len(one | other))
