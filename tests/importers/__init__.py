"""Files of other tools, imported."""
