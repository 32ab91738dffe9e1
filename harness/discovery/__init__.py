"""From names to code: plugins found, read, composed."""
