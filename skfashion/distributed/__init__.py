"""Run searches on a Dask cluster through joblib, and survive the loss of workers."""

from ._errors import NoWorkersError
from ._search_on import search_on

__all__ = ["NoWorkersError", "search_on"]
