"""The card of a model; its errors are tested with the verb `evaluate`."""

from small_model import make_model

from rhocast.analysis.model_card import write_card


def test_the_card_says_where_no_error_was_measured(tmp_path):
    card = tmp_path / "card.md"
    write_card(card, "al", make_model(), [], "fast", ["cell big has a vacancy", "cell big is wide"])
    wanted = (
        "## Errors not measured\n\n- Cell big has a vacancy.\n- Cell big is wide.\n\n## Trained"
    )
    assert wanted in card.read_text()
    write_card(card, "al", make_model(), [], "fast")
    assert "not measured" not in card.read_text()
