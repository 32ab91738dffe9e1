"""Studies: claims of textbooks and published numbers, one TOML file each; `results/` holds what they came to."""
