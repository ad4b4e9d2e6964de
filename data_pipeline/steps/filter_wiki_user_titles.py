"""Pages about a wiki's users, told by their title (`title` in the document's meta)."""

from __future__ import annotations

from typing import Literal

from data_pipeline.documents import Document
from data_pipeline.steps import STEPS, Drop, Outcome, Step


@STEPS.register
class FilterWikiUserTitles(Step):
    """Published for titles that begin with `User `; wikis also write `User:` and `User talk:`."""

    step: Literal["filter_wiki_user_titles"]

    def apply(self, document: Document) -> Outcome:
        title = document.meta.get("title")
        if isinstance(title, str) and title.startswith(("User ", "User:")):
            return Drop("user page", title)
        return document.text
