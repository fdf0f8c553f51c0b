import pytest

from stylegans.errors import UserError
from stylegans.metrics import recipes
from stylegans.metrics.recipes import RECIPES

PUBLISHED = {
    # name: (pictures, real pictures, network)
    "fid50k": (50_000, 50_000, "inception"),
    "fid50k_full": (50_000, None, "inception"),
    "kid50k": (50_000, 50_000, "inception"),
    "kid50k_full": (50_000, 1_000_000, "inception"),
    "is50k": (50_000, None, "inception"),
    "pr50k3": (50_000, 50_000, "vgg16"),
    "pr50k3_full": (50_000, 200_000, "vgg16"),
    "ppl_zfull": (50_000, None, "lpips_vgg16"),
    "ppl_wfull": (50_000, None, "lpips_vgg16"),
    "ppl_zend": (50_000, None, "lpips_vgg16"),
    "ppl_wend": (50_000, None, "lpips_vgg16"),
    "ppl2_wend": (50_000, None, "lpips_vgg16"),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_names_have_the_published_counts_and_networks(name: str) -> None:
    one = RECIPES[name]
    assert (one.num, one.reals, one.network) == PUBLISHED[name]


@pytest.mark.parametrize("name", RECIPES)
def test_a_name_carries_its_network_unless_it_is_a_published_one(name: str) -> None:
    network = RECIPES[name].network
    words = {"mobilenet": "mobilenet", "lpips_alexnet": "alex", "dinov2": "dinov2"}
    assert all((word in name) == (network == held) for held, word in words.items())
    assert ("fid" in name or "kid" in name) <= (network == "inception")


def test_what_runs_offline_in_a_published_metrics_stead_has_another_name() -> None:
    for published, ours in recipes.RIGHT_NAMES.items():
        assert RECIPES[ours].is_offline
        assert published not in RECIPES or not RECIPES[published].is_offline
        assert published not in RECIPES or RECIPES[published].kind == RECIPES[ours].kind


def test_the_cropped_path_lengths_are_the_first_papers_and_the_whole_one_the_seconds() -> None:
    variants = {
        name: (RECIPES[name].space, RECIPES[name].ends, RECIPES[name].crop) for name in PUBLISHED if "ppl" in name
    }
    assert variants == {
        "ppl_zfull": ("z", "full", True),
        "ppl_wfull": ("w", "full", True),
        "ppl_zend": ("z", "end", True),
        "ppl_wend": ("w", "end", True),
        "ppl2_wend": ("w", "end", False),
    }


def test_fewer_pictures_leave_a_whole_set_whole() -> None:
    assert RECIPES["fid50k_full"].with_num(10).reals is None
    assert RECIPES["kid50k_full"].with_num(10).reals == 1_000_000
    assert RECIPES["fid50k"].with_num(10).reals == 10
    assert RECIPES["fd_mobilenet"].with_num(10).num == 10
    with pytest.raises(UserError, match="--num: 0 is too few"):
        RECIPES["fid50k"].with_num(0)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("fid", "did you mean fid50k_full"),
        ("ppl", "did you mean ppl2_wend"),
        ("fd_mobilnet", "did you mean fd_mobilenet"),
        ("colour", "there are fid50k_full"),
        ("", "names no metric"),
        (" , ", "names no metric"),
        ("ls", "ls_mobilenet trains its own"),
        ("eqt50k_in", "did you mean eqt50k_int"),
    ],
)
def test_other_names_are_refused_in_one_line_that_helps(text: str, says: str) -> None:
    with pytest.raises(UserError, match=says) as refused:
        recipes.parse(text)
    assert "\n" not in str(refused.value)
    assert str(refused.value).startswith("--metrics: ")


def test_names_are_parted_by_commas_and_each_counts_once() -> None:
    assert [one.name for one in recipes.parse("pr_mobilenet, fd_mobilenet,pr_mobilenet")] == [
        "pr_mobilenet",
        "fd_mobilenet",
    ]
