"""pymodbus as a PZEM-004T v3 on a serial line, in a process of its own: `python … pzem_peer.py PORT`.

It answers as unit 1 and is silent to all others, as the real one is. Standard input takes `draw TENTHS_OF_W
MILLIAMPERES` and `energy WH`; while it draws more than 20 W its counter grows by 1 Wh every 50 ms. Each order
is answered by one line.
"""

from __future__ import annotations

import asyncio
import sys

from pymodbus.server import ModbusSerialServer
from pymodbus.simulator import DataType, SimData, SimDevice

VOLTS, AMPERES, WATTS, ENERGY = 0, 1, 3, 5
FIRST = [2304, 4321, 0, 9805, 0, 70123 & 0xFFFF, 70123 >> 16, 500, 98, 0]
"""230.4 V, 4.321 A, 980.5 W, 70123 Wh, 50.0 Hz, 0.98, no alarm; low words first (user manual, 2.3)."""


class Meter:
    """The registers of the meter; pymodbus makes the frames."""

    def __init__(self) -> None:
        self.registers = list(FIRST)
        data = SimData(0, values=list(FIRST), datatype=DataType.REGISTERS)
        self.device = SimDevice(1, simdata=[data], action=self.asked)

    async def asked(
        self,
        function: int,
        first: int,
        address: int,
        count: int,
        served: list[int],
        values: list[int] | list[bool] | None,
    ) -> None:
        """Show what is measured at this moment."""
        served[: len(self.registers)] = self.registers

    def put(self, register: int, value: int) -> None:
        self.registers[register : register + 2] = [value & 0xFFFF, value >> 16]

    def get(self, register: int) -> int:
        low, high = self.registers[register : register + 2]
        return low | high << 16

    async def turn(self) -> None:
        while True:
            await asyncio.sleep(0.05)
            if self.get(WATTS) > 200:
                self.put(ENERGY, self.get(ENERGY) + 1)

    def order(self, line: str) -> None:
        name, *numbers = line.split()
        if name == "draw":
            self.put(WATTS, int(numbers[0]))
            self.put(AMPERES, int(numbers[1]))
        elif name == "energy":
            self.put(ENERGY, int(numbers[0]))


def own(sending: bool, data: bytes) -> bytes:
    """Say nothing in another unit's place; pymodbus 3.16 answers with an error, whatever it is told."""
    return b"" if sending and data[:1] != b"\x01" else data


async def main(port: str) -> None:
    meter = Meter()
    server = ModbusSerialServer(meter.device, port=port, baudrate=9600, trace_packet=own)
    loop = asyncio.get_running_loop()
    serving = [loop.create_task(server.serve_forever()), loop.create_task(meter.turn())]
    await asyncio.sleep(0.2)  # it says nothing when its port is open
    print("ready", flush=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        meter.order(line)
        print("done", flush=True)
    for task in serving:
        task.cancel()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
