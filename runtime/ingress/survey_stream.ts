import { writeJson } from "./body.ts";
import { problemText, RequestError } from "./problem.ts";
import { loadSuperjson } from "./superjson.ts";

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
    const json = asSuperjson ? JSON.stringify((await loadSuperjson()).serialize(reply)) : writeJson(reply);
    return `{"reply":${json}}`;
  } catch (error) {
    if (error instanceof RequestError) return problemLine(error);
    const why = "The reply cannot be written as superjson: ask for it with accept: application/json";
    return problemLine(new RequestError(406, "not-representable", why));
  }
}

function problemLine(error: unknown): string {
  return `{"problem":${problemText(error)}}`;
}
