import { messageOf, PosthornError, StoppedError } from "../base/errors.ts";
import { isOfStore } from "../base/store_errors.ts";
import type { Receiver, Tenure } from "../ports/transport.ts";

/**
 * A receiver that reports why it did not take what it was handed: the transport only needs to know that it comes again. The
 * same reason is reported once, until a batch is taken.
 */
export function reportedReceiver(receiver: Receiver, report: (error: unknown) => void): Receiver {
  let reported: string | undefined;
  const failed = (error: unknown, { signal }: Tenure) => {
    const words = messageOf(error);
    if (signal.aborted || isUsual(error) || words === reported) return;
    reported = words;
    report(error);
  };
  return {
    async begin(tenure) {
      try {
        return await receiver.begin(tenure);
      } catch (error) {
        failed(error, tenure);
        throw error;
      }
    },
    async take(batch, tenure) {
      try {
        const rejections = await receiver.take(batch, tenure);
        reported = undefined;
        return rejections;
      } catch (error) {
        failed(error, tenure);
        throw error;
      }
    },
  };
}

/** Whether nobody has to do anything, or somebody else tells: of a store that is away its health does. */
function isUsual(error: unknown): boolean {
  if (error instanceof StoppedError || isOfStore(error)) return true;
  return error instanceof PosthornError && error.code === "another-reader";
}
