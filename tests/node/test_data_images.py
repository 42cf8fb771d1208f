"""Images and DICOM: what does not open, what should not be in them, and what a model sees of them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset

from node.learning.data import dicom, picture
from node.learning.data.check import Sheet, inspect
from node.learning.data.dicom import dicom_picture, identifying, marks_of, scrubbed
from node.learning.data.images import dhash, fit, has_text_at_border, open_picture
from node.learning.data.picture import picture_of
from node.learning.data.scrub import clean, scrub
from node.learning.errors import GateError
from tests.node.data_tables import LABEL, column, found, manifest, shared, write

N = 24


def noise(seed: int = 0, side: int = 96) -> NDArray[np.uint8]:
    """Return a smooth picture with something to see in it: drawn, of no patient."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(60, 190, (6, 6, 3)).astype(np.uint8))
    return np.asarray(small.resize((side, side), Image.Resampling.BICUBIC))


def encoded(pixels: NDArray[np.uint8], kind: str = "png", **more: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, **more)
    return out.getvalue()


def gated(folder: Path, files: list[bytes], ending: str = "png", names: list[str] | None = None) -> Sheet:
    """Return the sheet of a table that names these files."""
    names = names or [f"i{i}.{ending}" for i in range(len(files))]
    for name, data in zip(names, files, strict=True):
        (folder / name).write_bytes(data)
    values = {
        "pid": [f"p{i}" for i in range(len(files))],
        "image": names,
        "ill": [i % 2 for i in range(len(files))],
    }
    write(folder, values)
    shape = column("image", "image", shape=[32, 32, 3])
    return inspect(manifest(column("pid", "text", "ignore"), shape, LABEL, patient="pid"), folder)


def test_good_images_pass(tmp_path: Path) -> None:
    sheet = gated(tmp_path, [encoded(noise(i)) for i in range(N)])

    assert sheet.passed
    assert sheet.findings == ()


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"no image at all", id="text"),
        pytest.param(encoded(noise())[:200], id="cut off"),
        pytest.param(encoded(noise(), "jpeg")[:300], id="JPEG cut off"),
    ],
)
def test_an_image_that_does_not_open_blocks(tmp_path: Path, broken: bytes) -> None:
    [blocking] = gated(tmp_path, [broken, *(encoded(noise(i)) for i in range(N))]).blocking

    assert (blocking.check, blocking.count) == ("images", 1)
    assert blocking.words.startswith(f"1 of {N + 1} images do not open")


def test_the_name_of_an_image_that_does_not_open_is_not_said(tmp_path: Path) -> None:
    """A file's name is a cell, and may be a patient's."""
    good = [encoded(noise(i)) for i in range(N)]

    sheet = gated(tmp_path, [*good, b"none"], names=[f"i{i}.png" for i in range(N)] + ["svensson-anna_1.png"])

    [blocking] = sheet.blocking
    assert blocking.words == (
        f"1 of {N + 1} images do not open (the first is image {N + 1} in the order of reading: it does not open as an"
        " image)"
    )
    assert "svensson" not in sheet.text()


def test_an_image_over_the_pixel_bound_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "MAX_PIXELS", 1000)

    with pytest.raises(GateError, match="96 x 96 pixels; expected at most 1000"):
        picture_of(encoded(noise()), "large.png")


@given(st.binary(max_size=200))
@example(b"\0\0\0\0AU\0\0")
@settings(max_examples=50)
def test_any_bytes_are_an_image_or_refused_in_words(data: bytes) -> None:
    for start in (b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"\0" * 128 + b"DICM"):
        try:
            picture = dicom_picture(start + data, "x") if b"DICM" in start else picture_of(start + data, "x")
        except GateError:
            continue
        assert picture.pixels.dtype == np.uint8


def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "secret.png").write_bytes(encoded(noise()))

    with pytest.raises(GateError, match="lies outside the data's folder"):
        open_picture(tmp_path / "data" / ".." / "secret.png", tmp_path / "data")


def test_exif_warns_and_a_place_blocks(tmp_path: Path) -> None:
    plain, placed = Image.Exif(), Image.Exif()
    plain[0x0110] = "Camera 7"
    placed.get_ifd(0x8825)[1] = "N"
    placed[0x8825] = {1: "N", 2: (55.0, 42.0, 0.0)}
    files = [encoded(noise(i), "jpeg", quality=95) for i in range(N)]
    files[0] = encoded(noise(0), "jpeg", exif=plain)
    files[1] = encoded(noise(1), "jpeg", exif=placed)

    sheet = gated(tmp_path, files, "jpg")

    assert [(one.severity, one.count) for one in found(sheet, "images")] == [("block", 1), ("warn", 2)]
    assert "where they were taken" in sheet.blocking[0].words
    assert "Camera 7" not in sheet.text()


def lettered(seed: int, words: str, place: tuple[int, int], size: int = 14) -> NDArray[np.uint8]:
    image = Image.fromarray(noise(seed, 256))
    ImageDraw.Draw(image).text(place, words, fill=(255, 255, 255), font=ImageFont.load_default(size))
    return np.asarray(image)


@pytest.mark.parametrize("place", [(8, 4), (40, 236)], ids=["top", "bottom"])
def test_burnt_in_text_at_a_border_is_flagged(tmp_path: Path, place: tuple[int, int]) -> None:
    files = [encoded(noise(i, 256)) for i in range(N)]
    files[0] = encoded(lettered(0, "ANDERSSON ANNA 19121212-1212", place))

    sheet = gated(tmp_path, files)

    assert [one.words for one in found(sheet, "images")] == [
        f"1 of {N} images have what may be burnt-in text at a border (the first is image 1 in the order of reading)"
    ]
    assert sheet.passed


def test_no_text_is_seen_where_there_is_none() -> None:
    lungs = np.repeat(np.load(shared("pneumoniamnist") / "pneumoniamnist.npz")["test_images"][:, :, :, None], 3, axis=3)
    skin = picture_of((shared("isic-2020-metadata") / "ISIC_0208233.jpg").read_bytes(), "skin").pixels
    large = [np.asarray(Image.fromarray(one).resize((256, 256), Image.Resampling.BICUBIC)) for one in lungs[:100]]

    assert not has_text_at_border(skin)
    assert sum(map(has_text_at_border, large)) == 0


def test_images_that_look_alike_at_two_patients_are_said(tmp_path: Path) -> None:
    files = [encoded(noise(i)) for i in range(N)]
    files[3] = encoded(np.clip(noise(2).astype(np.int16) + 3, 0, 255).astype(np.uint8))

    [one] = found(gated(tmp_path, files), "duplicates")

    assert one.severity == "warn"
    assert one.words.startswith(f"1 of {N} images look like an earlier one")
    assert "another patient's" in one.words


def test_sizes_modes_and_empty_images_are_said(tmp_path: Path) -> None:
    files = [encoded(noise(i)) for i in range(N)]
    files[0], files[1] = encoded(noise(0, 50)), encoded(noise(1)[:, :, 0])
    files[2] = encoded(np.full((96, 96, 3), 7, np.uint8))

    assert [one.words for one in found(gated(tmp_path, files), "images")] == [
        "2 different sizes; the middle square of each is scaled to one",
        "2 different colour modes",
        f"1 of {N} images have one colour only",
    ]


def test_the_middle_square_is_scaled_by_area() -> None:
    pixels = np.zeros((2, 4, 1), np.uint8)
    pixels[:, 1:3] = [[[10], [20]], [[30], [40]]]

    assert fit(pixels, (1, 1, 1)).item() == 25
    assert fit(pixels, (2, 2, 1))[:, :, 0].tolist() == [[10, 20], [30, 40]]
    assert fit(noise(), (8, 8, 3)).shape == (8, 8, 3)


def test_the_difference_hash_of_a_rising_line_is_all_ones() -> None:
    rising = np.tile(np.arange(0, 180, 20, dtype=np.uint8), (8, 1))[:, :, None]

    assert dhash(rising) == 2**64 - 1
    assert dhash(rising[:, ::-1]) == 0


# ---------------------------------------------------------------- DICOM


def real(name: str) -> Dataset:
    path = get_testdata_file(name, download=False)
    if path is None:
        pytest.skip(f"this pydicom ships no {name}")
    return pydicom.dcmread(path)


def saved(dataset: Dataset) -> bytes:
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()


def test_identifying_tags_of_a_ct_block_and_are_named_and_not_shown(tmp_path: Path) -> None:
    dataset = real("CT_small.dcm")
    assert "PatientName" in identifying(dataset)

    sheet = gated(tmp_path, [saved(dataset)] * N, "dcm")

    blocking = [one for one in sheet.blocking if one.check == "dicom"]
    assert [one.count for one in blocking] == [N]
    assert str(dataset.PatientName) not in sheet.text()


def test_a_scrubbed_file_holds_an_image_and_nothing_that_names_anybody() -> None:
    dataset = real("CT_small.dcm")

    clean = scrubbed(dataset)
    clean.BurnedInAnnotation = "NO"

    assert identifying(clean) == []
    assert marks_of(clean) == ()
    np.testing.assert_array_equal(dicom_picture(saved(clean), "x").pixels, dicom_picture(saved(dataset), "x").pixels)


def test_tags_inside_sequences_and_private_ones_are_seen() -> None:
    clean = scrubbed(real("CT_small.dcm"))
    inner = Dataset()
    inner.PatientName = "Berg^Anna"
    clean.ReferencedStudySequence = pydicom.Sequence([inner])
    clean.private_block(0x0011, "ours", create=True).add_new(1, "LO", "x")

    assert identifying(clean) == ["PatientName"]
    assert marks_of(clean) == ("identifying_tags", "no_burned_in", "private_tags")


@pytest.mark.parametrize(("value", "mark"), [("YES", "burned_in"), ("", "no_burned_in")])
def test_what_a_file_says_of_burnt_in_text_is_believed(value: str, mark: str) -> None:
    clean = scrubbed(real("CT_small.dcm"))
    clean.BurnedInAnnotation = value

    assert marks_of(clean) == (mark,)


def test_a_name_of_nobody_is_no_name() -> None:
    clean = scrubbed(real("CT_small.dcm"))
    clean.PatientName, clean.AccessionNumber = "Anonymous", ""

    assert identifying(clean) == []


def test_grey_values_come_by_the_files_own_window() -> None:
    clean = scrubbed(real("CT_small.dcm"))
    values = clean.pixel_array * float(clean.RescaleSlope) + float(clean.RescaleIntercept)
    clean.WindowCenter, clean.WindowWidth = 40, 400

    pixels = dicom_picture(saved(clean), "x").pixels[:, :, 0]

    np.testing.assert_array_equal(pixels, np.rint(255 * np.clip((values + 160) / 400, 0, 1)))
    clean.PhotometricInterpretation = "MONOCHROME1"
    np.testing.assert_allclose(dicom_picture(saved(clean), "x").pixels[:, :, 0], 255.0 - pixels, atol=1)


def test_baseline_jpeg_is_read_and_other_compressions_are_refused_in_words() -> None:
    from pydicom.encaps import encapsulate

    clean = scrubbed(real("CT_small.dcm"))
    clean.Rows, clean.Columns, clean.BitsAllocated, clean.BitsStored, clean.HighBit = 96, 96, 8, 8, 7
    clean.SamplesPerPixel, clean.PhotometricInterpretation, clean.PixelRepresentation = 1, "MONOCHROME2", 0
    grey = noise()[:, :, 0]
    clean.PixelData = encapsulate([encoded(grey, "jpeg", quality=95)])
    clean["PixelData"].is_undefined_length = True
    clean.file_meta.TransferSyntaxUID = pydicom.uid.JPEGBaseline8Bit

    pixels = dicom_picture(saved(clean), "x").pixels[:, :, 0]

    assert np.abs(pixels.astype(int) - grey).mean() < 3
    clean.file_meta.TransferSyntaxUID = pydicom.uid.JPEG2000Lossless
    with pytest.raises(GateError, match=r"x is compressed as JPEG 2000.*baseline JPEG"):
        dicom_picture(saved(clean), "x")


def test_damaged_files_are_read_or_refused_in_words_and_nothing_else_is_said(recwarn: pytest.WarningsRecorder) -> None:
    whole, rng = saved(real("CT_small.dcm")), np.random.default_rng(1)
    opened = 0
    for _ in range(60):
        damaged = bytearray(whole)
        for at in rng.integers(0, 4000, 20):
            damaged[at] = rng.integers(256)
        for act in (dicom_picture, lambda data, name: clean(data, name, bytes(32))):
            try:
                act(bytes(damaged), "x.dcm")
            except GateError:
                continue
            opened += 1

    assert opened > 0
    assert len(recwarn) == 0  # pydicom's warnings hold values


def test_a_file_without_its_size_is_refused_in_words() -> None:
    clean = scrubbed(real("CT_small.dcm"))
    del clean.Rows

    with pytest.raises(GateError, match="x does not open as DICOM"):
        dicom_picture(saved(clean), "x")


def test_a_file_that_holds_no_pixels_is_refused() -> None:
    clean = scrubbed(real("CT_small.dcm"))
    del clean.PixelData

    with pytest.raises(GateError, match="holds no pixels"):
        dicom_picture(saved(clean), "x")


def test_what_stays_in_a_scrubbed_file_identifies_nobody() -> None:
    assert not set(dicom.KEPT) & set(dicom.IDENTIFYING)


# ---------------------------------------------------------------- scrubbing


def test_scrubbed_copies_pass_the_gates_with_the_same_pixels(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x8825] = {1: "N", 2: (55.0, 42.0, 0.0)}
    source = tmp_path / "raw"
    (source / "ct").mkdir(parents=True)
    ct = real("CT_small.dcm")
    ct.BurnedInAnnotation = "NO"
    (source / "ct" / "a.dcm").write_bytes(saved(ct))
    (source / "b.jpg").write_bytes(encoded(noise(1), "jpeg", exif=exif, comment=b"Berg, Anna"))
    (source / "c.png").write_bytes(encoded(noise(2), pnginfo=_note("Author", "Berg, Anna")))
    (source / "d.jpg").write_bytes(b"\xff\xd8 cut off")
    ct.BurnedInAnnotation = "YES"
    (source / "e.dcm").write_bytes(saved(ct))

    done = scrub(source, tmp_path / "clean", b"k" * 32)

    assert done.copied == 3
    assert sorted(name for names in done.left.values() for name in names) == ["d.jpg", "e.dcm"]
    for name in ("ct/a.dcm", "b.jpg", "c.png"):
        before, after = (open_picture(tmp_path / one / name, tmp_path) for one in ("raw", "clean"))
        np.testing.assert_array_equal(before.pixels, after.pixels)
        assert after.marks == ()
        assert b"Anna" not in (tmp_path / "clean" / name).read_bytes()


def _note(key: str, words: str) -> PngInfo:
    info = PngInfo()
    info.add_text(key, words)
    return info


def test_new_identifiers_follow_from_the_regions_key_alone() -> None:
    data = saved(real("CT_small.dcm"))

    def uid(key: bytes) -> str:
        return str(pydicom.dcmread(io.BytesIO(clean(data, "x.dcm", key))).SOPInstanceUID)

    assert uid(b"a" * 32) == uid(b"a" * 32) != uid(b"b" * 32)
    assert str(real("CT_small.dcm").SOPInstanceUID).encode() not in clean(data, "x.dcm", b"a" * 32)
