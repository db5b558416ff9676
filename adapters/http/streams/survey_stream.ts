import { writeJson, writeSuperjson } from "../body/body.ts";
import { problemText } from "../problem.ts";
import type { SurveyEnd } from "../../../runtime/language/context.ts";

/**
 * The replies of a survey as lines of JSON, with a last line that states why it ended. A reply that cannot be
 * written is replaced by a line with its problem, and the other replies follow. If the survey fails, its
 * problem is the last line, and `onFailure` is called. If the client disconnects, the survey is closed.
 */
export function surveyStream(
  replies: AsyncIterator<unknown, SurveyEnd>,
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
