"""Every measure once more, written down from its published definition with lists and dictionaries, word by word.

ROOTS: bigscience-workshop/data-preparation, 01b_oscar_cleaning_and_filtering/filtering.py. Gopher: arXiv:2112.11446 and
huggingface/datatrove, pipeline/filters. Nothing of `data_pipeline.measures` is used but its sets of characters.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from itertools import pairwise

from data_pipeline.measures.characters import (
    punctuation,
    special_characters,
    stripped_characters,
    terminal_punctuation,
)

SPECIAL = special_characters()
STRIPPED = stripped_characters()
PUNCTUATION = punctuation()
SCRIPTS_WITHOUT_SPACES = re.compile(
    "[\u0e00-\u0fff\u1000-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f\u1780-\u17ff\u19e0-\u19ff\u3040-\u30ff\u31f0-\u31ff"
    "\uff66-\uff9f\U0001b000-\U0001b16f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]"
)  # Thai, Lao, Tibetan, Myanmar, Khmer, kana, Han


def strip(word: str) -> str:
    while word and word[0] in STRIPPED:
        word = word[1:]
    while word and word[-1] in STRIPPED:
        word = word[:-1]
    return word


def words(text: str) -> list[str]:
    """Split on blanks, line feeds and tabs; small letters; special characters stripped; empty ones left out."""
    return [word for word in (strip(part.lower()) for part in re.split("[ \n\t]", text)) if word]


def character_words(text: str) -> list[str]:
    """A character of a script without spaces takes its marks and ends; everything else runs on to a special character."""
    found: list[str] = []
    running = False  # whether the last word can be continued by a letter
    attach = False  # whether it can be continued by a mark
    for char in text.lower():
        without = SCRIPTS_WITHOUT_SPACES.match(char) is not None
        category = unicodedata.category(char)
        if char in STRIPPED:
            running = attach = False
        elif without and category in ("Lo", "Lm"):
            found.append(char)
            running, attach = False, True
        elif without and category.startswith("M"):
            if running or attach:
                found[-1] += char
            else:
                found.append(char)
            running, attach = False, True
        elif running:
            found[-1] += char
        else:
            found.append(char)
            running, attach = True, True
    return found


def grams(parts: list[str] | str, n: int) -> list[object]:
    return [tuple(parts[i : i + n]) for i in range(len(parts) - n + 1)]


def character_repetition(text: str, n: int) -> float:
    counts = sorted(Counter(grams(text, n)).values(), reverse=True)
    if not counts:
        return 0.0
    singletons = sum(count == 1 for count in counts)
    top = min(int(math.sqrt(len(counts))), len(counts) - singletons)
    return sum(counts[:top]) / sum(counts)


def word_repetition(found: list[str], n: int) -> float:
    counts = Counter(grams(found, n)).values()
    return sum(count for count in counts if count > 1) / sum(counts) if counts else 0.0


def special_share(text: str) -> float:
    return sum(char in SPECIAL for char in text) / len(text) if text else 0.0


def listed_share(found: list[str], listed: set[str], pairs: str | None = None) -> float:
    if not found:
        return 0.0
    both = [] if pairs is None else [first + pairs + second for first, second in pairwise(found)]
    return min(1.0, sum(word in listed for word in found + both) / len(found))


def tokens(text: str) -> list[str]:
    """Runs of letters, digits, marks and `_` with apostrophes inside; other characters alone; no white space."""
    inside = [char.isalnum() or char == "_" or unicodedata.category(char).startswith("M") for char in text]
    found: list[str] = []
    open_ = False
    for place, char in enumerate(text):
        joins = inside[place] or (
            char in "'’" and 0 < place < len(text) - 1 and inside[place - 1] and inside[place + 1]
        )
        if char.isspace():
            open_ = False
        elif joins and open_:
            found[-1] += char
        else:
            found.append(char)
            open_ = joins
    return found


def top_gram_characters(found: list[str], n: int) -> int:
    joined = [" ".join(found[i : i + n]) for i in range(len(found) - n + 1)]
    if not joined:
        return 0
    gram, count = Counter(joined).most_common(1)[0]
    return len(gram) * count


def repeated_gram_characters(found: list[str], n: int) -> int:
    seen: set[tuple[str, ...]] = set()
    total = place = 0
    while place < len(found) - n + 1:
        gram = tuple(found[place : place + n])
        if gram in seen:
            total += sum(map(len, gram))
            place += n
        else:
            seen.add(gram)
            place += 1
    return total


def copies(parts: list[str]) -> tuple[int, int]:
    again = [part for place, part in enumerate(parts) if part in parts[:place]]
    return len(again), sum(map(len, again))


SIGNS = set('{}[]();=<>&|$_#\\*+"`@^~')
SENTENCE_MARKS = set(".!?…:;。！？；：।॥۔។៖؟།༎။።")


def ink(line: str) -> int:
    return sum(not char.isspace() for char in line)


def is_lettered(line: str) -> bool:
    return sum(char.isalpha() for char in line) >= 0.3 * ink(line)


def is_wide(char: str) -> bool:
    alone = SCRIPTS_WITHOUT_SPACES.match(char) is not None and unicodedata.category(char) in ("Lo", "Lm")
    return alone or "\uac00" <= char <= "\ud7a3"


def code_share(text: str) -> float:
    """Lines of letters with two signs and more, 6 in 100, and lines of comments of C and its children."""
    found = 0
    for line in text.split("\n"):
        signs = sum(char in SIGNS for char in line)
        dense = signs >= 2 and signs >= 0.06 * ink(line) and is_lettered(line)
        comment = re.match(r"[ \t]*(//|/\*|\*/)|[ \t]+\*\s", line + "\n") is not None and ("//" in text or "/*" in text)
        found += ink(line) if dense or comment else 0
    return found / max(1, ink(text))


CLOSING = "\"'”’»)]」』）》】*_ \t\r\u00a0"
ENDS = set(terminal_punctuation()) | set("…:;。！？；।៖")


def running_share(text: str) -> float:
    runs = among = 0
    for line in text.split("\n"):
        if not is_lettered(line):
            continue
        columns = len(line) + sum(map(is_wide, line))
        among += ink(line)
        if columns >= 50 or (columns >= 12 and line.rstrip(CLOSING)[-1:] in ENDS):
            runs += ink(line)
    return runs / among if 2 * among > ink(text) else 1.0


def words_of_both_kinds(text: str) -> float:
    alone = sum(SCRIPTS_WITHOUT_SPACES.match(char) is not None and unicodedata.category(char) in ("Lo", "Lm") for char in text)
    return len(words(text)) + alone / 2.5


def words_a_sentence(text: str) -> float:
    ends = sum(char in SENTENCE_MARKS for char in text)
    ends += sum("\u0e00" <= left <= "\u0eff" and right == " " for left, right in pairwise(text)) if SCRIPTS_WITHOUT_SPACES.search(text) else 0
    return words_of_both_kinds(text) / max(1, ends)


def advertising(text: str) -> float:
    shouted = [word for word in re.findall(r"\w+", text) if len(word) >= 4 and all("A" <= char < "\u0530" and unicodedata.category(char) == "Lu" for char in word)]
    calls = sum(char in "!！" for char in text)
    money = sum(char in "$€£¥₹₽₺₫฿₴元円원%％" for char in text)
    pages = sum(text.count(sign) for sign in ("http", "www.", ".com"))
    numbers = len(re.findall(r"(?<!\d)\d{5,}", text))
    if sum(kind >= 2 for kind in (calls, money, pages, numbers, len(shouted))) < 3:
        return 0.0
    signs = calls + money + pages + numbers
    return (signs + min(len(shouted), signs)) / max(1.0, words_of_both_kinds(text))
