"""All kinds together. What one kind has claimed no other can have: a key may hold what looks like a telephone number."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from data_pipeline.privacy.addresses import addresses
from data_pipeline.privacy.emails import emails
from data_pipeline.privacy.found import KINDS, Find, Kind, Span
from data_pipeline.privacy.keys import keys
from data_pipeline.privacy.phones import Phones
from data_pipeline.privacy.regions import REGIONS
from data_pipeline.privacy.users import users


class Detector:
    """Finds the kinds asked for; `more` are finders that come last."""

    def __init__(
        self, kinds: Sequence[Kind] = KINDS, *, regions: tuple[str, ...] = (), public_only: bool = True, more: Sequence[Find] = ()
    ) -> None:
        every: dict[Kind, Find] = {
            "key": keys,
            "email": partial(emails, public_only=public_only),
            "ip": partial(addresses, public_only=public_only),
            "phone": Phones(regions),
            "user": users,
        }
        self._finds = [*(find for kind, find in every.items() if kind in kinds), *more]

    def __call__(self, text: str) -> list[Span]:
        """From left to right, none overlapping another."""
        taken: list[Span] = []
        for find in self._finds:
            found = list(find(text))
            taken = _joined(taken, found) if taken and found else taken or found
        return taken


def regions_of(language: str | None) -> tuple[str, ...]:
    """Where telephone numbers without a country code are taken to be from."""
    return REGIONS.get(language or "", ())


def is_natural(language: str | None) -> bool:
    """Whether the language is not one of programs, where an `@` begins everything but a user."""
    return language is None or language in REGIONS


def _joined(taken: list[Span], found: list[Span]) -> list[Span]:
    free = [span for span in found if not any(span.start < other.end and other.start < span.end for other in taken)]
    return sorted([*taken, *free])
