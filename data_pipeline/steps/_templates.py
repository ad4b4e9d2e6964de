"""Lines that stand in many documents of a source are its template: menus, notices, footers. They are taken out.

Lines are compared without white space at their ends. The published step also took that white space from the lines that
stayed, and counted empty lines like any other, so that they vanished from a source; here what stays is not touched.
"""

from __future__ import annotations

from pathlib import Path

from data_pipeline.documents import Document
from data_pipeline.keys import Keys, key_of
from data_pipeline.steps import Apply, Outcome


class TemplateSurvey:
    """Counts the lines of at least `shortest` characters; those that occur `least` times or more are the template."""

    def __init__(self, shortest: int, least: int, scratch: Path) -> None:
        self._shortest = max(1, shortest)
        self._least = least
        self._keys = Keys(scratch)

    def see(self, document: Document) -> None:
        lines = (line.strip() for line in document.text.split("\n"))
        self._keys.add(key_of(line) for line in lines if len(line) >= self._shortest)

    def decide(self) -> Apply:
        template = self._keys.frequent(self._least)

        def apply(document: Document) -> Outcome:
            if not len(template):
                return document.text
            lines = document.text.split("\n")
            counted = [place for place, line in enumerate(lines) if len(line.strip()) >= self._shortest]
            held = template.holds([key_of(lines[place].strip()) for place in counted])
            gone = {place for place, frequent in zip(counted, held, strict=True) if frequent}
            return "\n".join(line for place, line in enumerate(lines) if place not in gone) if gone else document.text

        return apply
