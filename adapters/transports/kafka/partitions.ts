const multiplier = 0x5bd1e995;
const seed = 0x9747b28c;

/**
 * The partition of a key: the hash of Kafka's own clients (murmur2), so that Java, Spring and Posthorn agree. The clients
 * on librdkafka use another one unless they are told to use `murmur2_random`; the order of what one of them sends to one
 * actor is kept all the same.
 */
export function partitionOf(key: Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions;
}

/** The hash function of Kafka's clients, version 2 of Austin Appleby's Murmur. */
export function murmur2(data: Uint8Array): number {
  const whole = data.length & ~3;
  let hash = seed ^ data.length;
  for (let at = 0; at < whole; at += 4) {
    let word = data[at] | data[at + 1] << 8 | data[at + 2] << 16 | data[at + 3] << 24;
    word = Math.imul(word, multiplier);
    word ^= word >>> 24;
    hash = Math.imul(hash, multiplier) ^ Math.imul(word, multiplier);
  }
  const rest = data.length - whole;
  if (rest === 3) hash ^= data[whole + 2] << 16;
  if (rest >= 2) hash ^= data[whole + 1] << 8;
  if (rest >= 1) hash = Math.imul(hash ^ data[whole], multiplier);
  hash = Math.imul(hash ^ hash >>> 13, multiplier);
  return hash ^ hash >>> 15;
}
