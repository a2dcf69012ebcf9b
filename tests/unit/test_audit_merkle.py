"""The tree over the records is that of RFC 6962, and its proofs prove what they say and no more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.audit.merkle import Frontier, Tree, extended, extends, includes, leaf, node, record_leaf

# The eight leaves of the reference implementation of Certificate Transparency, and what it says.
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
INCLUSIONS = {
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (0, 1): [],
}
CONSISTENCIES = {
    (1, 1): [],
    (1, 8): INCLUSIONS[0, 8],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}


def by_definition(leaves: list[bytes]) -> bytes:
    """The tree hash, word for word as RFC 6962, 2.1 defines it."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node(by_definition(leaves[:split]), by_definition(leaves[split:]))


def grown(leaves: list[bytes]) -> Frontier:
    frontier = Frontier()
    for one in leaves:
        frontier.add(one)
    return frontier


def hashed(count: int) -> list[bytes]:
    return [leaf(b"%d" % number) for number in range(count)]


sizes = st.integers(1, 70)


@pytest.mark.parametrize("size", range(9))
def test_the_roots_are_those_of_certificate_transparency(size: int) -> None:
    leaves = [leaf(data) for data in LEAVES]
    assert Tree(leaves).root(size).hex() == ROOTS[size]
    assert grown(leaves[:size]).root().hex() == ROOTS[size]


@pytest.mark.parametrize(("place", "path"), INCLUSIONS.items())
def test_an_inclusion_is_that_of_certificate_transparency(
    place: tuple[int, int], path: list[str]
) -> None:
    index, size = place
    made = Tree(map(leaf, LEAVES)).inclusion(index, size)
    assert [step.hex() for step in made] == path
    assert includes(bytes.fromhex(ROOTS[size]), size, index, leaf(LEAVES[index]), made)


@pytest.mark.parametrize(("sizes", "path"), CONSISTENCIES.items())
def test_a_consistency_is_that_of_certificate_transparency(
    sizes: tuple[int, int], path: list[str]
) -> None:
    first, second = sizes
    made = Tree(map(leaf, LEAVES)).consistency(first, second)
    assert [step.hex() for step in made] == path
    roots = bytes.fromhex(ROOTS[first]), bytes.fromhex(ROOTS[second])
    assert extends(first, roots[0], second, roots[1], made)


@given(sizes)
def test_every_way_to_a_root_is_the_definition(size: int) -> None:
    leaves = hashed(70)
    root = by_definition(leaves[:size])
    assert Tree(leaves).root(size) == root
    assert grown(leaves[:size]).root() == root


@given(sizes, sizes)
def test_an_appender_goes_on_from_what_it_kept(one: int, other: int) -> None:
    first, second = sorted((one, other))
    leaves = hashed(second)
    kept = Tree(leaves).frontier(first)
    assert len(kept.peaks) == first.bit_count()
    again = Frontier(kept.size, kept.peaks)
    for more in leaves[first:]:
        again.add(more)
    assert again.root() == by_definition(leaves)


@given(sizes, st.data())
def test_an_inclusion_shows_its_leaf_at_its_place_only(size: int, data: st.DataObject) -> None:
    leaves = hashed(size)
    tree = Tree(leaves)
    index = data.draw(st.integers(0, size - 1))
    root, path = tree.root(size), tree.inclusion(index, size)
    assert len(path) <= (size - 1).bit_length()
    assert includes(root, size, index, leaves[index], path)
    assert not includes(root, size, index, leaf(b"another"), path)
    assert not includes(leaf(b"another"), size, index, leaves[index], path)
    assert not includes(root, size, index, leaves[index], [*path, root])
    assert not path or not includes(root, size, index, leaves[index], path[:-1])
    other = data.draw(st.integers(-2, size + 2))
    assert other == index or not includes(root, size, other, leaves[index], path)


@given(sizes, sizes, st.data())
def test_a_consistency_shows_that_nothing_earlier_was_changed(
    one: int, other: int, data: st.DataObject
) -> None:
    first, second = sorted((one, other))
    leaves = hashed(second)
    tree = Tree(leaves)
    roots, path = (tree.root(first), tree.root(second)), tree.consistency(first, second)
    assert len(path) <= second.bit_length() + 1
    assert extends(first, roots[0], second, roots[1], path)
    assert not extends(first, leaf(b"another"), second, roots[1], path)
    assert not extends(first, roots[0], second, leaf(b"another"), path)
    assert not extends(first, roots[0], second, roots[1], [*path, roots[0]])
    changed = data.draw(st.integers(0, first - 1))
    forged = Tree([*leaves[:changed], leaf(b"forged"), *leaves[changed + 1 :]])
    assert not extends(
        first, roots[0], second, forged.root(second), forged.consistency(first, second)
    )


@given(sizes, sizes, st.lists(st.binary(min_size=32, max_size=32), max_size=8))
def test_a_made_up_proof_proves_nothing_and_raises_nothing(
    one: int, other: int, path: list[bytes]
) -> None:
    roots = leaf(b"one"), leaf(b"other")
    assert not extends(one, roots[0], other, roots[1], path)
    assert not includes(roots[0], one, other, roots[1], path)


def test_a_node_cannot_pass_as_a_leaf() -> None:
    one, other = hashed(2)
    assert node(one, other) != leaf(one + other)


def test_a_proof_of_what_is_not_there_is_refused() -> None:
    tree = Tree(hashed(5))
    for wrong in (
        lambda: tree.root(6),
        lambda: tree.frontier(-1),
        lambda: tree.inclusion(5, 5),
        lambda: tree.inclusion(-1, 5),
        lambda: tree.inclusion(0, 6),
        lambda: tree.consistency(0, 5),
        lambda: tree.consistency(4, 3),
    ):
        with pytest.raises(IndexError, match="expected"):
            wrong()


def test_peaks_that_are_not_of_that_size_are_refused() -> None:
    with pytest.raises(ValueError, match="expected 2 peaks of a tree of 5, saw 1"):
        Frontier(5, [leaf(b"")])


def test_a_record_is_a_leaf_by_the_bytes_of_its_hash() -> None:
    assert record_leaf("00" * 32) == leaf(bytes(32))
    with pytest.raises(ValueError, match="non-hexadecimal"):
        record_leaf("not a hash")


@given(old=st.integers(1, 70), more=st.integers(0, 70))
def test_a_tree_that_forgot_its_leaves_proves_the_same_of_what_was_added(
    old: int, more: int
) -> None:
    leaves = [leaf(bytes([at])) for at in range(old + more)]
    tree = Tree(leaves)
    assert extended(tree.frontier(old), leaves[old:]) == tree.consistency(old, old + more)


def test_nothing_extends_no_tree() -> None:
    with pytest.raises(IndexError):
        extended(Frontier(), [leaf(b"")])
