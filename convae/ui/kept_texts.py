"""Texts that are expensive to make, such as encoded images, kept in memory up to a size."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable


class KeptTexts:
    """At most `most` characters of texts by key; those not asked for the longest time go first.

    Shared by all sessions. Its overhead is a few microseconds; `st.cache_data` takes 0.1 ms.
    """

    def __init__(self, most: int):
        self.most, self.size = most, 0
        self._lock = threading.Lock()
        self._texts: OrderedDict[Hashable, str] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], str]) -> str:
        """The text of this key, made by `make` if it is not kept."""
        with self._lock:
            if key in self._texts:
                self._texts.move_to_end(key)
                return self._texts[key]
        text = make()
        with self._lock:
            self.size += len(text) - len(self._texts.pop(key, ""))
            self._texts[key] = text
            while self.size > self.most and len(self._texts) > 1:
                self.size -= len(self._texts.popitem(last=False)[1])
        return text
