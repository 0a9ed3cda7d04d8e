"""Knobs out of range are the author's mistake: one sentence that contains the fix."""

import subprocess
import sys

import pytest

from evalkit import Problem
from evalkit.util.errors import UserError

from .support import CONFIGS, PUBLISHED_VARIANTS, SEEDED_VARIANTS, graded, make_task, right_answer

BAD = [
    ("tolerances.attention_weights=0", "task.tolerances.attention_weights"),
    ("tolerances.attention_weights=-0.1", "task.tolerances.attention_weights"),
    ("tolerances.position_encoding=.nan", "task.tolerances.position_encoding"),
    ("tolerances.output=.inf", "task.tolerances.output"),
    ("tolerances.masked_weight=0", "task.tolerances.masked_weight"),
    ("success=some", "use any or full"),
    ("mask=none", "use past or future"),
    ("values_from=keys", "use queries or values"),
    ("position_encoding=learned", "use given or sinusoidal or none"),
    ("data=random", "use published or seeded"),
    ("stated_accuracy=0", "such as 0.001"),
    ("stated_accuracy=.nan", "such as 0.001"),
    ("stated_accuracy=5", "such as 0.001"),
    ("sequence_length=1", "use 2 to 64"),
    ("sequence_length=65", "use 2 to 64"),
    ("sequence_length=5", "add task.data=seeded"),
    ("heads=[{qk: 2, v: 2}, {qk: 2, v: 2}]", "add task.data=seeded"),
    ("heads=[]", "task.heads=[{qk:1,v:2},{qk:2,v:1}]"),
    ("heads=[{qk: 0, v: 3}]", "task.heads=[{qk:1,v:2},{qk:2,v:1}]"),
    ("heads=[{qk: 1, v: 2}]", "make the sum of qk equal to the sum of v"),
]


@pytest.mark.parametrize(("override", "fix"), BAD, ids=[row[0] for row in BAD])
def test_a_bad_knob_is_one_sentence_with_the_fix(override, fix):
    with pytest.raises(UserError) as caught:
        make_task("positional_attention", override)
    assert fix in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_layer_norm_over_one_column_is_refused():
    with pytest.raises(UserError, match=r"task\.layer_norm=false"):
        make_task("positional_attention", "data=seeded", "heads=[{qk: 1, v: 1}]", "layer_norm=true")


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("variant", [*PUBLISHED_VARIANTS, *SEEDED_VARIANTS], ids=" ".join)
async def test_the_reference_passes_in_every_variant_of_every_config(config, variant):
    seeded = [] if config.endswith("strict") or variant in PUBLISHED_VARIANTS else ["data=seeded"]
    task = make_task(config, *seeded, *variant)
    for seed in (0, 1):
        assert (await graded(task, right_answer(task.spec(Problem.seeded(seed))), seed)).message.startswith(
            "SUCCESS: Complete"
        )


def test_an_answer_too_large_to_print_is_refused():
    with pytest.raises(UserError, match=r"hold 4,672 numbers and may hold 2,400: lower task\.sequence_length"):
        make_task("positional_attention_strict", "sequence_length=64", "heads=[{qk: 3, v: 3}]")


def test_the_plugin_is_imported_without_numpy():
    code = (
        "import sys; from evalkit.config.search_path import import_task; "
        "import_task('positional_attention'); "
        "sys.exit(bool({'numpy', 'torch', 'anthropic'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
