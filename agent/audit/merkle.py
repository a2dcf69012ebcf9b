"""A tree over the records' hashes, so that one signed root speaks for all of them (RFC 6962, 2.1).

Answers  which root a prefix has; that a record is in it; that a later tree extends an earlier one.
Never    reads records or signs: leaves come in, hashes go out.
Rules    - a leaf is hashed with 0 before it, a node with 1: no node can pass as a leaf.
         - `Frontier` is all an appender keeps: one hash for each full subtree, O(log n).
         - `Tree` keeps all hashes and makes proofs of at most ceil(log2 n) + 1 hashes.
         - a proof of a wrong length proves nothing; checking one never raises.
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256


def leaf(data: bytes) -> bytes:
    """Return the hash of a leaf."""
    return sha256(b"\0" + data).digest()


def node(left: bytes, right: bytes) -> bytes:
    """Return the hash of two subtrees."""
    return sha256(b"\1" + left + right).digest()


def record_leaf(digest: str) -> bytes:
    """Return the leaf of a record with this hash (hex); ValueError when it is none."""
    return leaf(bytes.fromhex(digest))


class Frontier:
    """A growing tree, kept as the roots of its full subtrees, the largest first."""

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        self.size = size
        self.peaks = list(peaks)
        if len(self.peaks) != size.bit_count():
            raise ValueError(
                f"expected {size.bit_count()} peaks of a tree of {size}, saw {len(self.peaks)}"
            )

    def add(self, hashed: bytes) -> None:
        """Add the hash of the next leaf."""
        self.size += 1
        for _ in range((self.size & -self.size).bit_length() - 1):
            hashed = node(self.peaks.pop(), hashed)
        self.peaks.append(hashed)

    def root(self) -> bytes:
        """Return the root of all leaves so far; that of none is the hash of nothing."""
        if not self.peaks:
            return sha256().digest()
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node(peak, root)
        return root


class Tree:
    """All leaves of a tree with the roots of its full subtrees: what proofs are made of."""

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self._levels: list[list[bytes]] = [[]]
        for hashed in leaves:
            self.add(hashed)

    def __len__(self) -> int:
        return len(self._levels[0])

    def add(self, hashed: bytes) -> None:
        """Add the hash of the next leaf."""
        for height, level in enumerate(self._levels):
            level.append(hashed)
            if len(level) % 2:
                return
            hashed = node(level[-2], level[-1])
            if height + 1 == len(self._levels):
                self._levels.append([])

    def root(self, size: int) -> bytes:
        """Return the root of the first leaves; IndexError when there are fewer."""
        return self.frontier(size).root()

    def frontier(self, size: int) -> Frontier:
        """Return the first leaves as an appender keeps them; IndexError when there are fewer."""
        self._holds(size)
        peaks, first = [], 0
        for height in reversed(range(size.bit_length())):
            if size >> height & 1:
                peaks.append(self._levels[height][first >> height])
                first += 1 << height
        return Frontier(size, peaks)

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """Prove that leaf `index` (from 0) is in the tree of `size`; IndexError when it is not."""
        self._holds(size)
        if not 0 <= index < size:
            raise IndexError(f"expected a leaf below {size}, saw {index}")
        first, last, path = 0, size, []
        while last - first > 1:
            middle = first + _split(last - first)
            if index < middle:
                path.append(self._over(middle, last))
                last = middle
            else:
                path.append(self._over(first, middle))
                first = middle
        return path[::-1]

    def consistency(self, first: int, second: int) -> list[bytes]:
        """Prove that the tree of `second` begins with that of `first`; IndexError unless it can."""
        self._holds(second)
        return _consistency(first, second, self._over)

    def _over(self, first: int, last: int) -> bytes:
        """Return the root over leaves `first` to `last - 1`, a subtree of some prefix."""
        count = last - first
        if count & (count - 1) == 0:
            height = count.bit_length() - 1
            return self._levels[height][first >> height]
        middle = first + _split(count)
        return node(self._over(first, middle), self._over(middle, last))

    def _holds(self, size: int) -> None:
        if not 0 <= size <= len(self):
            raise IndexError(f"expected at most {len(self)} leaves, saw {size}")


def includes(root: bytes, size: int, index: int, hashed: bytes, path: Sequence[bytes]) -> bool:
    """Whether a proof shows that the leaf with this hash has this place under the root."""
    if not 0 <= index < size:
        return False
    climbed = _climb(index, size - 1, hashed, hashed, path)
    return climbed is not None and climbed[1] == root


def extends(
    first: int, first_root: bytes, second: int, second_root: bytes, path: Sequence[bytes]
) -> bool:
    """Whether a proof shows that the second tree begins with all of the first."""
    if not 0 < first <= second:
        return False
    if first == second:
        return not path and first_root == second_root
    seed, rest = (first_root, path) if first & (first - 1) == 0 else (path and path[0], path[1:])
    if not seed:
        return False
    full = (first & -first).bit_length() - 1  # levels on which the first tree is complete
    climbed = _climb((first - 1) >> full, (second - 1) >> full, seed, seed, rest)
    return climbed == (first_root, second_root)


def _climb(
    at: int, last: int, old: bytes, new: bytes, path: Sequence[bytes]
) -> tuple[bytes, bytes] | None:
    """Follow a proof to the top (RFC 9162, 2.1.3.2 and 2.1.4.2): both roots, or None."""
    for step in path:
        if last == 0:
            return None
        if at & 1 or at == last:
            old, new = node(step, old), node(step, new)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            new = node(new, step)
        at, last = at >> 1, last >> 1
    return None if last else (old, new)


def extended(before: Frontier, leaves: Sequence[bytes]) -> list[bytes]:
    """Prove that `before` and these leaves begin with `before`; IndexError for an empty tree.

    It is the proof of `Tree.consistency`, made without the leaves that were there before.
    """
    places: dict[tuple[int, int], bytes] = {}
    first = 0
    for height in reversed(range(before.size.bit_length())):
        if before.size >> height & 1:
            places[first, first + (1 << height)] = before.peaks[len(places)]
            first += 1 << height

    def over(low: int, high: int) -> bytes:
        # What lies before is always a whole peak: the two trees split at the same places.
        if high <= before.size:
            return places[low, high]
        fresh = Frontier()
        for hashed in leaves[low - before.size : high - before.size]:
            fresh.add(hashed)
        return fresh.root()

    return _consistency(before.size, before.size + len(leaves), over)


def _consistency(first: int, second: int, over: Callable[[int, int], bytes]) -> list[bytes]:
    """Prove it by the roots over some of the leaves (RFC 9162, 2.1.4.1)."""
    if not 0 < first <= second:
        raise IndexError(f"expected 1 to {second} leaves, saw {first}")
    low, high, path = 0, second, []
    while high != first:
        middle = low + _split(high - low)
        if first <= middle:
            path.append(over(middle, high))
            high = middle
        else:
            path.append(over(low, middle))
            low = middle
    if low:  # the verifier knows the whole first tree, but not its last subtree
        path.append(over(low, high))
    return path[::-1]


def _split(count: int) -> int:
    """Return the largest power of two below a count of at least two."""
    return 1 << (count - 1).bit_length() - 1
