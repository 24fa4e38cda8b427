"""Talks to the broker with Qpid Proton and prints what came of it as one JSON object.

Usage: client.py PORT KEY. The queue is `builds`.
"""

import base64
import hashlib
import hmac
import json
import sys
import time
import urllib.parse

from proton import Condition, Delivery, Link, Message, byte, int32, symbol, ubyte, ulong
from proton.reactor import LinkOption
from proton.utils import BlockingConnection, LinkDetached, SendException

PORT, KEY = sys.argv[1:]


class PeekLock(LinkOption):
    """The sender sends unsettled, the receiver settles second."""

    def apply(self, link):
        link.snd_settle_mode = Link.SND_UNSETTLED
        link.rcv_settle_mode = Link.RCV_SECOND


def type_name(value):
    return type(value).__name__


def kinds(entries):
    return {str(key): type_name(value) for key, value in entries.items()}


def connect():
    return BlockingConnection(f"amqp://127.0.0.1:{PORT}", timeout=5, allowed_mechs="ANONYMOUS")


def shared_access_signature():
    resource = urllib.parse.quote("sb://127.0.0.1/builds", safe="")
    expiry = int(time.time()) + 60
    digest = hmac.new(KEY.encode(), f"{resource}\n{expiry}".encode(), hashlib.sha256).digest()
    signature = urllib.parse.quote(base64.b64encode(digest), safe="")
    return f"SharedAccessSignature sr={resource}&sig={signature}&se={expiry}&skn=RootManageSharedAccessKey"


class Node:
    """Requests to one node and their replies."""

    def __init__(self, connection, address, status):
        # rhea knows links by name only, so a sender and a receiver must not share one
        self.sender = connection.create_sender(address, name=f"{address}-requests")
        self.receiver = connection.create_receiver(address, name=f"{address}-replies")
        self.reply_to = f"{address}-replies"
        self.status = status

    def call(self, body, **properties):
        request = Message(id="request-1", reply_to=self.reply_to, properties=properties, body=body)
        self.sender.send(request)
        reply = self.receiver.receive(timeout=5)
        self.receiver.accept()
        return {
            "status": reply.properties[self.status],
            "correlation": reply.correlation_id,
            "condition": str(reply.properties.get("errorCondition")),
            "body": reply.body,
        }


class Receiver:
    def __init__(self, connection, address, name):
        self.connection = connection
        self.link = connection.create_receiver(address, name=name, credit=0, options=[PeekLock()])

    def receive(self):
        message = self.link.receive(timeout=5)
        return message, self.link.fetcher.unsettled.popleft()

    def settle(self, delivery, outcome):
        """Says the outcome, waits for the broker's word on it, and returns that word."""
        delivery.update(outcome)
        self.connection.wait(lambda: delivery.settled, msg="the broker's settlement")
        answer = str(delivery.remote_state)
        delivery.settle()
        return answer


def main():
    results = {}

    stranger = connect()
    try:
        stranger.create_sender("builds")
    except LinkDetached as error:
        results["without_token"] = str(error.condition)
    stranger.close()

    connection = connect()
    token = Node(connection, "$cbs", "status-code").call(
        shared_access_signature(), operation="put-token", type="servicebus.windows.net:sastoken", name="sb://127.0.0.1/builds"
    )
    results["token"] = {"status": token["status"], "correlation": token["correlation"]}

    sender = connection.create_sender("builds", name="sender")
    properties = {"int": int32(7), "ulong": ulong(5), "byte": byte(-3), "long": 5, "text": "x", "float": 1.5, "flag": True}
    body = {"ulong": ulong(2**40), "ubyte": ubyte(9), "list": [1, "two"], "symbol": symbol("s")}
    sent = Message(id="m1", body=body, properties=properties, subject="rollout", ttl=30, durable=True, priority=7)
    sent.annotations = {symbol("x-mine"): int32(1)}
    results["send"] = str(sender.send(sent).remote_state)

    receiver = Receiver(connection, "builds", "receiver")
    message, delivery = receiver.receive()
    results["message"] = {
        "id": message.id,
        "subject": message.subject,
        "durable": message.durable,
        "priority": message.priority,
        "ttl": message.ttl,
        "delivery_count": message.delivery_count,
        "body_is_the_same": message.body == body,
        "body_kinds": kinds(message.body),
        "properties_are_the_same": message.properties == properties,
        "property_kinds": kinds(message.properties),
        "annotation_kinds": kinds(message.annotations),
        "sequence_number": message.annotations[symbol("x-opt-sequence-number")],
        "tag_bytes": len(delivery.tag.encode("utf-8", "surrogateescape")),
    }
    results["accept"] = receiver.settle(delivery, Delivery.ACCEPTED)

    sender.send(Message(id="m2", body="modify me", properties={"kept": ulong(5)}))
    message, delivery = receiver.receive()
    delivery.local.failed = True
    delivery.local.undeliverable = False
    delivery.local.annotations = {symbol("why"): int32(3)}
    modify = receiver.settle(delivery, Delivery.MODIFIED)
    message, delivery = receiver.receive()
    results["modify"] = {
        "answer": modify,
        "delivery_count": message.delivery_count,
        "properties": message.properties,
        "property_kinds": kinds(message.properties),
    }

    info = {symbol("DeadLetterReason"): "bad", symbol("DeadLetterErrorDescription"): "not a policy"}
    delivery.local.condition = Condition("com.microsoft:dead-letter", "dead", info)
    reject = receiver.settle(delivery, Delivery.REJECTED)
    dead = Receiver(connection, "builds/$DeadLetterQueue", "dead-letters")
    message, delivery = dead.receive()
    results["reject"] = {
        "answer": reject,
        "reason": message.properties["DeadLetterReason"],
        "description": message.properties["DeadLetterErrorDescription"],
        "source": message.annotations[symbol("x-opt-deadletter-source")],
    }
    dead.settle(delivery, Delivery.ACCEPTED)

    sender.send(Message(id="m3", body="peek me"))
    management = Node(connection, "builds/$management", "statusCode")
    prefix = "com.microsoft:"
    peeked = management.call({"from-sequence-number": 1, "message-count": int32(5)}, operation=prefix + "peek-message")
    found = Message()
    found.decode(bytes(peeked["body"]["messages"][0]["message"]))
    results["peek"] = {
        "status": peeked["status"],
        "correlation": peeked["correlation"],
        "count": len(peeked["body"]["messages"]),
        "id": found.id,
        "body": found.body,
    }
    nothing = management.call({"from-sequence-number": 99, "message-count": int32(5)}, operation=prefix + "peek-message")
    results["peek_nothing"] = nothing["status"]
    unknown = management.call({}, operation=prefix + "purge")
    results["unknown_operation"] = {"status": unknown["status"], "condition": unknown["condition"]}

    try:
        connection.create_sender("missing", name="missing")
    except LinkDetached as error:
        results["missing_queue"] = str(error.condition)
    try:
        sender.send(Message(id="m4", body=b"\0" * 300_000))
    except SendException as error:
        results["too_large"] = str(error)

    connection.close()
    print(json.dumps(results))


main()
