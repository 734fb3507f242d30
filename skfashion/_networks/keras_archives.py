"""Archives that Keras writes as `.keras`: the weights in them, unpacked to memory."""

from io import BytesIO
from pathlib import Path
from shutil import copyfileobj
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

_WEIGHTS = "model.weights.h5"
_PART_BYTES = 2**20
# A model may have a head and the state of its optimizer in addition to its body.
_MOST_OF_BODY = 4
# Weights of any size that compress to more than a tenth are not a bomb.
_MOST_COMPRESSION = 10


def unpack_weights(path: Path, body_bytes: int) -> BytesIO:
    """Return the HDF5 content of the weights in an archive.

    The configuration of the model, which may hold code, is not read.

    Parameters
    ----------
    path : Path
        The archive.
    body_bytes : int
        Bytes of the weights that are looked for.

    Raises
    ------
    KeyError
        If there are no weights.
    OSError
        If the weights are packed in a way that Keras does not use.
    zipfile.BadZipFile
        If the archive is damaged. It has a checksum.
    """
    with ZipFile(path) as archive:
        weights = archive.getinfo(_WEIGHTS)
        if weights.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
            raise OSError(f"{_WEIGHTS} is compressed by another method than deflate")
        most = max(
            _MOST_OF_BODY * body_bytes + _PART_BYTES, _MOST_COMPRESSION * weights.compress_size
        )
        if weights.file_size > most:
            raise OSError(
                f"{_WEIGHTS} takes {weights.compress_size:,} bytes in the archive and "
                f"{weights.file_size:,} bytes outside, but at most {most:,} bytes are unpacked"
            )
        content = BytesIO()
        with archive.open(weights) as file:
            # Reading in parts unpacks no more than the size that the archive states.
            copyfileobj(file, content, _PART_BYTES)
    content.seek(0)
    return content
