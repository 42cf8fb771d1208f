"""What is odd about a region's images: size and mode, constant, alike, EXIF and GPS, text at the border, DICOM tags."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from node.learning.data.findings import BLOCK, WARN, Finding
from node.learning.data.images import dhash, has_text_at_border
from node.learning.data.picture import Picture
from node.learning.data.readers import Chunk
from node.learning.data.schema import Schema

ALIKE = 2  # bits of the difference hash
MAX_BUCKET = 50  # images with one part of the hash in common that are compared; black borders make many
_PARTS = ((0, 21), (21, 21), (42, 22))  # of two hashes at most 2 bits apart, one part of three is equal

# Mark of a picture -> check, severity, words, what to do.
_MARKS = {
    "gps": ("images", BLOCK, "hold the place where they were taken", "Remove EXIF from the files."),
    "exif": ("images", WARN, "hold EXIF, which may name device and time", "Remove EXIF from the files."),
    "identifying_tags": (
        "dicom", BLOCK, "hold tags that identify a patient (PS3.15 Basic Profile)", "De-identify them first.",
    ),
    "burned_in": ("dicom", BLOCK, "say of themselves that text is burnt in", "Remove them, or mask the text."),
    "no_burned_in": ("dicom", WARN, "do not say whether text is burnt in", "Look at some of them."),
    "private_tags": ("dicom", WARN, "hold private tags", "Remove private tags when exporting."),
}  # fmt: skip


class ImageChecks:
    """Looks at every image as it is read; holds a hash of each, never its pixels."""

    def __init__(self, schema: Schema) -> None:
        self._column = schema.image
        self._sizes: Counter[tuple[int, int]] = Counter()
        self._modes: Counter[str] = Counter()
        self._marks: Counter[str] = Counter()
        self._constant = self._texts = self._count = self._first_text = 0
        self._hashes: list[tuple[int, str]] = []
        self._owner: dict[str, str] = {}

    def look(self, cell: str, picture: Picture) -> None:
        """Look at one image."""
        self._count += 1
        self._sizes[picture.pixels.shape[0], picture.pixels.shape[1]] += 1
        self._modes[picture.mode] += 1
        self._marks.update(picture.marks)
        if picture.pixels.min() == picture.pixels.max():
            self._constant += 1
            return
        self._hashes.append((dhash(picture.pixels), cell))
        if has_text_at_border(picture.pixels):
            self._first_text = self._first_text or self._count
            self._texts += 1

    def owners(self, chunk: Chunk, patients: Sequence[str]) -> None:
        """Remember whose the images of some rows are."""
        if self._column is not None:
            self._owner.update(zip(chunk.cells[self._column.name], patients, strict=True))

    def findings(self) -> list[Finding]:
        """Return what is odd, in counts."""
        if self._column is None or not self._count:
            return []
        found = [
            self._finding(
                check, severity, f"{self._marks[mark]} of {self._count} images {words}", fix, self._marks[mark]
            )
            for mark, (check, severity, words, fix) in _MARKS.items()
            if self._marks[mark]
        ]
        if len(self._sizes) > 1:
            words = f"{len(self._sizes)} different sizes; the middle square of each is scaled to one"
            found.append(self._finding("images", WARN, words))
        if len(self._modes) > 1:
            found.append(self._finding("images", WARN, f"{len(self._modes)} different colour modes"))
        if self._constant:
            words = f"{self._constant} of {self._count} images have one colour only"
            found.append(self._finding("images", WARN, words, "Look at them.", self._constant))
        if self._texts:
            words = f"{self._texts} of {self._count} images have what may be burnt-in text at a border"
            words += f" (the first is image {self._first_text} in the order of reading)"
            found.append(self._finding("images", WARN, words, "Look at them: a name may stand there.", self._texts))
        return [*found, *self._alike()]

    def _finding(self, check: str, severity: str, words: str, fix: str = "", count: int = 0) -> Finding:
        assert self._column is not None
        return Finding(check, self._column.name, words, severity, "none", fix, count, self._count)

    def _alike(self) -> list[Finding]:
        """Return how many images look like an earlier one, and how many like another patient's."""
        seen: list[dict[int, list[int]]] = [defaultdict(list) for _ in _PARTS]
        alike = strange = 0
        for at, (hashed, cell) in enumerate(self._hashes):
            near = False
            other = False
            for (shift, width), table in zip(_PARTS, seen, strict=True):
                part = hashed >> shift & (1 << width) - 1
                for before in table[part][-MAX_BUCKET:]:
                    if (hashed ^ self._hashes[before][0]).bit_count() <= ALIKE:
                        near = True
                        other |= self._owner.get(cell) != self._owner.get(self._hashes[before][1])
                table[part].append(at)
            alike += near
            strange += near and other
        found = []
        if alike:
            words = f"{alike} of {self._count} images look like an earlier one (difference hash within {ALIKE} bits)"
            if strange:
                words += f", {strange} of them like another patient's: a split by patient does not keep those together"
            found.append(self._finding("duplicates", WARN, words, "Keep one of each.", alike))
        return found
