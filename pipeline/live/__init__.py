"""Live sessions: paced by the clock, several people at once."""
