"""MQTT: subscribes to the topics of the device profiles and writes what the messages say."""

from __future__ import annotations

from hiroba.agents.mqtt.client import MqttClient
from hiroba.agents.mqtt.translate import Topics
from hiroba.sdk import Agent


def setup(agent: Agent) -> None:
    """Subscribe to what the profiles name; without a broker in the settings there is nothing to do."""
    topics = Topics(agent.profiles.values())
    agent.translate(topics.readings)
    if not agent.settings["host"]:
        agent.status.idle = True
        return
    agent.background(MqttClient(agent, topics.filters()).run, name="broker")
