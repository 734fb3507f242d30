"""Saving and loading without pickle: files of JSON and arrays, from which nothing is executed."""
