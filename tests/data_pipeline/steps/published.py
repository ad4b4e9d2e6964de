"""Gopher's, C4's and FineWeb's filters as huggingface/datatrove 0.10.1 decides, written plainly, on words handed in.

Each returns the number of the rule that drops the document, or None. Two things are ours: longer n-grams are compared word
by word (datatrove joins the words first), and C4's sentences are counted by their marks.
"""

from __future__ import annotations

import re

from data_pipeline.measures.characters import terminal_punctuation
from data_pipeline.measures.lines import sentences
from tests.data_pipeline.measures import naive

STOP_WORDS = {"the", "be", "to", "of", "and", "that", "have", "with"}
POLICY = ["terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies"]


def gopher_repetition(text: str, words: list[str]) -> bool:
    for parts in (re.split(r"\n{2,}", text.strip()), re.split("\n+", text)):
        number, characters = naive.copies(parts)
        if number / len(parts) > 0.3 or characters / len(text) > 0.2:
            return False
    if any(naive.top_gram_characters(words, n) / len(text) > limit for n, limit in ((2, 0.2), (3, 0.18), (4, 0.16))):
        return False
    limits = ((5, 0.15), (6, 0.14), (7, 0.13), (8, 0.12), (9, 0.11), (10, 0.10))
    return not any(naive.repeated_gram_characters(words, n) / len(text) > limit for n, limit in limits)


def gopher_quality(text: str, words: list[str]) -> bool:
    proper = [word for word in words if any(char not in naive.PUNCTUATION for char in word)]
    if not 50 <= len(proper) <= 100_000 or not 3 <= sum(map(len, proper)) / len(proper) <= 10:
        return False
    if text.count("#") / len(words) > 0.1 or (text.count("...") + text.count("…")) / len(words) > 0.1:
        return False
    lines = text.splitlines()
    if sum(line.lstrip().startswith(("•", "-")) for line in lines) / len(lines) > 0.9:
        return False
    if sum(line.rstrip().endswith(("...", "…")) for line in lines) / len(lines) > 0.3:
        return False
    if sum(any(char.isalpha() for char in word) for word in words) / len(words) < 0.8:
        return False
    return len(STOP_WORDS & set(words)) >= 2


def c4(text: str) -> str | None:
    kept, number = [], 0
    for line in text.splitlines():
        line = line.strip()
        words = line.split()
        if any(len(word) > 1000 for word in words):
            continue
        line = re.sub(r"\[\d*]|\[edit]|\[citation needed]", "", line)
        if not line.endswith((".", "?", "!", '"', "'")) or line.endswith("..."):
            continue
        if len(words) < 3:
            continue
        if "lorem ipsum" in line.lower():
            return None
        if "javascript" in line.lower():
            continue
        if "{" in line:
            return None
        if any(phrase in line.lower() for phrase in POLICY):
            continue
        number += sentences(line)
        kept.append(line)
    return "\n".join(kept).strip() if number >= 5 else None


def fineweb_quality(text: str, words: list[str]) -> bool:
    lines = [line for line in text.split("\n") if line.strip()]
    if not lines or sum(line.endswith(terminal_punctuation()) for line in lines) / len(lines) < 0.12:
        return False
    if sum(len(line) <= 30 for line in lines) / len(lines) > 0.67:
        return False
    if naive.copies(lines)[1] / len(text.replace("\n", "")) > 0.01:
        return False
    return text.count("\n") / max(1, len(words)) <= 0.3
