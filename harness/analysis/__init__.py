"""What is computed from records: statistics over seeds, summaries, verdicts."""
