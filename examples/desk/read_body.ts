/** The text of a body, or why there is none: it is larger than that, or its client broke it off. */
export async function readBody(request: Request, bytesMax: number): Promise<string | 413 | 400> {
  if (Number(request.headers.get("content-length")) > bytesMax) return 413;
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  try {
    for await (const chunk of request.body ?? []) {
      bytes += chunk.length;
      if (bytes > bytesMax) return 413; // leaving the loop cancels the body
      text += decoder.decode(chunk, { stream: true });
    }
  } catch {
    return 400; // nothing here breaks a body off
  }
  return text + decoder.decode();
}
