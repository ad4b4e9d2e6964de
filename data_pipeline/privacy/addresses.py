"""Addresses of computers, told from everything else that is written with dots and colons.

`ipaddress` says whether four numbers are an address at all, and whether it is anybody's: with `public_only`, private,
loopback, documentation, multicast and reserved ranges stay, and so do networks (`5.9.0.0/16`). What is written around it
says the rest. Not addresses are: parts of longer dotted numbers (object identifiers), versions (after a word for one, after
`name-` or `name/`, before a suffix such as `-1ubuntu2` or `rc1`), numbers of sections. Four small numbers
(`2.6.32.27`), or a name before numbers that are small in the middle (`Player 32.0.5.171`), are a version as a rule, so they
count as an address only where a word or sign of networks stands on the line before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import AddressValueError, IPv4Address, IPv6Address, ip_network

from data_pipeline.privacy.found import Span

_V4 = re.compile(r"(?<![0-9A-Za-z_.])\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?![0-9A-Za-z_])(?!\.\d)", re.ASCII)
_V6 = re.compile(
    r"(?<![0-9A-Za-z_:.])(?:[0-9A-Fa-f]{1,4}:|::)[0-9A-Fa-f:]*:[0-9A-Fa-f]{0,4}(?:(?<=:)\d{1,3}"
    r"(?:\.\d{1,3}){3})?(?![0-9A-Za-z_:])"
)
_V4_SIGN = re.compile(r"\.\d{1,3}\.\d", re.ASCII)
_V6_SIGN = re.compile(r":[0-9A-Fa-f]{0,4}:")
_SUFFIX = re.compile(r"[+~][A-Za-z0-9]|-(?!\d{1,3}(?:\.\d{1,3}){3})[A-Za-z0-9]|-?(?:alpha|beta|rc|dev|pre)\d*\b")
_VERSION = re.compile(
    r"(?:\b(?:v|ver|vers|version\w*|versi[oó]n\w*|vers[aãi]\w*|versi\w*|release[sd]?|rev|revision|build|"
    r"firmware|kernel|update|upgrade[sd]?|patch|since|wersj\w*|verze|verzi\w*|verzió\w*|версі\w+|верси\w+|"
    r"верзиј\w*|έκδοση\w*|sürüm\w*|phiên bản|bản|إصدار|الإصدار|نسخه|نسخة|संस्करण|section|sections|chapter|"
    r"clause|oid|kapitel|abschnitt|se[cç]\w*|seksjon\w*|avsnitt\w*|afsnit\w*|sezione|cap[ií]tul\w*|"
    r"capitolo|capítol|chapitre|hoofdstuk|paragraaf|раздел\w*|розділ\w*|глав\w*|rozdział\w*|sekcj\w*|"
    r"oddíl\w*|luku|fejezet|bölüm\w*|bagian|bab|mục|phần|قسم|القسم|بخش|अनुभाग)|版本|版|バージョン|버전|버젼|章|节|節|절|"
    r"§)[ \t\u00a0]*(?:no\.?|number|nummer|:|=|>=|<=|==|>|<|is|of|to|от|до|の|は|为|為|"
    r"是)?[ \t\u00a0]*[\"'(\[]?$",
    re.IGNORECASE,
)
_PART = re.compile(r"(?:[A-Za-z0-9_]-|[A-Za-z0-9_.]/|[<>=~]=|\b\d:)$")
_NAME = re.compile(r"[^\W\d_]\w*[ \u00a0]$")
_RANGE = re.compile(r"\d\.\d{1,3}-$")
_SECTION = re.compile(r"(?:^|[\n>])[ \t\u00a0#*=>]*$")
_TITLE = re.compile(r"\.?[ \t\u00a0]+\D")
_NETWORK = re.compile(
    r"\b(?:ip|ipv4|ipv6|inet|inet6|addr|address\w*|adress\w*|adres\w*|endere\w*|direcci\w*|indirizz\w*|"
    r"adreç\w*|hosts?|server|servers?|serwer\w*|servidor\w*|serveur\w*|dns|nameserver|gateway|router|ping|"
    r"ssh|telnet|ftp|http|https|peer|client|clients|from|login|logged|connect\w*|resolver|proxy|netmask|"
    r"subnet|network|alamat|địa chỉ|адрес\w*|адреса|сервер\w*|хост\w*)\b|地址|位址|アドレス|서버|주소|サーバ|服务器|伺服器|://",
    re.IGNORECASE,
)
_PORT = re.compile(r":\d{2,5}\b")
_MASK = re.compile(r"/(?:\d{1,3}(?:\.\d{1,3}){3}|\d{1,3})(?!\d)")
_AROUND = 40


def addresses(text: str, public_only: bool) -> Iterator[Span]:
    """IPv4 and IPv6 addresses; with `public_only` none but those that are routed globally."""
    found = [*_v4(text, public_only), *_v6(text, public_only)]
    yield from sorted(found)


def _v4(text: str, public_only: bool) -> Iterator[Span]:
    if _V4_SIGN.search(text) is None:
        return
    for match in _V4.finditer(text):
        try:
            address = IPv4Address(match[0])
        except AddressValueError:
            continue
        start, end = match.span()
        if public_only and not (address.is_global and not address.is_multicast):
            continue
        if _is_network(text, start, end) or not _is_written_as_address(text, start, end, address):
            continue
        yield Span(start, end, "ip")


def _is_written_as_address(text: str, start: int, end: int, address: IPv4Address) -> bool:
    before = text[max(0, start - _AROUND) : start]
    is_part = _PART.search(before) and not _RANGE.search(before)
    if not before.endswith("//") and (is_part or _VERSION.search(before)):
        return False
    if _SUFFIX.match(text, end):
        return False
    numbers = address.packed
    if max(numbers) <= 40 and _TITLE.match(text, end) and _SECTION.search(before):
        return False
    like_a_version = numbers[1] <= 40 and numbers[2] <= 40 and (0 in numbers[1:3] or _NAME.search(before))
    if not like_a_version and ((numbers[0] > 9 and max(numbers) > 40) or (numbers[0] > 3 and max(numbers) > 99)):
        return True
    return bool(_NETWORK.search(before.rpartition("\n")[2]) or _PORT.match(text, end))


def _is_network(text: str, start: int, end: int) -> bool:
    """`5.9.0.0/16`: a range of addresses, and nobody's."""
    mask = _MASK.match(text, end)
    if mask is None:
        return False
    try:
        return ip_network(text[start : mask.end()]).num_addresses > 1
    except ValueError:  # bits are set behind the mask, so it is the address of one computer
        return False


def _v6(text: str, public_only: bool) -> Iterator[Span]:
    if _V6_SIGN.search(text) is None:
        return
    for match in _V6.finditer(text):
        try:
            address = IPv6Address(match[0])
        except AddressValueError:
            continue
        groups = [group for group in match[0].split(":") if group]
        if len(groups) < 3 or not any(char.isdigit() for char in match[0]):
            continue  # `add::bad` is a name in program text
        if public_only and (not address.is_global or address.is_multicast or not 0x20 <= address.packed[0] <= 0x3F):
            continue
        start, end = match.span()
        if not _is_network(text, start, end):
            yield Span(start, end, "ip")
