"""Requests to the editors of the English Wiktionary that stand in its entries: they are cut out of the lines.

The sentences are those of ROOTS (bigscience-workshop/data-preparation, clean_helpers/map_strip_substring.py). There, of two of
which one begins the other, the shorter was cut out and the rest stayed; here the longest goes.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Literal

from data_pipeline.documents import Document
from data_pipeline.steps import STEPS, Outcome, Step

_IPA = "If you are familiar with the IPA then please add some!"
_PHRASEBOOK = "This entry is part of the phrasebook project, which presents criteria for inclusion based on utility, simplicity and commonality"
_PRONUNCIATION = "This entry needs pronunciation information"
_AUDIO = "This entry needs audio files"
SENTENCES = (
    _PRONUNCIATION,
    f"Please try to find a suitable image on Wikimedia Commons or upload one there yourself!{_PRONUNCIATION}",
    "You may continue to edit this entry while the discussion proceeds, but please mention significant edits at the RFD discussion and ensure that "
    "the intention of votes already cast is not left unclear",
    _PHRASEBOOK,
    "If you are a native speaker with a microphone, please record some and upload them",
    _IPA,
    "Feel free to edit this entry as normal, but do not remove {{rfv}} until the request has been resolved",
    "This entry needs quotations to illustrate usage",
    f"{_IPA}{_AUDIO}",
    "Please see that page for discussion and justifications",
    "If you are familiar with the IPA or enPR then please add some!A user has added this entry to requests for verification(+) If it cannot be verified "
    "that this term meets our attestation criteria, it will be deleted",
    "This entry needs a photograph or drawing for illustration",
    "A user has added this entry to requests for deletion(+)",
    "Do not remove the {{rfd}} until the debate has finished",
    _AUDIO,
    f"If you come across any interesting, durably archived quotes then please add them!{_PHRASEBOOK}",
    "(For audio required quickly, visit WT:APR)",
)


@STEPS.register
class StripSubstringsEnWiktionary(Step):
    step: Literal["strip_substrings_en_wiktionary"]

    def apply(self, document: Document) -> Outcome:
        return _pattern().sub("", document.text)


@cache
def _pattern() -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, sorted(SENTENCES, key=len, reverse=True))))
