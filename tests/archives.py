"""Files like those of published data sets, for tests."""

import gzip
import io
import tarfile

NAMES = b"airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n"


def make_archive(files, folder="cifar-10-batches-bin"):
    """A compressed tar archive with these files in a folder."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(f"{folder}/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def idx_bytes(array):
    """A uint8 array in the IDX format."""
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


def write_idx(path, array):
    """Write a uint8 array to an IDX file, compressed if its name says so."""
    content = idx_bytes(array)
    path.write_bytes(gzip.compress(content) if path.suffix.lower() == ".gz" else content)
