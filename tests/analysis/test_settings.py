from small_model import make_model

from rhocast.analysis.settings import setting_difference

KNOWN = {
    "engine": "sparc",
    "engine_version": "1",
    "functional": "pbe",
    "smearing_K": 631.554,
    "cutoff_ha": "not recorded",
    "psp8_Al_sha256": 64 * "a",
}


def difference(**changes):
    return setting_difference(make_model(provenance=KNOWN), KNOWN | changes)


def test_what_differs_is_told_with_both_values():
    told = difference(functional="lda", smearing_K=300.0, psp8_Al_sha256=64 * "b")
    assert told == (
        "the functional is lda, pbe in the model's data; the smearing temperature (K) is 300, "
        "631.554 in the model's data; the pseudopotential of Al is bbbbbbbbbbbb, aaaaaaaaaaaa in "
        "the model's data"
    )


def test_a_prediction_is_no_density_to_judge_by():
    assert difference(model_hash="a") == "it is the prediction of a model and no DFT density"


def test_what_is_alike_or_not_recorded_is_not_told():
    assert difference() == ""
    assert difference(cutoff_ha=20.0, engine_version="2") == ""
    assert setting_difference(make_model(provenance=KNOWN), {}) == ""
    assert setting_difference(make_model(), KNOWN) == ""
