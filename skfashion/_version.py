"""The version of the library, in a module that all others can import."""

__version__ = "0.1.0.dev0"
