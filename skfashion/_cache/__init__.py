"""The folders of `memory` and `checkpoint`: content hashes, arrays, tables of features."""
