"""The protocol of the server's connections, with an end to its patience: for who sends slowly, or takes nothing."""

import asyncio
from typing import Any

from knowscape.page.limits import Limits

__all__ = ["patient"]


def patient(limits: Limits) -> type[asyncio.Protocol]:
    """Return uvicorn's HTTP/1.1 with deadlines for requests and answers, and so many connections for each client.

    uvicorn itself waits for ever for the rest of a request, and for a reader who takes nothing of an answer.
    """
    import h11
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class Patient(H11Protocol):
        _sending: asyncio.TimerHandle | None = None
        _taking: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            clients = [one.client[0] for one in self.connections if isinstance(one, H11Protocol) and one.client]
            if self.client and clients.count(self.client[0]) > limits.each:
                transport.abort()
            else:
                self._sending = self.loop.call_later(limits.sending, transport.abort)

        def connection_lost(self, exc: Exception | None) -> None:
            for timer in (self._sending, self._taking):
                if timer is not None:
                    timer.cancel()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._watch()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self._watch()

        def _watch(self) -> None:
            """See that a request which has begun to arrive, or whose body nobody waits for, ends in time."""
            state: Any = self.conn.their_state
            begun = state is h11.SEND_BODY or (state is h11.IDLE and bool(self.conn.trailing_data[0]))
            if self._sending is not None and not begun:
                self._sending.cancel()
                self._sending = None
            elif self._sending is None and begun:
                self._sending = self.loop.call_later(limits.sending, self.transport.abort)

        def pause_writing(self) -> None:
            super().pause_writing()
            self._taking = self.loop.call_later(limits.stalled, self.transport.abort)

        def resume_writing(self) -> None:
            super().resume_writing()
            if self._taking is not None:
                self._taking.cancel()
                self._taking = None

    return Patient
