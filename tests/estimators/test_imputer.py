"""`GaussianMixtureImputer` on tables of few rows."""

import numpy as np
import pytest

from gaussmix import GaussianMixtureImputer


@pytest.mark.parametrize("shape", [(15, 30), (9, 12), (20, 20), (2, 3), (5, 5)])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_no_more_rows_than_columns_have_one_component(shape):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=shape)
    rows[0, 0] = rows[1, -1] = np.nan
    imputer = GaussianMixtureImputer(random_state=0).fit(rows)
    assert imputer.mixture_.n_components == 1
    filled = imputer.transform(rows)
    assert np.isfinite(filled).all()
    np.testing.assert_array_equal(filled, GaussianMixtureImputer(1, random_state=0).fit_transform(rows))
