/** Reads the text of a body. Returns a status instead if it is larger than `bytesMax`, or incomplete. */
export async function readBody(request: Request, bytesMax: number): Promise<string | 413 | 400> {
  if (Number(request.headers.get("content-length")) > bytesMax) return 413;
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  try {
    for await (const chunk of request.body ?? []) {
      bytes += chunk.length;
      if (bytes > bytesMax) return 413; // leaving the loop cancels the stream
      text += decoder.decode(chunk, { stream: true });
    }
  } catch {
    return 400; // the client disconnected, or sent a malformed body
  }
  return text + decoder.decode();
}
