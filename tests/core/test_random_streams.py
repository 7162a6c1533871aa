"""Streams of random numbers."""

import itertools

import numpy as np
import pytest

from gaussmix.core.random_streams import random_state_at, random_stream, random_streams


@pytest.mark.parametrize(("seed", "number"), [(0, 0), (7, 3), (2**31 - 1, 1000), (2**64 - 1, 2**40)])
def test_a_stream_is_that_of_its_key(seed, number):
    keyed = np.random.Generator(np.random.Philox(key=np.array([seed, number], dtype=np.uint64)))
    np.testing.assert_array_equal(random_stream(seed, number).normal(size=20), keyed.normal(size=20))


def test_streams_are_in_the_order_of_their_numbers():
    for number, stream in enumerate(itertools.islice(random_streams(5, first=2), 4), start=2):
        assert stream.integers(2**60) == random_stream(5, number).integers(2**60)


@pytest.mark.parametrize("legacy", [True, False])
def test_a_copy_goes_on_like_the_original(legacy):
    original = np.random.RandomState(4)
    original.normal(size=3)  # the second number of a pair is kept
    copy = random_state_at(original.get_state(legacy=legacy))
    np.testing.assert_array_equal(copy.normal(size=700), original.normal(size=700))


@pytest.mark.parametrize(
    "bits", [np.random.PCG64, np.random.PCG64DXSM, np.random.Philox, np.random.SFC64, np.random.MT19937]
)
def test_a_copy_has_the_bit_generator_of_the_original(bits):
    original = np.random.RandomState(bits(4))
    original.normal(size=3)
    copy = random_state_at(original.get_state(legacy=False))
    np.testing.assert_array_equal(copy.normal(size=700), original.normal(size=700))
