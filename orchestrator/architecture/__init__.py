"""Models described as data: parts, stacks of parts, and families that make them from a page's numbers."""
