"""Holds the embedded broker to the floor's password file and access list, as Mosquitto does by itself."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from amqtt.broker import Broker
from amqtt.contexts import Action, BaseContext
from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin
from amqtt.session import Session

from booking_api.broker.plan import Access, allows, parse_acl, parse_passwords, password_fits


class FloorBroker(Broker):  # type: ignore[misc] # amqtt ships no types
    """amqtt 0.12, less two faults.

    To whoever reconnects it sends retained messages of everybody's subscriptions; and messages that it has
    acknowledged are lost when their sender leaves before they were passed on.
    """

    async def _publish_retained_messages_for_subscription(
        self, subscription: tuple[str, int], session: Session
    ) -> None:
        if any(subscriber is session for subscriber, _ in self.subscriptions.get(subscription[0], [])):
            await super()._publish_retained_messages_for_subscription(subscription, session)

    async def _client_message_loop(self, client_session: Session, handler: BrokerProtocolHandler) -> None:
        await super()._client_message_loop(client_session, handler)
        accepted = client_session.delivered_message_queue
        while not accepted.empty():
            message = asyncio.get_running_loop().create_future()
            message.set_result(accepted.get_nowait())
            await self._handle_message_delivery(client_session, handler, message)


class Doorkeeper(BaseAuthPlugin, BaseTopicPlugin):  # type: ignore[misc] # amqtt ships no types
    """Lets in who knows a password, and to a topic only whom the access list names.

    Two things that amqtt leaves open are closed here: a last will is published without a look at the access
    list, and a client identifier taken over by another user would hand over the first one's queue.
    """

    @dataclass
    class Config:
        """Where the two files lie."""

        passwords: str
        acl: str

    def __init__(self, context: BaseContext) -> None:
        super().__init__(context)
        config: Doorkeeper.Config = self.config
        self._hashes = parse_passwords(Path(config.passwords).read_text())
        self._rules = parse_acl(Path(config.acl).read_text())
        self._owners: dict[str, str] = {}

    async def authenticate(self, *, session: Session) -> bool:
        """Whether name and password fit, and the last will and the client identifier are the user's own."""
        name, hashed = session.username or "", self._hashes.get(session.username or "")
        if hashed is None or not password_fits(session.password or "", hashed):
            return False
        if session.will_flag and not allows(self._rules[name], Access.WRITE, session.will_topic or ""):
            return False
        if session.clean_session or not session.client_id:
            return True
        return self._owners.setdefault(session.client_id, name) == name

    async def topic_filtering(
        self, *, session: Session | None = None, topic: str | None = None, action: Action | None = None
    ) -> bool:
        """Whether the access list lets this user publish, subscribe to or receive this topic."""
        if session is None or not topic:
            return False
        access = Access.WRITE if action is Action.PUBLISH else Access.READ
        return allows(self._rules.get(session.username or "", ()), access, topic)
