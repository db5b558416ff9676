/** A problem document (RFC 9457) of the desk's own, as the ingress answers for the rest. */
export function problem(status: number, code: string, detail: string): Response {
  const headers = { "content-type": "application/problem+json" };
  return new Response(JSON.stringify({ status, code, detail }), { status, headers });
}
