"""Errors of NumPy, pandas and scikit-learn that say which parameter is wrong."""

import re
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def errors_name(parameter: str) -> Iterator[None]:
    """Put the name of a parameter in front of errors that do not say it.

    Parameters
    ----------
    parameter : str
        The parameter that the block validates.

    Raises
    ------
    TypeError, ValueError
        What the block raises. Other errors are those of conversions, which are `ValueError` here.
    """
    try:
        yield
    except (TypeError, ValueError, ArithmeticError) as error:
        is_said = re.search(rf"\b{parameter}\b", str(error))
        if is_said and isinstance(error, TypeError | ValueError):
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{parameter}: {error}") from error
