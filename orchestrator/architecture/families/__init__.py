"""One file per model family; its file name is the name on a page."""
