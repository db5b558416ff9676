/**
 * A response whose body is cancelled when the request is aborted. A worker of today must do it itself: workerd goes on
 * with the body of a reader that has left and tells nobody (cloudflare/workerd#6832), so every reader that ever left
 * an event stream would count as one of its readers. `request.signal` knows it where the worker has the compatibility
 * flag `enable_request_signal`.
 */
export function endWith({ signal }: Request, response: Response): Response {
  return new Response(response.body?.pipeThrough(new TransformStream(), { signal }), response);
}
