"""Knobs out of range are refused with one sentence that names the knob and says what to use."""

import math

import pytest

from evalkit.util.errors import UserError

from .shipped import VARIANTS, make


@pytest.mark.parametrize(
    ("knobs", "key"),
    [
        ({"block_size": 0}, "block_size"),
        ({"block_size": 2000}, "block_size"),
        ({"num_heads": 0}, "num_heads"),
        ({"head_dim": 1}, "head_dim"),
        ({"dtype": "float8"}, "dtype"),
        ({"dtype": "int64"}, "dtype"),
        ({"num_kv_heads": 3}, "num_kv_heads"),
        ({"num_kv_heads": 0}, "num_kv_heads"),
        ({"num_kv_heads": 16}, "num_kv_heads"),
        ({"num_heads": 64, "num_kv_heads": 1}, "num_kv_heads"),
        ({"sliding_window": 0}, "sliding_window"),
        ({"logit_softcap": 0.0}, "logit_softcap"),
        ({"logit_softcap": math.inf}, "logit_softcap"),
        ({"stated_accuracy": 0.0}, "stated_accuracy"),
        ({"time_limit_s": -1.0}, "time_limit_s"),
        ({"max_source_chars": 10}, "max_source_chars"),
        ({"max_source_chars": 10**7}, "max_source_chars"),
        ({"hidden": {"seed": -1}}, "hidden.seed"),
        ({"hidden": {"count": 0}}, "hidden.count"),
        ({"hidden": {"batch_sizes": []}}, "hidden.batch_sizes"),
        ({"hidden": {"batch_sizes": [3, 0]}}, "hidden.batch_sizes"),
        ({"hidden": {"context_lengths": [5]}}, "hidden.context_lengths"),
        ({"hidden": {"context_lengths": [9, 5]}}, "hidden.context_lengths"),
        ({"hidden": {"context_lengths": [0, 5]}}, "hidden.context_lengths"),
        ({"hidden": {"growth": 4}}, "hidden.growth"),
        ({"tolerances": {"output": 0.0}}, "tolerances.output"),
        ({"tolerances": {"output": -0.1}}, "tolerances.output"),
        ({"tolerances": {"output": math.nan}}, "tolerances.output"),
    ],
    ids=str,
)
def test_a_value_out_of_range_is_refused(knobs, key):
    with pytest.raises(UserError, match=rf"^task\.{key}") as caught:
        make(**knobs)
    assert "\n" not in str(caught.value)
    assert " use " in f" {caught.value}" or " give " in str(caught.value) or " list " in str(caught.value)


@pytest.mark.parametrize(
    "knobs", [{"tolerances": {"outputs": 1.0}}, {"blocksize": 16}, {"num_heads": "eight"}], ids=str
)
def test_a_name_or_a_type_that_the_task_does_not_have_is_refused(knobs):
    with pytest.raises(UserError):
        make(**knobs)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_shipped_config_is_accepted(variant):
    assert make(variant).config.name == "paged_attention"


def test_a_tolerance_is_never_stricter_than_what_the_prompt_promises():
    for variant in VARIANTS:
        config = make(variant).config
        assert config.stated_accuracy < config.tolerances.output
