"""Copy a wheel into a folder without the place where it was built, which its list of crates (SBOM) holds.

Usage: python neutral.py WHEEL FOLDER
"""

from __future__ import annotations

import base64
import hashlib
import re
import sys
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

PLACE = re.compile(rb'path\+file://[^"#]*/(?=rust/)')


def neutral(wheel: Path, folder: Path) -> None:
    """Write the copy; what is in RECORD of the list follows."""
    with ZipFile(wheel) as built, ZipFile(folder / wheel.name, "w", ZIP_DEFLATED) as copy:
        lists = {}
        for entry in built.infolist():  # RECORD is the last
            data = built.read(entry)
            if "/sboms/" in entry.filename:
                data = PLACE.sub(b"path+file:///accelnas/", data)
                digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
                lists[entry.filename] = f"{entry.filename},sha256={digest},{len(data)}"
            elif entry.filename.endswith(".dist-info/RECORD"):
                lines = data.decode().splitlines()
                data = "".join(f"{lists.get(line.split(',')[0], line)}\n" for line in lines).encode()
            copy.writestr(entry, data)


if __name__ == "__main__":
    neutral(Path(sys.argv[1]), Path(sys.argv[2]))
