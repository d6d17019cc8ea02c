"""Minutes of a GPU are not overdrawn, by a clock that the test moves."""

from importlib import import_module

Budget = import_module("gpu_budget").Budget


def table(minutes: float, seconds: dict[tuple[str, str], float]) -> tuple[list[tuple[str, str]], float]:
    """Which of ``seconds`` each combination takes were begun, twice each, and when the last had ended."""
    now = [0.0]
    budget, begun = Budget(minutes, lambda: now[0]), []
    for combination in [*seconds, *seconds]:
        if budget.allows(*combination):
            begun.append(combination)
            with budget.spending(*combination):
                now[0] += seconds[combination]
    return begun, now[0]


def test_all_is_measured_where_there_is_time():
    seconds = {("a", "float32"): 30, ("b", "float32"): 100, ("a", "bfloat16"): 30, ("b", "bfloat16"): 100}
    assert table(9, seconds) == ([*seconds, *seconds], 520)


def test_nothing_begins_that_would_end_too_late_and_what_is_shorter_still_does():
    seconds = {("a", "float32"): 20, ("b", "float32"): 130, ("a", "bfloat16"): 20, ("b", "bfloat16"): 130}
    begun, end = table(6, seconds)
    assert begun == [*seconds, ("a", "float32"), ("a", "bfloat16")] and end == 340


def test_a_network_that_was_never_measured_is_expected_to_take_the_most_that_any_took():
    budget = Budget(1, lambda: 0.0)
    assert budget.expected("a", "bfloat16") == 0
    budget.longest["b", "float32"] = 61
    assert not budget.allows("a", "bfloat16")
    budget.longest["a", "float32"] = 5
    assert budget.allows("a", "bfloat16") and not budget.allows("b", "bfloat16")
