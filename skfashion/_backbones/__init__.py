"""The definition of a backbone, the table of those that ship, and the registry of all by name."""
