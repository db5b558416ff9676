/** The remainders of all bytes, for the polynomial of Castagnoli. */
const table = Int32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++) {
    remainder = remainder & 1 ? remainder >>> 1 ^ 0x82f6_3b78 : remainder >>> 1;
  }
  return remainder;
});

/** The checksum that Kafka wants of a batch of records: CRC-32C. */
export function crc32c(bytes: Uint8Array): number {
  let crc = -1;
  for (let index = 0; index < bytes.length; index++) crc = table[(crc ^ bytes[index]) & 0xff] ^ crc >>> 8;
  return (crc ^ -1) >>> 0;
}
