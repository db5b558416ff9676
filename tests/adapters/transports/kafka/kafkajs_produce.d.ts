/** The request of kafkajs that writes records. */
declare function produce(request: {
  readonly acks: number;
  readonly timeout: number;
  readonly producerId: string;
  readonly producerEpoch: number;
  readonly topicData: readonly unknown[];
}): { encode(): Promise<{ readonly buffer: Uint8Array }> };

export default produce;
