"""Bad documents of known kinds among real ones: how many of each kind are dropped, and how many real ones with them.

Real documents are taken as good; where the corpus holds tables, menus and pages in another language than it says, they
count against the filter here.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator

from data_pipeline.documents import Document
from data_pipeline.steps import Apply, Drop

SLOGANS = ("buy now", "best price", "click here", "free shipping", "limited offer", "order today", "cheap watches")
MENU = ("Home", "About us", "Contact", "Log in", "Sitemap", "News", "Products", "Privacy", "Imprint", "Help", "Search", "Shop")


def planted(documents: list[Document], code: list[str], chance: random.Random) -> Iterator[tuple[str, Document]]:
    """(kind, document) of every kind, made of the real documents."""
    others = defaultdict(list)
    for entry in documents:
        others[entry.meta["language"]].append(entry)
    for number, entry in enumerate(documents):
        language = str(entry.meta["language"])
        text = entry.text
        words = text.split()
        other = chance.choice([name for name in others if name != language] or [language])
        texts = {
            "spam": " ".join(chance.choice(SLOGANS) for _ in range(120)),
            "wrong language": chance.choice(others[other]).text,
            "boilerplate": "\n".join(chance.choice(MENU) for _ in range(80)),
            "code": code[number % len(code)] if code else "",
            "repeated n-gram": text[:600] + " " + (" ".join(words[:7]) + " ") * 40,
            "repeated paragraph": "\n\n".join([text[:400]] * 6),
            "symbols": " ".join("=-|#*+~<>"[chance.randrange(9)] * chance.randint(1, 9) for _ in range(200)) + " " + " ".join(words[:30]),
        }  # fmt: skip
        for kind, made in texts.items():
            if made:
                yield kind, Document(id=f"{number}", text=made, source="bench", meta={"language": language})


def table(documents: list[Document], code: list[str], filters: dict[str, Callable[[Document], bool]]) -> Iterator[str]:
    """Lines of precision and recall for each filter and kind."""
    bad = list(planted(documents, code, random.Random(0)))
    kinds = list(dict.fromkeys(kind for kind, _ in bad))
    yield f"{'':<22}{'real kept':>10}" + "".join(f"{kind:>20}" for kind in kinds)
    for name, keeps in filters.items():
        good = sum(map(keeps, documents))
        cells = []
        for kind in kinds:
            group = [entry for found, entry in bad if found == kind]
            dropped = sum(not keeps(entry) for entry in group)
            wrongly = (len(documents) - good) * len(group) / len(documents)
            cells.append(f"{dropped / len(group):>9.2f} /{dropped / max(1.0, dropped + wrongly):>9.2f}")
        yield f"{name:<22}{good / len(documents):>10.2f}" + "".join(cells)


def reasons(documents: list[Document], step: Apply) -> str:
    """Why real documents are dropped, the commonest reason first."""
    counts = Counter(outcome.reason for entry in documents if isinstance(outcome := step(entry), Drop))
    return ", ".join(f"{number} {reason}" for reason, number in counts.most_common())


def keeps_all(*steps: Apply) -> Callable[[Document], bool]:
    """Whether a document comes through all steps."""
    return lambda entry: not any(isinstance(step(entry), Drop) for step in steps)
