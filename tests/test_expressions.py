"""Where something stands in an answer: plain names are read here, and mean what JMESPath says."""

import jmespath
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jmespath.exceptions import JMESPathError

from video_translation_client.services._expressions import Fields, compiled

pytestmark = pytest.mark.one_python

NAMES = st.sampled_from(["a", "b", "null", "true", "_B9"])

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(NAMES, values, max_size=4),
)


@given(st.lists(NAMES, min_size=1, max_size=4).map(".".join), VALUES)
def test_names_find_what_jmespath_finds(expression, payload):
    """One within the other, in whatever an answer holds."""
    names = compiled(expression)
    assert isinstance(names, Fields)
    assert names.search(payload) == jmespath.search(expression, payload)


@given(st.text(st.sampled_from('ab1_. -é"\n*@'), max_size=6), VALUES)
def test_all_else_is_left_to_jmespath(expression, payload):
    """Also to refuse it."""
    try:
        expected = jmespath.search(expression, payload)
    except JMESPathError:
        with pytest.raises(JMESPathError):
            compiled(expression)
    else:
        assert compiled(expression).search(payload) == expected
