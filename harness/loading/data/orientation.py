"""What would turn an image when it is decoded, hidden from a decoder that offers no option against it."""


def as_stored(encoded: bytearray) -> bool:
    """Whether TorchCodec decodes this file as it is stored; a JPEG's EXIF is made a comment, in place.

    TorchCodec turns images by their EXIF orientation, Pillow and torchvision do not. PNG and WebP with
    EXIF, moving WebP and other formats are for Pillow.
    """
    if encoded.startswith(b"\x89PNG"):
        return b"eXIf" not in encoded
    if encoded[8:12] == b"WEBP":
        return encoded[12:16] != b"VP8X" or not any(flag & 0x0A for flag in encoded[20:21])
    at = 2 if encoded.startswith(b"\xff\xd8") else len(encoded)
    while encoded[at : at + 1] == b"\xff":  # a segment: DA begins the pixels, E1 is EXIF, FE a comment
        if encoded[at + 1 : at + 2] == b"\xda":
            return True
        if encoded[at + 1 : at + 2] == b"\xe1":
            encoded[at + 1] = 0xFE
        fill = encoded[at + 1 : at + 2] == b"\xff"
        at += 1 if fill else 2 + int.from_bytes(encoded[at + 2 : at + 4], "big")
    return False
