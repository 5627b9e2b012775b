"""Bad input, and what it gets: the real process, spoken to over loopback."""
