"""The client for programs without asyncio. It needs the standard library only, and may be shared by threads."""

import time
from collections.abc import Callable, Mapping
from ssl import SSLContext
from types import TracebackType
from typing import Any, Self

from esb.client.answers import Answer, SendAnswer
from esb.client.attempts import Attempts, Calling, Exchange, Options, Pause, Reply, Sending
from esb.client.caller import Caller
from esb.client.connections import Connections
from esb.client.errors import NoAnswer
from esb.client.settings import Settings


class Client(Caller):
    """A client of the gateway at `url`, for the app of this code and secret.

    `bk_username` or `bk_token` says for which user it calls; `language` (en or zh-hans) in which the gateway answers.
    `timeout` bounds a call with all its attempts, `attempt_timeout` each of them, in seconds; `retries` is how many
    follow the first. `tls` is another context than the standard library's default, which verifies certificates: for a
    certificate authority of your own.

    A call returns its answer or raises EsbError. Close the client, or use it in a `with`.
    """

    def __init__(
        self,
        url: str,
        app_code: str,
        app_secret: str,
        *,
        bk_username: str = "",
        bk_token: str = "",
        language: str = "",
        timeout: float = 60.0,
        attempt_timeout: float = 35.0,
        retries: int = 3,
        tls: SSLContext | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(
            Settings(url, app_code, app_secret, bk_username, bk_token, language, timeout, attempt_timeout, retries)
        )
        self._connections = Connections(url, tls)
        self._sleep = sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections. The client still works, and opens new ones."""
        self._connections.close()

    def call(
        self,
        component: str,
        params: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
        dry_run: bool = False,
        test_environment: bool = False,
        timeout: float | None = None,
    ) -> Answer:
        """Call any component, such as `cmsi/get_msg_type`. A lost answer is asked for again only with a key.

        EsbError tells why it failed.
        """
        options = Options(idempotency_key, dry_run, test_environment, timeout)
        answer: Answer = self._run(Calling(self._settings, component, params or {}, options).answer())
        return answer

    def send(
        self,
        component: str,
        params: Mapping[str, Any],
        *,
        idempotency_key: str | None = None,
        dry_run: bool = False,
        test_environment: bool = False,
        timeout: float | None = None,
    ) -> SendAnswer:
        """Send a message by a component that sends, such as `cmsi/send_weixin`; a key is made where none is given.

        Give one of your own to repeat the call after a crash of your program. Returns if all receivers were accepted;
        else EsbError, with `answer` where the gateway told of receivers.
        """
        options = Options(idempotency_key, dry_run, test_environment, timeout)
        answer: SendAnswer = self._run(Sending(self._settings, component, params, options).answer())
        return answer

    def _run(self, attempts: Attempts) -> Any:
        result: Reply | NoAnswer | None = None
        while True:
            try:
                step: Exchange | Pause = attempts.send(result)
            except StopIteration as ended:
                return ended.value
            result = None
            if isinstance(step, Pause):
                self._sleep(step.seconds)
            else:
                result = self._connections.exchange(step)
