"""Loaders of published records: shapes and facts of the files, checksums, clear refusals."""

import io
import zipfile

import numpy as np
import pytest

from dynnets.data import load_schmidt_lipson, load_silverbox, midpoint_derivatives

MEASURED = {
    "real_pend_h_1": ([556], ("o", "v"), "velocities", False),
    "real_pend_a_1": ([556], ("o", "v"), "velocities", True),
    "real_pend_circle_1": ([600], ("x", "y"), "coordinates only", False),
    "real_double_pend_h_1": ([819, 701], ("o1", "o2", "w1", "w2"), "velocities", True),
    "real_linear_a_1": ([870], ("x", "v"), "velocities", True),
    "real_double_linear_h_1": ([495], ("x1", "x2", "v1", "v2"), "velocities", False),
    "double_pend_h_1": ([1301, 1215], ("o1", "o2", "w1", "w2"), "velocities", True),
    "lienar_a_1": ([512], ("x", "v"), "velocities", True),
    "sphere_1": ([1000, 1000], ("x", "y", "z"), "coordinates only", False),
}


@pytest.mark.parametrize("table", MEASURED)
def test_schmidt_lipson_tables(data_dir, table):
    lengths, names, phase, derivatives = MEASURED[table]
    data = load_schmidt_lipson(table, data_dir / "schmidt_lipson.npz")
    assert data.lengths.tolist() == lengths
    assert (data.names, data.phase) == (names, phase)
    assert (data.dxs is not None) == derivatives
    if derivatives:
        _check_derivatives(data)


def _check_derivatives(data):
    """Each derivative column goes with the differences of its own state column."""
    points = midpoint_derivatives(data)
    ends = np.concatenate([(np.asarray(t.dxs[1:]) + np.asarray(t.dxs[:-1])) / 2 for t in data])
    for column in range(data.dim):
        slopes = np.asarray(points.dx[:, column])
        assert np.corrcoef(slopes, ends[:, column])[0, 1] > 0.97


def test_measured_pendulum_is_damped_and_irregular(data_dir):
    trial = load_schmidt_lipson(path=data_dir / "schmidt_lipson.npz").trial(0)
    o, v = np.asarray(trial.xs).T
    energy = 2.4 * (1 - np.cos(o)) + v**2
    assert energy[:50].mean() == pytest.approx(2.10, abs=0.01)
    assert energy[-50:].mean() == pytest.approx(0.76, abs=0.01)
    steps = np.rint(6 * np.diff(np.asarray(trial.ts))).astype(int)
    assert np.bincount(steps).tolist() == [0, 545, 8, 2]
    assert (float(trial.ts[0]), float(trial.ts[-1])) == (5.0, 99.5)


def test_schmidt_lipson_refusals(tmp_path, data_dir):
    with pytest.raises(ValueError, match="did you mean 'real_pend_h_1'"):
        load_schmidt_lipson("real_pend_h1", data_dir / "schmidt_lipson.npz")
    with pytest.raises(ValueError, match="no such file"):
        load_schmidt_lipson(path=tmp_path / "absent.npz")
    foreign = tmp_path / "invar_datasets.zip"
    foreign.write_bytes(b"something else")
    with pytest.raises(ValueError, match=r"SHA-256 .* is not that of invar_datasets\.zip"):
        load_schmidt_lipson(path=foreign)


@pytest.fixture(scope="module")
def silverbox(data_dir):
    return load_silverbox(data_dir / "sysid_measured.npz")


def test_silverbox_split(silverbox, data_dir):
    with np.load(data_dir / "sysid_measured.npz") as arrays:
        u, y = arrays["silverbox_snls_u"], arrays["silverbox_snls_y"]
    sizes = {"train": 52050, "validation": 13012, "test_multisine": 21688}
    start = 40650
    for name, size in sizes.items():
        part = getattr(silverbox, name)
        assert part.lengths.tolist() == [size]
        np.testing.assert_array_equal(part.xs[0, :, 0], y[start : start + size])
        np.testing.assert_array_equal(part.us[0, :, 0], u[start : start + size])
        start += size
    assert start == 127400
    np.testing.assert_array_equal(silverbox.arrow.xs[0, :, 0], y[100:40575])
    np.testing.assert_array_equal(silverbox.arrow_inside.us[0, :, 0], u[100:32100])
    assert silverbox.dt == 1 / 610.35
    np.testing.assert_allclose(np.diff(np.asarray(silverbox.arrow.ts[0])), silverbox.dt, rtol=1e-9)


def test_silverbox_from_the_publishers_archive(silverbox, data_dir, tmp_path):
    """The publisher's text table holds the same numbers, in its own folder of a zip archive."""
    with np.load(data_dir / "sysid_measured.npz") as arrays:
        u, y = arrays["silverbox_snls_u"], arrays["silverbox_snls_y"]
    rows = "".join(f"{a:.5g},{b:.5g},\n" for a, b in zip(u, y, strict=True))
    table = f'"V1","V2",\n{rows}\n'.encode()
    (tmp_path / "SNLS80mV.csv").write_bytes(table)
    with zipfile.ZipFile(tmp_path / "SilverboxFiles.zip", "w") as archive:
        archive.writestr("SilverboxFiles/SNLS80mV.csv", table)
    for name in ("SNLS80mV.csv", "SilverboxFiles.zip"):
        again = load_silverbox(tmp_path / name)
        np.testing.assert_array_equal(again.arrow.xs, silverbox.arrow.xs)
        np.testing.assert_array_equal(again.train.us, silverbox.train.us)


def test_silverbox_refusals(tmp_path):
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("SNLS80mV.csv", "V1,V2\n0,0\n")
    (tmp_path / "altered.zip").write_bytes(other.getvalue())
    np.savez(tmp_path / "altered.npz", silverbox_snls_u=np.zeros(3), silverbox_snls_y=np.zeros(3))
    np.savez(tmp_path / "foreign.npz", a=np.zeros(3))
    (tmp_path / "noise.zip").write_bytes(b"no archive")
    for name, message in [
        ("altered.zip", "of the table SNLS80mV.csv, expected"),
        ("altered.npz", "of the table SNLS80mV.csv, expected"),
        ("foreign.npz", "no array 'silverbox_snls_u'; it holds a"),
        ("noise.zip", "not a readable zip archive"),
        ("absent.zip", "no such file"),
    ]:
        with pytest.raises(ValueError, match=message):
            load_silverbox(tmp_path / name)
    with pytest.raises(ValueError, match="validation must be a fraction between 0 and 1, got 1"):
        load_silverbox(tmp_path / "absent.zip", validation=1.0)


@pytest.mark.parametrize("load", [load_schmidt_lipson, load_silverbox])
def test_a_fetch_that_fails_says_where_to_get_the_file(monkeypatch, load):
    pooch = pytest.importorskip("pooch")

    def refuse(*args, **kwargs):
        raise OSError("no route to host")

    monkeypatch.setattr(pooch, "retrieve", refuse)
    with pytest.raises(ConnectionError, match=r"get it by hand from .* and pass path="):
        load()
