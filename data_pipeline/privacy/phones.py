"""Telephone numbers: what `phonenumbers` calls valid, and what people write so.

A run of digits is a number of something else most of the time, so before a candidate is parsed it must look like a
telephone number: a `+` or `00` and a country code; or groups of digits as the region writes them, with a word for telephone
or fax before it, an area code in brackets or a leading 0. A candidate that is a date, an address of a computer, or a part of a
longer number is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from data_pipeline.privacy.found import Span

_CANDIDATE = re.compile(
    r"(?<![\w.,/@=#&%$€£¥:+-])(?:\+|\()?\d(?:(?:[ \u00a0.\-/\u2010-\u2013]|\)[ \-/]?|[ \-]?\()?\d){6,16}"
    r"(?![\w%])(?![.,:/-]\d)",
    re.ASCII,
)
_FOREIGN = re.compile(r"(?:\+|00)[1-9]")
_DATE = re.compile(
    r"(?:19|20)\d\d[-./ ]\d{1,2}[-./ ]\d{1,2}\b|\d{1,2}[-./ ]\d{1,2}[-./ ](?:19|20)\d\d\b|(?:19|"
    r"20)\d\d ?[-–/] ?(?:19|20)\d\d\b"
)
_DOTTED = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_WORD = re.compile(
    r"(?:\b(?:tel|tél|telf|tlf|tfn|phone|telephone|teléfono|téléphone|telefon\w*|telefoon|telèfon|puhelin|"
    r"fax|faks|mobile|mobil|mobilní|móvil|celular|cell|call|sms|whatsapp|hotline|handy|gsm|contact number|"
    r"điện thoại|telepon|telpon|тел|телефон\w*|факс|τηλ\w*|फ़ोन|फोन|दूरभाष|ফোন|هاتف|تلفن|تلفون|טלפון|"
    r"โทร)\b|☎|📞|电话|電話|手机|傳真|传真|전화|팩스|携帯)[^\w\n]{0,4}(?:\(?\w{1,12}\)?[^\w\n]{1,3}){0,2}$",
    re.IGNORECASE,
)
_SEPARATED = re.compile(r"\d[ \u00a0.()\-/\u2010-\u2013]{1,2}\d")
_TRUNK = re.compile(r"\(0?\d{1,5}\)|0\d")
_AMERICAN = re.compile(r"\(?[2-9]\d\d\)?[ .-][2-9]\d\d[ .-]\d{4}")
_DIGITS = re.compile(r"\d+", re.ASCII)
_AROUND = 40


class Phones:
    """Finds the numbers of some regions and all that are written with a country code."""

    def __init__(self, regions: tuple[str, ...]) -> None:
        import phonenumbers

        self._package = phonenumbers
        self._regions = regions

    def __call__(self, text: str) -> Iterator[Span]:
        for found in _CANDIDATE.finditer(text):
            start, number = found.start(), found[0]
            if number.count(")") > number.count("("):  # the bracket was opened before the number
                number = number.rpartition(")")[0]
            if self._is_phone(text, start, number):
                yield Span(start, start + len(number), "phone")

    def _is_phone(self, text: str, start: int, number: str) -> bool:
        if not number.startswith("+") and (_DATE.search(number) or _DOTTED.fullmatch(number)):
            return False
        if _FOREIGN.match(number):
            return self._is_valid("+" + number.removeprefix("+").removeprefix("00"), None)
        if "+" in number:
            return False
        named = _WORD.search(text, max(0, start - _AROUND), start) is not None
        written = _SEPARATED.search(number) is not None and (_TRUNK.match(number) or _AMERICAN.fullmatch(number)) is not None
        return (named or written) and any(self._is_valid(number, region, strictly=not named) for region in self._regions)

    def _is_valid(self, number: str, region: str | None, *, strictly: bool = False) -> bool:
        try:
            parsed = self._package.parse(number, region)
        except self._package.NumberParseException:
            return False
        if not self._package.is_valid_number(parsed):
            return False
        usual = self._package.format_number(parsed, self._package.PhoneNumberFormat.NATIONAL)
        same_groups = _DIGITS.findall(number) == _DIGITS.findall(usual)
        return same_groups or not strictly
