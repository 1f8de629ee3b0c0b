"""What badge readers put on their serial line, written from their data sheets and not from our parser."""


def rdm6300(uid: bytes) -> bytes:
    """STX, ten hex digits, two hex digits of the XOR of the five bytes, ETX (RDM6300 data sheet)."""
    checksum = 0
    for byte in uid:
        checksum ^= byte
    return b"\x02" + uid.hex().upper().encode() + f"{checksum:02X}".encode() + b"\x03"


def id12(uid: bytes) -> bytes:
    """As an RDM6300's, with CR LF before the ETX (ID-12 data sheet)."""
    return rdm6300(uid)[:-1] + b"\r\n\x03"


def wiegand(uid: bytes, bits: int) -> bytes:
    """A microcontroller's line of such a badge."""
    return wiegand_line(bits, wiegand_frame(uid, bits))


def wiegand_frame(uid: bytes, bits: int) -> int:
    """The frame, bit by bit: even parity, `uid` in bits - 2 bits, odd parity."""
    number = int.from_bytes(uid, "big")
    data = [number >> place & 1 for place in range(bits - 3, -1, -1)]
    covered = bits // 2 if bits % 2 else (bits - 2) // 2  # 18 of 35 bits in a frame of 37
    even = sum(data[:covered]) % 2
    odd = 1 - sum(data[-covered:]) % 2
    text = "".join(map(str, [even, *data, odd]))
    return int(text, 2)


def osdp_raw(frame: int, bits: int) -> bytes:
    """The card's data in an osdp_RAW reply: the first bit is the highest, zeros fill the last byte."""
    return (frame << (-bits % 8)).to_bytes(-(-bits // 8), "big")


def wiegand_line(bits: int, frame: int) -> bytes:
    """The line of a microcontroller that caught these bits, as docs/wiring/wiegand.md defines it."""
    line = f"W{bits}:{frame:0{-(-bits // 4)}X}"
    check = 0
    for character in line.encode():
        check ^= character
    return f"{line}*{check:02X}\r\n".encode()
