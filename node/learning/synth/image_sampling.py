"""Synthetic images out of a trained generator: one at a time, seeded, in bounded memory; and a sheet of them.

What is sampled is the running average of the generator (``ema``), never a real image.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from node.learning.errors import ConfigError
from node.learning.hashing import stream
from node.learning.models import mlp
from node.learning.synth.image_networks import ImageForm, build_generator, form_of
from node.learning.vectors import Floats

if TYPE_CHECKING:
    from node.learning.evaluate import Model

BATCH = 64  # images made at once; bounds the memory
MAX_ROWS = 10_000_000
COLUMNS, SCALE = 8, 2  # of a sheet: images of a class, and screen pixels a pixel

Images = NDArray[np.uint8]


def generate(
    model: Path | Model, *, rows: int, seed: int, condition: Mapping[str, str] | None = None
) -> Iterator[tuple[str, Images]]:
    """Yield synthetic images with their class, one after another; the same for the same model and seed.

    Args:
        model: The safetensors file that ``model export`` wrote, its .json beside it; or what was read of it.
        rows: How many, 0 or more; the first ones are the same whatever their number.
        seed: Of the noise.
        condition: The label column and the one class wanted; None for all classes in turn.

    Yields:
        The class as the manifest writes it, and uint8 (height, width, channels).

    Raises:
        ConfigError: The model is no image GAN, or the condition names another column or class.
    """
    if isinstance(model, Path):
        from node.learning.evaluate import read_model  # which knows all tasks, and this one draws a sheet

        model = read_model(model)
    schema = model.encoder.schema
    if model.task != "imagegan" or schema.image is None or schema.image.shape is None:
        raise ConfigError(f"a model of task {model.task}", "one of task imagegan", "Name an image generator.")
    if not 0 <= rows <= MAX_ROWS:
        raise ConfigError(f"{rows} images", f"0 to {MAX_ROWS}", "Ask for fewer.")
    wanted = list(range(len(schema.classes)))
    for column, value in (condition or {}).items():
        if column != schema.label.name or value not in schema.classes:
            raise ConfigError(
                "a condition that the model does not know",
                f"{schema.label.name} = {' or '.join(schema.classes)}",
                "Name the label and one of its classes.",
            )
        wanted = [schema.classes.index(value)]
    form = form_of(model.arrays["ema"], schema.image.shape, model.settings)
    for start in range(0, rows, BATCH):
        label = np.array([wanted[i % len(wanted)] for i in range(start, start + BATCH)])
        made = sample(form, model.arrays["ema"], label, np.random.Generator(stream("images", seed, start)))
        for k, image in zip(label[: rows - start].tolist(), made, strict=False):
            yield schema.classes[k], image


def sample(form: ImageForm, parameters: Mapping[str, Floats], label: NDArray[Any], rng: np.random.Generator) -> Images:
    """Return one synthetic image for each class number of ``label``, uint8 (n, height, width, channels)."""
    torch = mlp.torch_one_thread()
    generator = build_generator(form, parameters)
    one_hot = np.eye(form.classes, dtype=np.float32)
    out = [np.empty((0, *form.image), np.uint8)]
    with torch.no_grad():
        for start in range(0, len(label), BATCH):
            classes = label[start : start + BATCH]
            z = rng.standard_normal((len(classes), form.noise), np.float32)
            made = generator(torch.from_numpy(z), torch.from_numpy(one_hot[classes]))
            out.append(pixels(made))
    return np.concatenate(out)


def pixels(images: Any) -> Images:
    """Return a tensor (n, channels, height, width) in [-1, 1] as uint8 (n, height, width, channels)."""
    scaled = images.add(1).mul(127.5).round().clamp(0, 255)
    return np.asarray(scaled.byte().permute(0, 2, 3, 1).contiguous().numpy(), np.uint8)


def sheet(form: ImageForm, parameters: Mapping[str, Floats], rows: int = 2) -> bytes:
    """Return a PNG of synthetic images: ``rows`` rows of each class, the classes one below another.

    The noise is the same every time, so that sheets of two rounds show how the same images change.
    """
    from PIL import Image  # only where there are images

    height, width, channels = form.image
    label = np.repeat(np.arange(form.classes), rows * COLUMNS)
    made = sample(form, parameters, label, np.random.Generator(stream("sheet")))
    grid = made.reshape(form.classes * rows, COLUMNS, height, width, channels).transpose(0, 2, 1, 3, 4)
    flat = grid.reshape(form.classes * rows * height, COLUMNS * width, channels)
    picture = Image.fromarray(flat[:, :, 0] if channels == 1 else flat)
    picture = picture.resize((picture.width * SCALE, picture.height * SCALE), Image.Resampling.NEAREST)
    out = BytesIO()
    picture.save(out, "png")
    return out.getvalue()
