"""The folder of `memory`: hashes, files of arrays, rows of features."""
