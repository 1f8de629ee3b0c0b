"""The MQTT broker between gateways and server: who may say what, and a process that holds them to it.

plan.py          identities -> configuration, password file and access list (pure)
certificates.py  the floor's own certificate authority
process.py       starts Mosquitto, or the embedded broker where Mosquitto is not on the machine
embedded.py      amqtt in a process of its own, held to the same files by doorkeeper.py
"""
