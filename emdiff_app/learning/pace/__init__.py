"""How long a run still takes, and how it ends in the time that it was given."""
