"""Time loops made from a cell's step: traced with its derivative, written as C, compiled on this machine, called."""
