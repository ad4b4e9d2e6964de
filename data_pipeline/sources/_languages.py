"""The tags by which collections name languages (`pt-br`, `zh_TW`, `c++`) -> languages of this pipeline."""

from __future__ import annotations

import re

from data_pipeline.sources._code import known_language
from data_pipeline.steps import Content

_CHINESE = {"cn": "zhs", "sg": "zhs", "hans": "zhs", "tw": "zht", "hk": "zht", "mo": "zht", "hant": "zht"}
_PRIMARY = re.compile(r"[a-z]{2,3}")
_THREE_TO_TWO = {
    "ara": "ar", "ben": "bn", "cat": "ca", "deu": "de", "eng": "en", "spa": "es", "eus": "eu", "fra": "fr", "hin": "hi", "ind": "id",
    "ita": "it", "jpn": "ja", "kor": "ko", "nld": "nl", "pol": "pl", "por": "pt", "rus": "ru", "swa": "sw", "tur": "tr", "ukr": "uk",
    "urd": "ur", "vie": "vi", "yor": "yo", "zho": "zh", "zul": "zu",
}  # fmt: skip


def language_of_tag(tag: str, content: Content | None = None) -> tuple[str, Content] | None:
    """(language, content) of a tag; None for one that is neither a natural language's nor a programming
    language's.

    A tag that could be both (`lua` is also Luba-Lulua) is a programming language's, unless `content` says
    text.
    """
    program = known_language(tag)
    if content == "code" or (content is None and program):
        return None if program is None else (program, "code")
    primary, *rest = tag.lower().replace("_", "-").split("-")
    if not _PRIMARY.fullmatch(primary):
        return None
    primary = _THREE_TO_TWO.get(primary, primary)
    if primary == "zh":
        return next((_CHINESE[part] for part in rest if part in _CHINESE), "zh"), "text"
    return primary, "text"
