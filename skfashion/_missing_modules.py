"""An error for pickles of other versions, which name modules that this version does not have."""

import sys
from importlib.abc import MetaPathFinder
from pathlib import Path


class _MissingModules(MetaPathFinder):
    """The last finder that Python asks for a module: all others have not found it."""

    def find_spec(self, fullname, path=None, target=None):
        """Explain why a private module of this package is missing; ignore all other modules."""
        if not fullname.startswith(f"{__package__}._"):
            return
        place = Path(__file__).parent.joinpath(*fullname.split(".")[1:])
        if place.is_dir() or place.with_suffix(".py").is_file():
            # The caller searched another folder, as pytest does for packages not yet imported.
            return
        raise ModuleNotFoundError(
            f"skfashion has no module {fullname!r}. A pickle that refers to it was written by "
            "another version of skfashion. Load it with that version, or fit the estimator again. "
            "To move weights to another version, use save_backbone_weights.",
            name=fullname,
        )


sys.meta_path.append(_MissingModules())
