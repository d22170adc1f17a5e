from tacit.pipeline.training.stage import in_order, stage_class
from tests.fakes.training_stages import SmallConfig, small_stage

TABLE = {name: small_stage(name) for name in ("a", "b", "c")}


def test_stages_come_in_the_order_of_the_table_whatever_was_asked() -> None:
    assert [s.name for s in in_order(TABLE, ("c", "a"))] == ["a", "c"]
    assert [s.name for s in in_order(TABLE, ())] == ["a", "b", "c"]


def test_a_stage_writes_the_folder_of_its_name_unless_it_says_so() -> None:
    assert TABLE["a"].checkpoints == ("a",)
    assert stage_class(TABLE["a"]) is SmallConfig
