/**
 * Returns a response whose body is cancelled when the request is aborted. A worker currently has to do this
 * itself: after a client disconnects, workerd keeps reading the body and does not cancel it
 * (cloudflare/workerd#6832), so every former client of an event stream would still count as a reader.
 * `request.signal` aborts if the worker has the compatibility flag `enable_request_signal`.
 */
export function endWith({ signal }: Request, response: Response): Response {
  return new Response(response.body?.pipeThrough(new TransformStream(), { signal }), response);
}
