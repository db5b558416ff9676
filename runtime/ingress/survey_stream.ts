import { loadSuperjson } from "./superjson.ts";

/** The replies of a survey as lines of JSON, and a last line that says why it ended. A reader that leaves closes it. */
export function surveyStream(
  replies: AsyncIterator<unknown, "max" | "deadline">,
  asSuperjson: boolean,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let count = 0;
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await replies.next();
      try {
        const line = done
          ? { done: value, replies: count }
          : { reply: asSuperjson ? (await loadSuperjson()).serialize(value) : value ?? null };
        controller.enqueue(encoder.encode(`${JSON.stringify(line)}\n`));
      } catch (error) {
        await replies.return?.(); // the stream breaks off: what has been sent cannot be taken back
        throw error;
      }
      count++;
      if (done) controller.close();
    },
    async cancel() {
      await replies.return?.();
    },
  });
}
