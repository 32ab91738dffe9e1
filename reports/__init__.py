"""Outputs made from records, one file per kind."""
