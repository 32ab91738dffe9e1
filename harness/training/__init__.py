"""From a spec to a trained and tested model."""
