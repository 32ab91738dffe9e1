"""Tuning: what is searched, the study that searches it, the trials under way, what was found and what it shows."""
