"""Files that are not what their name or place promises, with the way out."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, Literal

from accelnas.errors import DataError
from accelnas.files import regular

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["HEAD", "check_head", "check_table", "plain_text", "what_it_is"]

HEAD = 1 << 16  # bytes that tell what a file is

_OWN_LIBRARY = (
    "a pickle is never loaded, because it can run any code; save the model with its own library: save_model of "
    "XGBoost and LightGBM, serialize of Treelite"
)
_UNPACK = f"unpack it first, or, if it is a compressed pickle: {_OWN_LIBRARY}"
_OTHER_TREES = (
    "accelnas compiles trees of XGBoost, LightGBM, CatBoost, scikit-learn, ONNX and Treelite, and EBMs; fit one of "
    "these, or build the trees with treelite.model_builder"
)
_CONVERT = (
    "load it with XGBoost 1.6 to 3.0 and save it as .ubj, or convert it with "
    "treelite.frontend.load_xgboost_model_legacy_binary(path).serialize(new_path)"
)
_TREES_NEEDED = f"it holds no trees that can be compiled; {_OTHER_TREES}"
_DUMP = "a dump is for reading and lacks what a model needs; write it with save_model"
_FIT = "a table of measurements is fitted with accelnas fit; compile takes what save_model writes"
_ENUMERATE = "compile it with --enumerate, which small spaces allow, or save its trees as Treelite's"
_EXPORT = "export the table as CSV (UTF-8) or Parquet"
_COMPILE = "a model becomes a metric with accelnas compile; give the table of architectures here"

# what the first bytes say, what that is, and the way out where a model and where a table is expected (None: fine there)
_KINDS: tuple[tuple[bytes, str, str | None, str | None], ...] = (
    (rb"\s*\{\s*\"(learner\"|version\".*\"learner\")|\{L.{7}\x07learner", "an XGBoost model", None, _COMPILE),
    (rb"\s*tree\s+version=v", "a LightGBM model", None, _COMPILE),
    (rb"[\x03\x04]\x00{3}.\x00{3}.\x00{3}[\x02\x03]{2}", "a Treelite checkpoint", None, _COMPILE),
    (rb"version https://git-lfs", "a Git LFS pointer, not the file it stands for", "run: git lfs pull",
     "run: git lfs pull"),
    (rb"(\.\./)*(\.git|/?annex)[/\\]\S*(annex[/\\])?objects[/\\]", "a git-annex pointer, not the file it stands for",
     "run: git annex get", "run: git annex get"),
    (rb"(?i)\s*(<\?xml[^>]*>\s*)?<(!doctype\s+html|html|head|body|!--)", "a web page (HTML), not the file it shows",
     "download the file itself, from its raw address", "download the file itself, from its raw address"),
    (rb"\s*<(\?xml|PMML)", "XML, such as PMML", _TREES_NEEDED, _EXPORT),
    (rb"PK\x03\x04.{0,4000}?(xl/|\[Content_Types\])", "an Excel workbook", _FIT, _EXPORT),
    (rb"\xd0\xcf\x11\xe0", "an old Excel workbook", _FIT, _EXPORT),
    (rb"PK[\x03\x05]", "a zip archive, as PyTorch and NumPy write too", _UNPACK, "unpack it first"),
    (rb"\x1f\x8b", "a gzip archive", _UNPACK, "unpack it first"),
    (rb"BZh\d(1AY&SY|\x17rE)", "a bzip2 archive", _UNPACK, "unpack it first"),
    (rb"\xfd7zXZ|\x5d\x00\x00", "an xz archive", _UNPACK, "unpack it first"),
    (rb"\x28\xb5\x2f\xfd", "a zstd archive", _UNPACK, "unpack it first"),
    (rb"\x04\x22M\x18", "an lz4 archive", _UNPACK, "unpack it first"),
    (rb"7z\xbc\xaf", "a 7z archive", _UNPACK, "unpack it first"),
    (rb"Rar!", "a rar archive", _UNPACK, "unpack it first"),
    (rb".{257}ustar", "a tar archive", _UNPACK, "unpack it first"),
    (rb"x[\x01\x5e\x9c\xda](?=.{0,200}[\x00-\x08\x0e-\x1f])|ZF0x", "a compressed pickle", _OWN_LIBRARY, _EXPORT),
    (rb"\x80[\x02-\x05]|\(?c[\w.]+\n\w+\n(p\d+\n|q[\x00-\x08]|\()|\([dl]p0\n|[}\]]q\x00", "a pickle", _OWN_LIBRARY,
     f"a pickle is never loaded, because it can run any code; {_EXPORT}"),
    (rb"PAR1", "a Parquet file", _FIT, "name it .parquet"),
    (rb"ARROW1\x00|FEA1[^ -~]|\xff\xff\xff\xff.{3}\x00\x10", "an Arrow or Feather file", _FIT, _EXPORT),
    (rb"ORC[^ -~\n]", "an ORC file", _FIT, _EXPORT),
    (rb"\x89HDF", "an HDF5 file", _TREES_NEEDED, _EXPORT),
    (rb"\x93NUMPY", "a NumPy array", _TREES_NEEDED, _EXPORT),
    (rb"SQLite format 3", "an SQLite database", _TREES_NEEDED, _EXPORT),
    (rb"%PDF|\x89PNG|GIF8|\xff\xd8\xff|\x7fELF", "a document, picture or program", _TREES_NEEDED, _EXPORT),
    (rb"CBM1[^ -~]|\s*\{.*\"(oblivious_trees|ctr_data|float_features_index)\"", "a CatBoost model", None, _COMPILE),
    (rb"\x08[\x01-\x20][\x12\x1a\x22\x28\x32\x3aB].*(?i:onnx)", "an ONNX model", None, _COMPILE),
    (rb"\s*\{\s*\"version\".{0,40}\"ebm\"\s*:", "an EBM of InterpretML", None, _COMPILE),
    (rb".{4}TFL3", "a TensorFlow Lite model", _TREES_NEEDED, _COMPILE),
    (rb".{4}\x00\x00\x00\x00\{\"", "a safetensors file, as of a compiled metric", _TREES_NEEDED, _COMPILE),
    ((rb"binf(?=.{0,16}\x00)|bs64\t|"
     rb"(?!\s*[{\[]).{130,160}(reg|binary|multi|rank|count|survival):[a-z].{0,60}(gbtree|gblinear|dart)"),
     "XGBoost's old binary format, which XGBoost 3.1 and newer don't read either",
     _CONVERT, _COMPILE),
    (rb"booster\[\d+\]:|\d+:\[\S+\] yes=\d|\s*\[\s*\{\s*\"nodeid\"", "a text dump of XGBoost", _DUMP, _COMPILE),
    (rb"\s*\{\s*\"name\"\s*:\s*\"tree\"", "a JSON dump of LightGBM", _DUMP, _COMPILE),
    (rb"\s*\{\s*\"num_feature\"", "a JSON dump of Treelite", "write it with Model.serialize", _COMPILE),
    (rb"______LightGBM_Binary_File_Token______", "a data set of LightGBM", "write the fitted model with save_model",
     _EXPORT),
)  # fmt: skip
_PATTERNS = [re.compile(kind[0], re.DOTALL) for kind in _KINDS]
_TEXT_TABLE = re.compile(rb"[^\n{\[<=]*[,;\t][^\n{\[<=]*\r?\n[^\n{\[<=]*[,;\t]")
_BYTE_ORDER_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def what_it_is(raw: bytes, suffix: str, expected: Literal["model", "table"]) -> str | None:
    r"""Say what a file's first bytes and ending are and what to do, where that is something else than expected.

    Examples
    --------
    >>> what_it_is(b"PAR1", ".json", "model")
    'this is a Parquet file; a table of measurements is fitted with accelnas fit; compile takes what save_model writes'
    >>> what_it_is(b"tree\nversion=v4", ".txt", "model") is None
    True
    """
    head = raw[:HEAD]
    if not head.strip():
        return "this is an empty file; write or download it again"
    if suffix.lower() == ".skops" and head.startswith(b"PK"):
        return f"this is a skops file; {_ENUMERATE if expected == 'model' else _COMPILE}"
    for pattern, (_, what, for_model, for_table) in zip(_PATTERNS, _KINDS, strict=True):
        way_out = for_model if expected == "model" else for_table
        if pattern.match(head):
            return None if way_out is None else f"this is {what}; {way_out}"
    if suffix.lower() == ".onnx" and expected == "table":
        return f"this is an ONNX model; {_COMPILE}"
    if expected == "model" and _TEXT_TABLE.match(head):
        return f"this is a text table; {_FIT}"
    return None


def check_table(path: Path) -> None:
    """Refuse a file that is no table of the kind that its name says.

    Raises
    ------
    DataError
        With what it is and the way out.
    """
    with regular(path).open("rb") as file:
        check_head(file.read(HEAD), str(path), path.suffix)


def check_head(head: bytes, name: str, suffix: str) -> None:
    """As `check_table`, by the first bytes of what has a name and an ending."""
    named_parquet = suffix.lower() == ".parquet"
    if head.startswith(b"PAR1") and named_parquet:
        return
    if (found := what_it_is(head, suffix, "table")) is not None:
        raise DataError(f"{name}: {found}")
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DataError(f"{name}: this is UTF-16 text; {_EXPORT}")
    if named_parquet and _TEXT_TABLE.match(head):
        raise DataError(f"{name}: this is a text table, not Parquet; name it .csv")


def plain_text(raw: bytes) -> bytes:
    """Undo what editors and Git do to text: byte-order marks, UTF-16, and line ends of other systems.

    Bytes that are no text come back as they are.
    """
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if raw.startswith(mark):
            try:
                raw = raw.decode(encoding).encode()
            except UnicodeDecodeError:
                return raw
    if raw.lstrip()[:4] == b"tree":  # LightGBM's, whose trees are found by their lengths in bytes
        raw = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return raw
