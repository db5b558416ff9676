import { writeJson, writeSuperjson } from "../body/body.ts";
import { problemText } from "../problem.ts";

/**
 * The replies of a survey as lines of JSON, and a last line that says why it ended. A reply that cannot be written is a
 * line with its problem in its place, and the others come all the same; so is what ends the survey before its time, and
 * then there is no last line. `onFailure` hears of that. A reader that leaves closes the survey.
 */
export function surveyStream(
  replies: AsyncIterator<unknown, "max" | "deadline">,
  asSuperjson: boolean,
  onFailure: (error: unknown) => void = () => {},
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let count = 0;
  return new ReadableStream({
    async pull(controller) {
      let line: string;
      let ended = false;
      try {
        const { done, value } = await replies.next();
        ended = done === true;
        line = ended ? JSON.stringify({ done: value, replies: count }) : await lineOf(value, asSuperjson);
      } catch (error) {
        onFailure(error);
        line = problemLine(error);
        ended = true;
      }
      count++;
      controller.enqueue(encoder.encode(`${line}\n`));
      if (ended) controller.close();
    },
    async cancel() {
      await replies.return?.();
    },
  });
}

async function lineOf(reply: unknown, asSuperjson: boolean): Promise<string> {
  try {
    return `{"reply":${asSuperjson ? await writeSuperjson(reply) : writeJson(reply)}}`;
  } catch (error) {
    return problemLine(error);
  }
}

function problemLine(error: unknown): string {
  return `{"problem":${problemText(error)}}`;
}
