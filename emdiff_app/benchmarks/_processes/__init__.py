"""What runs in a process of its own: measured alone, or with libraries that this program does not have."""
