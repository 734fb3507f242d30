"""The folder of `memory`: content hashes, entries of arrays, tables of features by row."""
