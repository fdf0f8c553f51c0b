import json
from pathlib import Path

from stylegans.files.log import read_log


def test_a_log_is_read_up_to_the_line_that_was_cut_short(tmp_path: Path) -> None:
    lines = [{"images": 4, "data": "çatal"}, {"images": 8, "metrics": {"fid50k": 3.25}}]
    written = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    for end in ("", '{"imag'):
        (tmp_path / "log.jsonl").write_text(written + end, encoding="utf-8")
        assert read_log(tmp_path / "log.jsonl") == lines


def test_what_was_never_begun_has_no_lines(tmp_path: Path) -> None:
    assert read_log(tmp_path / "log.jsonl") == []
