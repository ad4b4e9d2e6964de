"""What is left of a text before copies are compared."""

from __future__ import annotations

from data_pipeline.measures.characters import code_points, letters


def folded(text: str) -> str:
    """Every run of white space as one blank, none at the ends; letters stay as they are."""
    return " ".join(text.split())


def only_letters(text: str) -> str:
    """Without white space, digits and ASCII punctuation (ROOTS); a text of nothing else stays as it is."""
    codes = code_points(text)
    return codes[letters()[codes]].tobytes().decode("utf-32-le", "surrogatepass") or text.strip()
