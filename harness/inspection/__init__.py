"""What a trained model remembers and how: gradients by lag, states, gates, what can be decoded. No plotting here."""
