"""Tables of measurements: every usual layout is read, every fault is named with its place."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from dynnets.data import load_table


@pytest.fixture
def write(tmp_path):
    """A function that writes a file's text (or bytes) and returns its path."""

    def write(text, name="data.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


@settings(max_examples=15, deadline=None)
@given(
    values=hnp.arrays(
        np.float64,
        st.tuples(st.integers(2, 6), st.just(2)),
        elements=st.floats(-1e12, 1e12),
    ),
    separator=st.sampled_from([",", ";", "\t", " "]),
    npz=st.booleans(),
)
def test_values_survive_exactly(tmp_path_factory, values, separator, npz):
    folder = tmp_path_factory.mktemp("table")
    ts = np.arange(len(values)) / 8
    if npz:
        path = folder / "data.npz"
        np.savez(path, t=ts, q=values[:, 0], p=values[:, 1])
    else:
        path = folder / "data.csv"
        rows = [f"{t!r}{separator}{q!r}{separator}{p!r}"
                for t, (q, p) in zip(ts.tolist(), values.tolist(), strict=True)]  # fmt: skip
        path.write_text("\n".join([separator.join("tqp"), *rows]))
    data = load_table(path)
    assert data.phase == "momenta"
    np.testing.assert_array_equal(data.xs[0], values)
    np.testing.assert_array_equal(data.ts[0], ts)


@pytest.mark.parametrize(
    "header, states, inputs, phase",
    [
        ("t,q,p", ("q", "p"), (), "momenta"),
        ("time,q1,q2,p1,p2", ("q1", "q2", "p1", "p2"), (), "momenta"),
        ("time,q1,q2,p2,p1", ("q1", "q2", "p1", "p2"), (), "momenta"),
        ("t,vy,vx,x,y", ("x", "y", "vx", "vy"), (), "velocities"),
        ("Time [s],Angle [rad],Velocity [rad/s]", None, (), "velocities"),
        ("t,theta,theta_dot,torque", ("theta", "theta_dot"), ("torque",), "velocities"),
        ("t,theta1,theta2,omega1,omega2", None, (), "velocities"),
        ("t,q,dq,u1,u2", ("q", "dq"), ("u1", "u2"), "velocities"),
        ("t,y,u", ("y",), ("u",), "coordinates only"),
        ("t,q,p,v", ("q", "p"), (), "momenta"),
        ("t,o,v", ("o", "v"), (), "velocities"),
        ("t,x_1,x_2,xdot_1,xdot_2", ("x_1", "x_2", "xdot_1", "xdot_2"), (), "velocities"),
    ],
)
def test_roles_are_guessed_from_usual_names(write, header, states, inputs, phase):
    width = header.count(",") + 1
    rows = [",".join(str(10 * i + j) for j in range(width)) for i in range(3)]
    data = load_table(write("\n".join([header, *rows])))
    names = header.split(",")
    states = tuple(names[1:]) if states is None else states
    assert (data.names, data.input_names, data.phase) == (states, inputs, phase)
    columns = [names.index(name) for name in states]
    assert data.xs[0, 0].tolist() == columns
    if inputs:
        assert data.us[0, 0].tolist() == [names.index(name) for name in inputs]


def test_given_roles_win_and_the_source_says_them(write):
    path = write("clock,a,b,c,junk\n0,1,2,3,x\n1,4,5,6,y\n")
    data = load_table(path, time="clock", coordinates="a", velocities=["b"], inputs="c")
    assert (
        data.source == "data.csv: time clock; coordinates a; velocities b; inputs c; not used junk"
    )
    only = load_table(write("t,q,p\n0,1,2\n1,2,3\n"), momenta=())
    assert only.phase == "coordinates only"
    chosen = load_table(write("t,q,p,v\n0,1,2,3\n1,2,3,4\n"), velocities="v")
    assert (chosen.names, chosen.phase) == (("q", "v"), "velocities")


def test_trials_by_label_and_of_unequal_length(write):
    text = "run;t;q;p\nb;0;1;2\nb;1;3;4\na;0;5;6\na;1;7;8\na;2;9;10\n"
    data = load_table(write(text))
    assert data.lengths.tolist() == [2, 3]
    assert data.trial(1).xs.tolist() == [[5, 6], [7, 8], [9, 10]]


def test_comments_blank_lines_and_trailing_separators(write):
    text = "\ufeff# t, q, p,\n\n0, 1, 2,\r\n% a remark\n1, 3, 4,\n\n"
    assert load_table(write(text)).xs[0].tolist() == [[1, 2], [3, 4]]


def test_matrix_of_an_npz_counts_as_columns(tmp_path):
    path = tmp_path / "data.npz"
    q = np.arange(6.0).reshape(3, 2)
    np.savez(path, t=np.arange(3), q=q, p=-q, dt=np.array(1.0))
    data = load_table(path)
    assert data.names == ("q0", "q1", "p0", "p1")
    np.testing.assert_array_equal(data.xs[0], np.concatenate([q, -q], 1))


FAULTS = {
    "empty": ("", "the file is empty"),
    "header only": ("t,q,p\n", "a header .* but no data below it"),
    "no header": ("0,1,2\n1,2,3\n", "line 1 must name the columns, got numbers"),
    "nan": ("t,q,p\n0,1,2\n1,nan,3\n", r"column 'q', row 2 \(line 3\): 'nan' is not a finite"),
    "infinity": ("t,q,p\n0,1,2\n\n1,inf,3\n", r"column 'q', row 2 \(line 4\): 'inf'"),
    "empty entry": ("t,q,p\n0,1,\n1,2,3\n", r"column 'p', row 1 \(line 2\): '' is not a number"),
    "word": ("t,q,p\n0,one,2\n1,2,3\n", r"column 'q', row 1 \(line 2\): 'one' is not a number"),
    "decimal comma": ("t;q;p\n0;1,5;2\n1;2;3\n", "'1,5' is not a number; write decimals with a"),
    "decreasing": ("t,q,p\n0,1,2\n2,1,2\n1,1,2\n", r"'t', row 3 \(line 4\): time decreases, 2.0 t"),
    "repeated": ("t,q,p\n0,1,2\n0,1,2\n", r"column 't', row 2 \(line 3\): time repeats"),
    "one sample": ("t,q,p\n0,1,2\n", "at least two samples are needed, got 1"),
    "one in a trial": ("trial,t,q,p\n1,0,1,2\n1,1,1,2\n2,0,1,2\n", "got 1 of trial '2'"),
    "ragged": ("t,q,p\n0,1,2\n1,2\n", "line 3 has 2 entries, the header names 3"),
    "unequal numbers": ("t,q1,q2,p1\n0,1,2,3\n1,2,3,4\n", r"2 coordinates \(q1, q2\) need as many"),
    "no time": ("a,q,p\n0,1,2\n1,2,3\n", "no column is named like time, got columns a, q, p"),
    "no coordinate": ("t,a,p\n0,1,2\n1,2,3\n", "no column is named like coordinates"),
    "twice": ("t,q,q\n0,1,2\n1,2,3\n", "names a column twice: q"),
    "unnamed": ("t,,p\n0,1,2\n1,2,3\n", "leaves a column without a name"),
    "binary": (b"\x00\x01\x02\x03", "neither a text table nor an NPZ file"),
    "not utf-8": (b"t,q,p\n\xff\xfe,1,2\n", "not a text file in UTF-8"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_name_the_file_and_the_place(write, fault):
    text, message = FAULTS[fault]
    path = write(text)
    with pytest.raises(ValueError, match=message) as caught:
        load_table(path)
    assert str(path) in str(caught.value)


def test_faults_of_column_names(write):
    path = write("t,angle,p\n0,1,2\n1,2,3\n")
    with pytest.raises(
        ValueError, match=r"no column 'angel' for coordinates.*did you mean 'angle'"
    ):
        load_table(path, coordinates="angel")
    with pytest.raises(ValueError, match="'angle' is given for coordinates and momenta"):
        load_table(path, coordinates="angle", momenta="angle")
    with pytest.raises(ValueError, match="momenta or velocities, not both"):
        load_table(path, momenta="p", velocities="angle")


def test_faults_of_files(tmp_path, write):
    for path, message in [
        (tmp_path / "absent.csv", "no such file"),
        (tmp_path, "is a directory"),
        (write(b"PK\x03\x04 broken", "broken.npz"), "not a readable NPZ file"),
        (write("t,q,p\n0,1,2\n", "text.npz"), "neither a text table nor an NPZ file"),
    ]:
        with pytest.raises(ValueError, match=message):
            load_table(path)
    np.save(tmp_path / "a.npy", np.zeros(3))
    with pytest.raises(ValueError, match="an NPY file has no column names"):
        load_table(tmp_path / "a.npy")


def test_faults_inside_an_npz(tmp_path):
    t, path = np.arange(3.0), tmp_path / "data.npz"

    def expect(message, **arrays):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            np.savez(path, **arrays)
        with pytest.raises(ValueError, match=message) as caught:
            load_table(path)
        assert str(path) in str(caught.value)

    expect("array 'q' holds Python objects", t=t, q=np.array([1, None, 3]), p=t)
    expect("column 'q' has 2 entries, 't' has 3", t=t, q=t[:2], p=t)
    expect(r"column 'q', row 2: np.float64\(nan\) is not", t=t, q=np.array([0, np.nan, 1]), p=t)
    expect("column 'q', row 1: .*is not a number", t=t, q=np.array(["a", "b", "c"]), p=t)
    expect("column 'q' holds complex numbers", t=t, q=t + 1j, p=t)
    expect("no one- or two-dimensional array", dt=np.array(1.0))
    expect("at least two samples", t=t[:1], q=t[:1], p=t[:1])


def test_a_truncated_npz_is_named(tmp_path):
    path = tmp_path / "data.npz"
    np.savez(path, t=np.arange(500.0), q=np.arange(500.0), p=np.arange(500.0))
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(ValueError, match="not a readable NPZ file"):
        load_table(path)
