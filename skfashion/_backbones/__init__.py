"""What a backbone is, the table of those that ship, and the registry of all by name."""
