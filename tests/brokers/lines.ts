/** Cuts text into lines. A last line without an end is left out: who wrote it was killed while it wrote. */
export class TextLineStream extends TransformStream<string, string> {
  constructor() {
    let rest = "";
    super({
      transform(text, controller) {
        const lines = (rest + text).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) if (line !== "") controller.enqueue(line);
      },
    });
  }
}
