"""Whatever a recipe may say survives being written and read."""

import yaml
from hypothesis import given
from hypothesis import strategies as st

from glasspose.configs.reading import read_recipe
from glasspose.configs.training import Recipe

SHARES = st.floats(0, 1, exclude_max=True)
TWO_SHARES = st.tuples(SHARES, SHARES).map(list)
RATES = st.floats(0, 10, exclude_min=True)
OPTIMISERS = st.one_of(
    st.fixed_dictionaries({"kind": st.just("rmsprop"), "learning_rate": RATES}, optional={"alpha": SHARES, "momentum": SHARES, "epsilon": RATES}),
    st.fixed_dictionaries({"kind": st.sampled_from(["adam", "adamw"]), "learning_rate": RATES}, optional={"betas": TWO_SHARES}),
    st.fixed_dictionaries({"kind": st.just("sgd"), "learning_rate": RATES, "momentum": RATES.filter(lambda m: m < 1), "nesterov": st.booleans()}),
)
SCHEDULES = st.one_of(
    st.fixed_dictionaries({"kind": st.just("constant")}),
    st.fixed_dictionaries({"kind": st.just("step"), "epochs": st.lists(st.integers(1, 500), max_size=5)}),
    st.fixed_dictionaries({"kind": st.just("plateau"), "patience": st.integers(0, 99)}, optional={"minimum": SHARES}),
    st.fixed_dictionaries({"kind": st.just("cosine")}, optional={"warmup_epochs": st.floats(0, 50), "final": SHARES}),
)
PATHS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40)
DATA = st.fixed_dictionaries(
    {"kind": st.just("drawn_people")}, optional={"count": st.integers(1, 10**6), "seed": st.integers(-(10**9), 10**9), "folder": PATHS | st.none()}
)
CODECS = st.fixed_dictionaries(
    {"kind": st.just("heatmap")}, optional={"sigma": RATES, "loss": st.sampled_from(["mse", "weighted_mse", "kl"]), "positive_weight": RATES}
)
RECIPES = st.fixed_dictionaries(
    {"data": DATA},
    optional={
        "codec": CODECS,
        "optimiser": OPTIMISERS,
        "schedule": SCHEDULES,
        "packing": st.fixed_dictionaries({}, optional={"size": st.integers(32, 1024), "context": st.floats(1, 4), "margin": st.floats(1, 4)}),
        "epochs": st.integers(1, 10**6),
        "seed": st.integers(0, 2**32 - 1),
    },
)


@given(told=RECIPES)
def test_a_recipe_survives_being_written_and_read(tmp_path_factory, told):
    recipe = Recipe.model_validate(told)
    path = tmp_path_factory.getbasetemp() / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe.model_dump(mode="json")))
    assert read_recipe(path) == recipe == Recipe.model_validate_json(recipe.model_dump_json())
    for section, value in told.items():
        for key, given_ in value.items() if isinstance(value, dict) else []:
            found = getattr(getattr(recipe, section), key)
            assert str(found) == str(given_) or found == given_ or list(found) == given_, (section, key)
