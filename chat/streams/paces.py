"""How many requests a person may send to the door, as sockets count frames."""

from collections import OrderedDict

from django.conf import settings

from chat.consumers.rates import FrameBucket
from chat.services.errors import RateLimited

REMEMBERED_PEOPLE = 10_000


class Paces:
    """A bucket for each person, in this process."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[int, FrameBucket] = OrderedDict()

    def take(self, person_id: int, cost: float = 1.0) -> None:
        """Count a request that asks for `cost` things. Raises RateLimited."""
        limits = settings.SOCKETS
        bucket = self._buckets.pop(person_id, None)
        if bucket is None:
            bucket = FrameBucket(limits.frames_per_second, limits.frames_burst)
        self._buckets[person_id] = bucket
        if len(self._buckets) > REMEMBERED_PEOPLE:
            self._buckets.popitem(last=False)
        if wait_seconds := bucket.take(min(cost, limits.frames_burst)):
            raise RateLimited(
                "Too many requests at once. Wait a moment and send again.",
                retry_after_seconds=round(wait_seconds, 2),
            )
