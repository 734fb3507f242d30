"""Networks as pure functions of their weights: graph, freeze points, frozen part, weight files."""
