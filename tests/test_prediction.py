"""A prediction: the guess is kept, and set beside the answer. How it looks is a matter for tests/browser."""

import pytest

from vae_helpers import answers
from vae_helpers.widgets import predict

OPTIONS = ["PCA", "the autoencoder"]


@pytest.fixture
def choice():
    return predict("Which is closer?", OPTIONS)


@pytest.fixture
def number():
    return predict("How many weights?")


# --- the widget


def test_question_and_options_reach_the_browser(choice):
    state = choice.get_state()
    assert state["question"] == "Which is closer?" and state["options"] == OPTIONS
    assert state["guess"] == state["result"] == ""


def test_a_guess_and_a_result_reach_the_browser(choice):
    choice.guess = "PCA"
    choice.reveal("PCA")
    assert choice.get_state()["guess"] == "PCA" and "Right" in choice.get_state()["result"]


def test_options_may_be_numbers():
    assert predict("How many?", [2, 20]).options == ["2", "20"]


def test_the_text_says_what_is_asked_and_holds_no_address(choice, number):
    assert repr(choice) == str(choice) == "Prediction: Which is closer? (PCA / the autoencoder)"
    assert repr(number) == "Prediction: How many weights?"


def test_the_browser_is_sent_the_widget_s_own_code(choice):
    assert "render" in str(choice.get_state()["_esm"]) and "vae-prediction" in str(choice.get_state()["_css"])


# --- what is kept


def test_a_guess_comes_back_at_the_next_start(choice):
    choice.guess = "PCA"
    assert predict("Which is closer?", OPTIONS).guess == "PCA"


def test_a_changed_mind_comes_back_too(choice):
    choice.guess = "PCA"
    choice.guess = "the autoencoder"
    assert predict("Which is closer?", OPTIONS).guess == "the autoencoder"


def test_a_number_comes_back(number):
    number.guess = "12,000"
    assert predict("How many weights?").guess == "12,000"


def test_under_a_name_a_guess_survives_a_new_wording():
    predict("Wich is closer?", OPTIONS, name="closer").guess = "PCA"
    assert predict("Which is closer?", OPTIONS, name="closer").guess == "PCA"
    assert predict("Which is closer?", OPTIONS, name="farther").guess == ""


def test_two_questions_keep_two_guesses(choice):
    choice.guess = "PCA"
    other = predict("Which is faster?", OPTIONS)
    other.guess = "the autoencoder"
    assert predict("Which is closer?", OPTIONS).guess == "PCA"


def test_a_guess_that_is_no_option_any_more_is_dropped(choice):
    choice.guess = "PCA"
    assert predict("Which is closer?", ["ICA", "the autoencoder"]).guess == ""


def test_to_restore_a_guess_writes_nothing(choice, answers_of_its_own, monkeypatch):
    choice.guess = "PCA"
    monkeypatch.setattr(answers, "whole_file", None)  # to write would raise
    predict("Which is closer?", OPTIONS)


# --- reveal


@pytest.mark.parametrize(
    "guess, text",
    [
        ("PCA", "You predicted: PCA. Right."),
        ("the autoencoder", "You predicted: the autoencoder. The answer: PCA."),
        ("", "No prediction was made. The answer: PCA."),
    ],
)
def test_reveal_sets_the_answer_beside_the_choice(choice, guess, text):
    choice.guess = guess
    assert repr(choice.reveal("PCA")) == choice.result == text


@pytest.mark.parametrize(
    "guess, answer, text",
    [
        ("12", 12, "You predicted 12. Exactly right."),
        ("12,000", 12_000, "You predicted 12,000. Exactly right."),
        ("12 000", 12_000, "You predicted 12,000. Exactly right."),
        ("2000", 1000, "You predicted 2,000. The answer: 1,000; you were above it by a factor of 2."),
        ("0.5", 2, "You predicted 0.5. The answer: 2; you were below it by a factor of 4."),
        ("1e3", 4000, "You predicted 1,000. The answer: 4,000; you were below it by a factor of 4."),
        ("-3", 4, "You predicted -3. The answer: 4."),
        ("0", 4, "You predicted 0. The answer: 4."),
        ("3", 0, "You predicted 3. The answer: 0."),
        ("", 1234567, "No number was predicted. The answer: 1,234,567."),
        ("many", 12, "'many' is no plain number. The answer: 12."),
        ("inf", 12, "'inf' is no plain number. The answer: 12."),
        ("1234567", 1234567, "You predicted 1,234,567. Exactly right."),
    ],
)
def test_reveal_sets_the_number_beside_the_guess(number, guess, answer, text):
    number.guess = guess
    assert repr(number.reveal(answer)) == number.result == text


def test_reveal_adds_the_reason(choice):
    text = repr(choice.reveal("PCA", "It is the best plane."))
    assert text.endswith("The answer: PCA. It is the best plane.")


def test_reveal_takes_a_number_among_the_options():
    question = predict("How many?", [2, 20])
    question.guess = "20"
    assert repr(question.reveal(20)) == "You predicted: 20. Right."


def test_reveal_of_what_is_no_option(choice):
    with pytest.raises(ValueError, match="'ICA' is not among the options"):
        choice.reveal("ICA")
    assert choice.result == ""


@pytest.mark.parametrize(
    "guess, number", [("9,408", 9408), ("3,5", 3.5), ("1,234,567", 1234567), ("3.5", 3.5), ("1 000", 1000), ("12,34", 12.34),
                      ("0,125", 0.125)]
)
def test_a_comma_parts_thousands_or_decimals(guess, number):
    prediction = predict("How many?")
    prediction.guess = guess
    assert "Exactly right" in repr(prediction.reveal(number))


def test_a_guess_that_cannot_be_kept_is_said(answers_of_its_own):
    answers_of_its_own.write_text("a file where the folder should be")
    prediction = predict("Which?", ["a", "b"])
    prediction.guess = "a"
    assert "could not be kept" in prediction.warning
    assert prediction.result == "", "a result would lock the choice"
