"""One drawing per file; each takes numbers and gives SVG, with a legend where there is more than one colour."""
