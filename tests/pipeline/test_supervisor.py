from tacit.pipeline.supervisor import NS_PER_S, RestartRule, Restarts, describe_exit


def test_the_delay_doubles_up_to_its_limit() -> None:
    rule = RestartRule(first_ns=1, most_ns=4, breaker_deaths=99, breaker_ns=1000)
    restarts = Restarts(rule)
    assert [restarts.died(100) for _ in range(5)] == [101, 102, 104, 104, 104]


def test_the_breaker_opens_at_the_fifth_death_in_a_minute() -> None:
    restarts = Restarts()
    times = [restarts.died(second * NS_PER_S) for second in (0, 10, 20, 30, 40)]
    assert times[:4] == [1 * NS_PER_S, 12 * NS_PER_S, 24 * NS_PER_S, 38 * NS_PER_S]
    assert times[4] is None


def test_old_deaths_are_forgotten() -> None:
    restarts = Restarts()
    for second in (0, 100, 200, 300, 400, 500):
        assert restarts.died(second * NS_PER_S) == (second + 1) * NS_PER_S


def test_exit_codes_are_put_in_words() -> None:
    assert describe_exit(-9) == "killed by signal 9"
    assert describe_exit(3) == "exit code 3"
