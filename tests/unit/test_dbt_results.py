"""What the journal and the messages call a node of dbt."""

from flows.dbt_results import name_of
from flows.journal_rows import NAME_LENGTH


def test_a_long_name_is_cut_and_stays_the_only_one() -> None:
    """A generic test is named after its arguments, however many they are."""
    project = "test.crypto_features."
    long = [f"accepted_values_{'x' * 400}_{ending}.0a1b2c" for ending in ("one", "other")]
    names = [name_of({"unique_id": project + name}) for name in long]
    assert [len(name) for name in names] == [NAME_LENGTH, NAME_LENGTH]
    assert names[0] != names[1]
    assert all(name.startswith("test accepted_values_xxx") for name in names)
    assert name_of({"unique_id": project + long[0]}) == names[0]
    assert name_of({"unique_id": "model.crypto_features.dim_assets"}) == "model dim_assets"
