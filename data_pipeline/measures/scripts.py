"""Languages that are written without spaces between words."""

from __future__ import annotations

WITHOUT_SPACES = frozenset({"zh", "zhs", "zht", "ja", "th", "lo", "my", "km", "bo", "dz"})
