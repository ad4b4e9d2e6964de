"""Personal data out of a text: e-mail and computer addresses, telephone numbers, keys, handles of users.

Each is replaced by a tag, ROOTS' `PI:EMAIL`, where it stands; the rest of the document stays. What was found is counted by
kind, and shown in the report as `j***@e***.org` only. `docs/privacy.md` says what counts as personal and what does not.
"""

from __future__ import annotations

from importlib import metadata
from typing import Any, Literal

from pydantic import Field, field_validator

from data_pipeline.steps import STEPS, Apply, Step

Kind = Literal["email", "ip", "phone", "key", "user"]


@STEPS.register
class RedactPersonalData(Step):
    step: Literal["redact_personal_data"]
    kinds: tuple[Kind, ...] = Field(default=("email", "ip", "phone", "key", "user"), min_length=1)
    tag: str = Field(default="PI:{kind}", description="`{kind}` becomes EMAIL, IP_ADDRESS, PHONE, KEY or USER")
    public_only: bool = Field(default=True, description="leave addresses that are nobody's: private, reserved, for examples")
    regions: tuple[str, ...] = Field(default=(), description="of telephone numbers, as US, FR; default: those of the language")
    presidio: bool = Field(default=False, description="names and places too; needs presidio-analyzer and its models")
    entities: tuple[str, ...] = Field(default=("PERSON", "LOCATION"), description="of Presidio")
    score: float = Field(default=0.5, ge=0, le=1, description="how sure Presidio must be")

    @field_validator("tag")
    @classmethod
    def _knows_its_field(cls, tag: str) -> str:
        if set("{}") & set(tag.replace("{kind}", "")):
            raise ValueError(f"{tag!r} holds a field other than {{kind}}; fix: write `tag: 'PI:{{kind}}'`")
        return tag

    def signature(self) -> dict[str, Any]:
        packages = {"phonenumberslite": metadata.version("phonenumberslite")} if "phone" in self.kinds else {}
        if self.presidio:
            from data_pipeline.privacy.people import PACKAGE, installed

            packages[PACKAGE] = installed()
        return {**super().signature(), **packages}

    def begin(self, language: str | None) -> Apply:
        from data_pipeline.steps._redact import Redact

        return Redact(self, language)

    def notes(self, language: str | None) -> list[str]:
        from data_pipeline.privacy.detector import is_natural, regions_of

        found = []
        if "phone" in self.kinds and not self.regions and not regions_of(language):
            found.append(f"no region is known for {language!r}; only telephone numbers with a country code are found")
        if "user" in self.kinds and not is_natural(language):
            found.append(f"{language!r} is taken for a programming language; @names are not looked for")
        return found
