import json

import numpy as np
import pytest

from stylegans.data.labels import Labels, numbered, parse_catalogue, parse_csv, table
from stylegans.errors import UserError


def catalogue(document: object) -> Labels | None:
    return parse_catalogue(json.dumps(document).encode(), where="dataset.json")


def test_classes_become_one_hot_of_the_highest_plus_one() -> None:
    known = catalogue({"labels": [["a.png", 2], ["b.png", 0], ["unused.png", 5]]})
    assert known is not None
    found = table(known, ["b.png", "a.png"], option="--labels")
    assert found.c_dim == 3
    np.testing.assert_array_equal([found[0], found[1]], [[1, 0, 0], [0, 0, 1]])
    assert found[0].dtype == np.float32


def test_vectors_stay_vectors() -> None:
    known = catalogue({"labels": [["a.png", [0.5, 1, -2]], ["b.png", [0, 0, 0]]]})
    assert known is not None
    found = table(known, ["a.png", "b.png"], option="--labels")
    assert found.c_dim == 3
    np.testing.assert_array_equal(found[0], np.array([0.5, 1, -2], np.float32))


def test_null_means_no_labels() -> None:
    assert catalogue({"labels": None}) is None


@pytest.mark.parametrize(
    "document",
    [
        [],
        {"labels": {}},
        {"labels": [["a.png"]]},
        {"labels": [["a.png", -1]]},
        {"labels": [["a.png", True]]},
        {"labels": [["a.png", "cat"]]},
        {"labels": [["a.png", []]]},
        {"labels": [["a.png", [float("nan")]]]},
        {"labels": [["a.png", [float("inf")]]]},
        {"labels": [["a.png", [1e39]]]},
        {"labels": [["a.png", [10**400]]]},
        {"labels": [["a.png", 1], ["b.png", [1.0]]]},
        {"labels": [["a.png", [1.0]], ["b.png", [1.0, 2.0]]]},
        {"labels": [["a.png", 1]], "label_names": "cat"},
    ],
)
def test_other_layouts_are_one_line_that_names_the_file(document: object) -> None:
    with pytest.raises(UserError, match=r"^dataset\.json: [^\n]+$"):
        catalogue(document)


def test_what_is_not_json_is_one_line() -> None:
    with pytest.raises(UserError, match=r"^dataset\.json: is not JSON"):
        parse_catalogue(b"{", where="dataset.json")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("name,label\na.png,1\nb.png,0\n", {"a.png": 1, "b.png": 0}),
        ("\ufeffa.png, cat\r\n\r\nb\\c.png,dog", {"a.png": "cat", "b/c.png": "dog"}),
        ('"a,b.png",0', {"a,b.png": 0}),
        ("", {}),
    ],
)
def test_csv(content: str, expected: dict[str, object]) -> None:
    assert parse_csv(content.encode(), where="x.csv").by_name == expected


@pytest.mark.parametrize(
    ("content", "names", "expected"),
    [
        (
            "name,smiles,turned\na.png,1,-0.5\nb.png,0,2e1\n",
            ("smiles", "turned"),
            {"a.png": (1, -0.5), "b.png": (0, 20)},
        ),
        ("Name,age\na.png,0.3\nb.png,-4\n", ("age",), {"a.png": (0.3,), "b.png": (-4,)}),
        ("a.png,0.3\nb.png,-4\n", None, {"a.png": (0.3,), "b.png": (-4,)}),
        ("name,age\na.png,3\nb.png,4\n", None, {"a.png": 3, "b.png": 4}),
        ("a.png,nan\nb.png,cat\n", None, {"a.png": "nan", "b.png": "cat"}),
    ],
)
def test_numbers_in_csv_are_vectors_with_the_headings_names(
    content: str, names: object, expected: dict[str, object]
) -> None:
    known = parse_csv(content.encode(), where="x.csv")
    assert (known.by_name, known.class_names) == (expected, names)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("name,a,b\nx.png,1,\n", "b of x.png should be a finite number, not ''"),
        ("name,a,b\nx.png,nan,1\n", "a of x.png should be a finite number, not 'nan'"),
        ("name,a,b\nx.png,inf,1\n", "not 'inf'"),
        ("x.png,0.5\ny.png,nan\n", "label of y.png should be a finite number, not 'nan'"),
        ("name,a,b\nx.png,1\n", "3 columns as its first row has; found 'x.png,1'"),
        ("x.png,1,0\ny.png,0,1\n", "need a heading"),
    ],
)
def test_numbers_in_csv_that_are_none_are_named(content: str, complaint: str) -> None:
    with pytest.raises(UserError, match=f"^x\\.csv: .*{complaint}"):
        parse_csv(content.encode(), where="x.csv")


def test_some_rows_of_a_table_keep_the_length_of_its_labels() -> None:
    known = Labels({"a": 0, "b": 4, "c": 1}, None, "L")
    part = table(known, ["a", "b", "c"], option="--labels").rows(np.array([0, 2]))
    assert part.c_dim == 5
    np.testing.assert_array_equal(part[1], [0, 1, 0, 0, 0])


@pytest.mark.parametrize("content", [b"a.png", b"a,b,c", b"\xff\xfe\x00"])
def test_other_csv_is_one_line_that_names_the_file(content: bytes) -> None:
    with pytest.raises(UserError, match=r"^x\.csv: [^\n]+$"):
        parse_csv(content, where="x.csv")


def test_classes_by_name_are_numbered_in_the_names_order() -> None:
    assert numbered(["dog", "ant", "dog"], None) == ([1, 0, 1], ("ant", "dog"))
    assert numbered([3, 1], ("a", "b", "c", "d")) == ([3, 1], ("a", "b", "c", "d"))


@pytest.mark.parametrize(
    ("known", "complaint"),
    [
        (Labels({"a.png": 0}, None, "L"), "no label for b.png"),
        (Labels({"a.png": 0, "b.png": 1}, ("one",), "L"), "only 1"),
        (Labels({"a.png": (0.0,), "b.png": (1.0,)}, ("x", "y"), "L"), "vectors of length 1 but 2"),
        (Labels({"a.png": 0, "b.png": 10**9}, None, "L"), "class 1000000000"),
    ],
)
def test_labels_that_do_not_fit_the_pictures_are_refused(known: Labels, complaint: str) -> None:
    with pytest.raises(UserError, match=f"^--labels: L has .*{complaint}"):
        table(known, ["a.png", "b.png"], option="--labels")
