"""Map strings to 32-bit numbers in at most 28 bytes an entry, for millions of entries."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator

_WORD = 2**64 - 1
_SEGMENT_BITS = 8
_SEGMENTS = 1 << _SEGMENT_BITS
_GROWTH = 1.5
_FULLEST = 0.65  # of a segment; with _GROWTH and 12 bytes a slot, an entry never takes more than 28 bytes
_SMALLEST = 8  # slots
_LARGEST_VALUE = 2**32 - 1


class _Segment:
    """A hash table with linear probing over two arrays: 64-bit keys (0 is an empty slot), 32-bit values."""

    __slots__ = ("count", "keys", "most", "values")

    def __init__(self, slots: int) -> None:
        self.keys = array("Q", bytes(8 * slots))
        self.values = array("I", bytes(4 * slots))
        self.count = 0
        self.most = int(slots * _FULLEST)

    def put(self, key: int, value: int) -> None:
        """Set *key* to *value*. There must be an empty slot."""
        keys = self.keys
        slots = len(keys)
        i = key % slots
        while keys[i]:
            if keys[i] == key:
                self.values[i] = value
                return
            i += 1
            if i == slots:
                i = 0
        # Write the value first: a thread that reads without a lock must not find a key without its value.
        self.values[i] = value
        keys[i] = key
        self.count += 1

    def items(self) -> Iterator[tuple[int, int]]:
        """Yield every key with its value."""
        for key, value in zip(self.keys, self.values, strict=True):
            if key:
                yield key, value


class CompactMap:
    """Maps strings to numbers from 1 to 2**32 - 1, at most 28 bytes each, in segments that grow one by one.

    A small map is a plain dict. A larger map stores only a 64-bit hash of each string. CPython seeds this hash with a
    random number per process. The probability that one string is mistaken for another is about len / 2**64.

    One thread at a time may write; reading needs no lock.

    :param small: number of entries up to which the map stays a dict.
    """

    __slots__ = ("_segments", "_small", "_swept", "_table")

    def __init__(self, *, small: int = 50_000) -> None:
        self._small = small
        self._table: dict[str, int] | None = {}
        self._segments: list[_Segment] = []
        self._swept = 0

    def __len__(self) -> int:
        table = self._table
        return len(table) if table is not None else sum(segment.count for segment in self._segments)

    def get(self, text: str) -> int:
        """Return the number of *text*, or 0."""
        table = self._table
        if table is not None:
            return table.get(text, 0)
        key = hash(text) & _WORD or 1
        segment = self._segments[key >> 64 - _SEGMENT_BITS]
        keys = segment.keys
        slots = len(keys)
        i = key % slots
        while found := keys[i]:
            if found == key:
                return segment.values[i]
            i += 1
            if i == slots:
                i = 0
        return 0

    def put(self, text: str, value: int, *, dead: Callable[[int], bool] | None = None) -> None:
        """Set *text* to *value*.

        :param dead: returns whether an entry with this value may be removed when a segment is full.
        """
        value = min(max(value, 1), _LARGEST_VALUE)
        table = self._table
        if table is not None:
            table[text] = value
            if len(table) > self._small:
                self._spread(table, dead, len(table))
            return
        self._put(hash(text) & _WORD or 1, value, dead)

    def put_all(self, entries: Iterable[tuple[str, int]], *, dead: Callable[[int], bool] | None = None) -> None:
        """Set many entries, faster than :meth:`put` for each. A worker loads up to a million when it starts."""
        for text, value in entries:
            key = hash(text) & _WORD or 1
            segment = None if self._table is not None else self._segments[key >> 64 - _SEGMENT_BITS]
            if segment is None or segment.count >= segment.most or not 0 < value <= _LARGEST_VALUE:
                self.put(text, value, dead=dead)
                continue
            keys = segment.keys
            slots = len(keys)
            i = key % slots
            while found := keys[i]:
                if found == key:
                    break
                i += 1
                if i == slots:
                    i = 0
            else:
                segment.count += 1
            segment.values[i] = value
            keys[i] = key

    def reserve(self, entries: int) -> None:
        """Allocate memory for about *entries* entries at once, so that a worker with a million grows no segment."""
        table = self._table
        if table is not None and entries > self._small:
            self._spread(table, None, entries)

    def sweep(self, dead: Callable[[int], bool]) -> None:
        """Remove dead entries from the dict, or from one segment. Each call takes the next segment."""
        table = self._table
        if table is not None:
            if any(map(dead, list(table.values()))):
                self._table = {text: value for text, value in list(table.items()) if not dead(value)}
            return
        i = self._swept = (self._swept + 1) % _SEGMENTS
        segment = self._segments[i]
        living = sum(not dead(value) for _, value in segment.items())
        if living < segment.count:
            self._segments[i] = _rebuilt(segment, living, dead)

    def _spread(self, table: dict[str, int], dead: Callable[[int], bool] | None, entries: int) -> None:
        self._segments = [_Segment(_slots(entries // _SEGMENTS)) for _ in range(_SEGMENTS)]
        for text, value in table.items():
            self._put(hash(text) & _WORD or 1, value, dead)
        self._table = None

    def _put(self, key: int, value: int, dead: Callable[[int], bool] | None) -> None:
        i = key >> 64 - _SEGMENT_BITS
        segment = self._segments[i]
        if segment.count >= segment.most:
            living = segment.count
            if dead is not None:
                living = sum(not dead(value) for _, value in segment.items())
            segment = self._segments[i] = _rebuilt(segment, living + 1, dead)
        segment.put(key, value)


def _slots(entries: int) -> int:
    return max(_SMALLEST, int(entries / _FULLEST * _GROWTH) + 1)


def _rebuilt(segment: _Segment, entries: int, dead: Callable[[int], bool] | None) -> _Segment:
    new = _Segment(_slots(entries))
    for key, value in segment.items():
        if dead is None or not dead(value):
            new.put(key, value)
    return new
