"""X and y as users pass them become validated images and labels, read in parts."""
