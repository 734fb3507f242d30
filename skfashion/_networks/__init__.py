"""Networks as functions of their weights: body and head, freeze points, files of weights."""
