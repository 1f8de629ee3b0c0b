"""What badge readers put on their serial line, written from their data sheets and not from our parser."""


def rdm6300(uid: bytes) -> bytes:
    """STX, ten hex digits, two hex digits of the XOR of the five bytes, ETX (RDM6300 data sheet)."""
    checksum = 0
    for byte in uid:
        checksum ^= byte
    return b"\x02" + uid.hex().upper().encode() + f"{checksum:02X}".encode() + b"\x03"
