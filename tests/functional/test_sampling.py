"""grid_sample and affine_grid against interpolation point by point."""

import numpy as np
import pytest

from cnet import functional as F
from cnet.gradcheck import gradcheck

RNG = np.random.default_rng(0)
IMAGES, VOLUMES = RNG.standard_normal((2, 2, 4, 5)), RNG.standard_normal((2, 1, 3, 4, 5))
GRID, GRID3 = RNG.uniform(-1.4, 1.4, (2, 2, 3, 2)), RNG.uniform(-1.4, 1.4, (2, 1, 3, 2, 3))
OPTIONS = [
    {"mode": mode, "padding_mode": padding, "align_corners": align}
    for mode in ("bilinear", "nearest", "bicubic")
    for padding in ("zeros", "border", "reflection")
    for align in (False, True)
]


def cell(image, place, padding_mode, align_corners):
    """A cell at integers that may be outside of the image."""
    places = []
    for i, size in zip(place, image.shape[1:], strict=True):
        if padding_mode == "border":
            i = min(max(i, 0), size - 1)
        elif padding_mode == "reflection":
            line = np.arange(size)
            cycle = [*line, *line[-2:0:-1]] if align_corners else [*line, *line[::-1]]
            i = cycle[i % len(cycle)]
        if not 0 <= i < size:
            return np.zeros(len(image))
        places.append(i)
    return image[(slice(None), *places)]


def kernel(mode, distance):
    x = abs(distance)
    if mode == "bilinear":
        return max(1 - x, 0)
    if x < 1:
        return 1.25 * x**3 - 2.25 * x**2 + 1
    return -0.75 * (x**3 - 5 * x**2 + 8 * x - 4) if x < 2 else 0.0


def sample(image, point, mode, padding_mode, align_corners):
    sizes = np.array(image.shape[1:])
    position = (point[::-1] + 1) / 2 * (sizes - 1)
    if not align_corners:
        position = ((point[::-1] + 1) * sizes - 1) / 2
    if mode == "nearest":
        return cell(image, np.rint(position).astype(int), padding_mode, align_corners)
    if mode == "bilinear" and padding_mode == "border":
        position = np.clip(position, 0, sizes - 1)
    first = np.floor(position).astype(int)
    total = 0
    for offset in np.ndindex(*(4,) * len(sizes)):
        place = first + offset - 1
        weight = 1.0
        for p, i in zip(position, place, strict=True):
            weight *= kernel(mode, p - i)
        if weight:
            total = total + weight * cell(image, place, padding_mode, align_corners)
    return total


@pytest.mark.parametrize(
    "options", OPTIONS, ids=lambda options: "-".join(map(str, options.values()))
)
@pytest.mark.parametrize(
    ("x", "grid"), [(IMAGES, GRID), (VOLUMES, GRID3)], ids=["images", "volumes"]
)
def test_samples(x, grid, options):
    if options["mode"] == "bicubic" and x.ndim == 5:
        with pytest.raises(NotImplementedError, match="input must have 4 dimensions in mode"):
            F.grid_sample(x, grid, **options)
        return
    y = F.grid_sample(x, grid, **options)
    for n in range(2):
        for place in np.ndindex(grid.shape[1:-1]):
            expected = sample(x[n], grid[(n, *place)], **options)
            np.testing.assert_allclose(y.numpy()[(n, slice(None), *place)], expected, atol=1e-12)
    smooth = () if options["mode"] == "nearest" else (grid,)
    rest = (grid,) if options["mode"] == "nearest" else ()
    assert gradcheck(lambda *args: F.grid_sample(*args, *rest, **options), (x, *smooth))


@pytest.mark.parametrize("n", [0, 3])
def test_images_of_a_batch(n):
    x, grid = RNG.standard_normal((n, 1, 3, 4)), RNG.uniform(-1, 1, (n, 2, 2, 2))
    y = F.grid_sample(x, grid)
    assert y.shape == (n, 1, 2, 2)
    for image in range(n):
        alone = F.grid_sample(x[image : image + 1], grid[image : image + 1])
        np.testing.assert_array_equal(y[image], alone[0])
    assert gradcheck(F.grid_sample, (x, grid))


def test_coordinates_far_away():
    """They contribute zeros, the border, or a reflection; NaN counts as outside."""
    grid = np.array([[[[1e9, 0.0], [-np.inf, 0.0], [np.nan, 0.0], [0.0, 0.0]]]])
    x = np.ones((1, 1, 3, 3))
    assert F.grid_sample(x, grid).tolist() == [[[[0, 0, 0, 1]]]]
    assert F.grid_sample(x, grid, padding_mode="border").tolist()[0][0][0][:2] == [1, 1]
    far = np.array([[[[21.0, 0.0], [-17.0, 0.0]]]])
    line = np.arange(5.0) * np.ones((1, 1, 5, 1))
    y = F.grid_sample(line, far, "bicubic", "reflection", align_corners=True)
    np.testing.assert_allclose(y[0, 0, 0], [4, 0])


def test_cells_outside_do_not_count():
    """NaN and infinity in the image affect only samples next to them."""
    x = np.ones((1, 1, 2, 3))
    x[..., 2] = np.nan
    grid = np.array([[[[-1.5, 0.0], [-0.5, 0.0]]]])
    assert np.isfinite(F.grid_sample(x, grid)).all()


@pytest.mark.parametrize("align_corners", [False, True])
def test_affine_grid(align_corners):
    theta = RNG.standard_normal((2, 2, 3))
    grid = F.affine_grid(theta, (2, 1, 3, 4), align_corners)
    x, y = ((np.arange(n) * 2 + 1) / n - 1 for n in (4, 3))
    if align_corners:
        x, y = np.linspace(-1, 1, 4), np.linspace(-1, 1, 3)
    for i, j in np.ndindex(3, 4):
        np.testing.assert_allclose(grid[:, i, j], theta @ [x[j], y[i], 1])
    assert F.affine_grid(RNG.standard_normal((1, 3, 4)), (1, 1, 2, 3, 4)).shape == (1, 2, 3, 4, 3)
    assert gradcheck(lambda theta: F.affine_grid(theta, (2, 1, 3, 4), align_corners), theta)


def test_the_identity_gives_the_image():
    theta = np.eye(2, 3) * np.ones((2, 1, 1))
    grid = F.affine_grid(theta, IMAGES.shape)
    np.testing.assert_allclose(F.grid_sample(IMAGES, grid), IMAGES)


@pytest.mark.parametrize(
    ("error", "message", "act"),
    [
        (ValueError, "grid_sample: mode must be one of bilinear, nearest, bicubic (got 'linear')",
         lambda: F.grid_sample(IMAGES, GRID, "linear")),
        (ValueError, "grid_sample: padding_mode must be one of zeros, border, reflection",
         lambda: F.grid_sample(IMAGES, GRID, padding_mode="wrap")),
        (ValueError, "grid_sample: grid must have the shape (n, oh, ow, 2) with the n of input",
         lambda: F.grid_sample(IMAGES, GRID[:1])),
        (ValueError, "grid_sample: grid must have the shape (n, od, oh, ow, 3)",
         lambda: F.grid_sample(VOLUMES, GRID)),
        (ValueError, "grid_sample: input must have 4 or 5 dimensions (got 3",
         lambda: F.grid_sample(IMAGES[0], GRID)),
        (TypeError, "grid_sample: grid.dtype must equal input.dtype (got float32 and float64)",
         lambda: F.grid_sample(IMAGES, GRID.astype(np.float32))),
        (ValueError, "affine_grid: theta.shape must equal (size[0], 2, 3)",
         lambda: F.affine_grid(np.zeros((1, 2, 3)), (2, 1, 3, 4))),
        (ValueError, "affine_grid: size must be 4 or 5 positive numbers (got (1, 1, 0, 4))",
         lambda: F.affine_grid(np.zeros((1, 2, 3)), (1, 1, 0, 4))),
        (TypeError, "affine_grid: theta.dtype must be float32 or float64 (got int64)",
         lambda: F.affine_grid(np.zeros((1, 2, 3), int), (1, 1, 2, 4))),
    ],
)  # fmt: skip
def test_errors(error, message, act):
    with pytest.raises(error) as caught:
        act()
    assert message in str(caught.value)
