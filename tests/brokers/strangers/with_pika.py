"""A service and a client of RabbitMQ, written with pika, that knows nothing but docs/brokers.md.

Standard input: {"call": {"protocol", "key", "operation", "payload"}} and {"tell": …} and
{"publish": {"event", "subject", "payload"}}. Standard output: {"ready"}, {"served"}, {"heard"}, {"answer"}.
"""

import json
import sys
import threading
import uuid

import pika

config = json.loads(sys.argv[1])
parameters = pika.URLParameters(config["url"])
connection = pika.BlockingConnection(parameters)
channel = connection.channel()


def say(what, value):
    print(json.dumps({what: value}), flush=True)


def text(value):
    return value.decode() if isinstance(value, bytes) else value


def describe(method, properties, body):
    return {
        "key": method.routing_key,
        "operation": properties.type,
        "payload": json.loads(body) if body else None,
        "contentType": properties.content_type,
        "messageId": properties.message_id,
        "correlationId": properties.correlation_id,
        "headers": {name: text(value) for name, value in (properties.headers or {}).items()},
    }


def on_command(channel, method, properties, body):
    command = describe(method, properties, body)
    say("served", command)
    if properties.reply_to:
        if command["operation"] == "quote":
            content_type = "application/json"
            answer = {"to": command["key"], "cents": command["payload"]["kg"] * 100}
        else:
            content_type = "application/problem+json"
            answer = {"code": "unknown-operation", "detail": "There is no " + str(command["operation"])}
        channel.basic_publish(
            "",
            properties.reply_to,
            json.dumps(answer),
            pika.BasicProperties(content_type=content_type, correlation_id=properties.correlation_id),
        )
    channel.basic_ack(method.delivery_tag)


def on_event(channel, method, properties, body):
    say("heard", describe(method, properties, body))
    channel.basic_ack(method.delivery_tag)


def on_answer(channel, method, properties, body):
    say("answer", describe(method, properties, body))


serves = config["serves"]
channel.exchange_declare(serves, "topic", durable=True)
channel.queue_declare(serves, durable=True, arguments={"x-queue-type": "quorum"})
channel.queue_bind(serves, serves, "#")
channel.basic_consume(serves, on_command)

channel.exchange_declare("posthorn.events", "topic", durable=True)
events = channel.queue_declare("", exclusive=True).method.queue
channel.queue_bind(events, "posthorn.events", config["hears"] + ".#")
channel.queue_bind(events, "posthorn.events", config["hears"])
channel.basic_consume(events, on_event)

answers = channel.queue_declare("", exclusive=True).method.queue
channel.basic_consume(answers, on_answer, auto_ack=True)


def send(command):
    (verb, what), = command.items()
    properties = pika.BasicProperties(
        content_type="application/json", message_id=str(uuid.uuid4()), headers=what.get("headers")
    )
    body = json.dumps(what["payload"]) if "payload" in what else b""
    if verb == "publish":
        key = ".".join(part for part in (what["event"], what.get("subject")) if part)
        channel.basic_publish("posthorn.events", key, body, properties)
        return
    properties.type = what["operation"]
    properties.message_id = what.get("id", properties.message_id)
    if verb == "call":
        properties.reply_to = answers
        properties.correlation_id = what.get("correlationId", properties.message_id)
    channel.basic_publish(what["protocol"], what["key"], body, properties)


def read_commands():
    for line in sys.stdin:
        command = json.loads(line)
        connection.add_callback_threadsafe(lambda command=command: send(command))
    connection.add_callback_threadsafe(channel.stop_consuming)


threading.Thread(target=read_commands, daemon=True).start()
say("ready", True)
channel.start_consuming()
connection.close()
