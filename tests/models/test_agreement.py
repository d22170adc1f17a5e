from tacit.models.agreement import Agreement, Word


def words(text: str, start_ns: int = 0, step_ns: int = 10) -> tuple[Word, ...]:
    return tuple(
        Word(w, start_ns + i * step_ns, start_ns + (i + 1) * step_ns, 0.9)
        for i, w in enumerate(text.split())
    )


def texts(found: tuple[Word, ...]) -> str:
    return " ".join(word.text for word in found)


def test_one_reading_settles_nothing() -> None:
    agreement = Agreement()
    assert agreement.offer(words("ask not what")) == ()
    assert agreement.committed == ()
    assert texts(agreement.words) == "ask not what"


def test_what_two_readings_share_is_settled() -> None:
    agreement = Agreement()
    agreement.offer(words("ask not watt"))
    assert texts(agreement.offer(words("ask not what your"))) == "ask not"
    assert texts(agreement.offer(words("ask not what your country"))) == "what your"
    assert texts(agreement.words) == "ask not what your country"


def test_case_and_punctuation_do_not_disagree() -> None:
    agreement = Agreement()
    agreement.offer(words("And so my"))
    assert texts(agreement.offer(words("and so, my fellow"))) == "and so, my"


def test_settled_words_stay_when_a_later_reading_differs() -> None:
    agreement = Agreement()
    agreement.offer(words("going to go"))
    agreement.offer(words("going to go home"))
    agreement.offer(words("gonna go home now"))
    assert texts(agreement.committed) == "going to go"


def test_a_changed_mind_neither_skips_nor_repeats_words() -> None:
    agreement = Agreement()
    agreement.offer(words("going to go"))
    agreement.offer(words("going to go"))
    shorter = (Word("gonna", 0, 20, 0.9), Word("go", 20, 30, 0.9), Word("home", 30, 40, 0.9))
    assert texts(agreement.finish(shorter)) == "home"
    assert texts(agreement.committed) == "going to go home"


def test_finish_settles_the_rest() -> None:
    agreement = Agreement()
    agreement.offer(words("my fellow"))
    assert texts(agreement.finish(words("my fellow Americans"))) == "my fellow Americans"
    assert agreement.words == agreement.committed


def test_settled_times_never_run_backwards() -> None:
    agreement = Agreement()
    agreement.offer(words("a b", step_ns=100))
    agreement.offer(words("a b", step_ns=100))
    agreement.finish((*words("a b", step_ns=10), Word("c", 20, 30, 0.9)))
    times = [t for w in agreement.committed for t in (w.t0_ns, w.t1_ns)]
    assert times == sorted(times)
    assert len(agreement.committed) == 3


def test_a_word_of_marks_alone_is_compared_as_it_is() -> None:
    agreement = Agreement()
    agreement.offer(words("♪ la"))
    assert texts(agreement.offer(words("♫ la"))) == ""
