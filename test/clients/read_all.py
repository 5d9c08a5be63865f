"""Reads a topic with Confluent's own client and deserializer, given nothing but the addresses.

Prints one JSON line per record: {"type", "key", "value"}; bytes as {"$hex"}, long integers as {"$big"}, timestamps as milliseconds.
"""

import datetime
import json
import sys

from confluent_kafka import Consumer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

POLL_S = 30
LARGEST_NUMBER = 2**53 - 1


def plain(value):
    if isinstance(value, bytes):
        return {"$hex": value.hex()}
    if isinstance(value, datetime.datetime):
        epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
        return (value - epoch) // datetime.timedelta(milliseconds=1)
    if isinstance(value, int) and abs(value) > LARGEST_NUMBER:
        return {"$big": str(value)}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def main(brokers, registry, topic, count):
    deserialize = AvroDeserializer(SchemaRegistryClient({"url": registry}))
    consumer = Consumer({
        "bootstrap.servers": brokers,
        "group.id": f"{topic}-python",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "isolation.level": "read_committed",
    })
    consumer.subscribe([topic])
    try:
        for _ in range(count):
            message = consumer.poll(POLL_S)
            if message is None:
                sys.exit(f"no record within {POLL_S} s")
            if message.error() is not None:
                sys.exit(str(message.error()))
            value = deserialize(message.value(), SerializationContext(topic, MessageField.VALUE))
            headers = {name: text.decode() for name, text in message.headers()}
            print(json.dumps({"type": headers["event-type"], "key": message.key().decode(), "value": plain(value)}))
    finally:
        consumer.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
