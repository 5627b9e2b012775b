"""So what? Situations that need a person, and their life."""
