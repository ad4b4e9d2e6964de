"""From an architecture, which is data, to a torch module with known initial weights."""
