"""Errors of NumPy, pandas and scikit-learn with the name of the invalid parameter."""

import re
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def errors_name(parameter: str) -> Iterator[None]:
    """Add the name of a parameter to errors without it.

    Parameters
    ----------
    parameter : str
        The parameter that the block validates.

    Raises
    ------
    TypeError, ValueError
        Errors of the block. Other errors are those of conversions, which are `ValueError` here.
    """
    try:
        yield
    except (TypeError, ValueError, ArithmeticError) as error:
        is_said = re.search(rf"\b{parameter}\b", str(error))
        if is_said and isinstance(error, TypeError | ValueError):
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{parameter}: {error}") from error
