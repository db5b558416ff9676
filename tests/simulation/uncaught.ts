/** Records uncaught errors, which would end a process, until the result is disposed of. */
export function uncaught(fail: (why: string) => void): Disposable {
  const onRejection = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    fail(`nobody handles ${event.reason instanceof Error ? event.reason.stack : event.reason}`);
  };
  const onError = (event: ErrorEvent) => {
    event.preventDefault();
    fail(`nobody catches ${event.message}`);
  };
  globalThis.addEventListener("unhandledrejection", onRejection);
  globalThis.addEventListener("error", onError);
  return {
    [Symbol.dispose]() {
      globalThis.removeEventListener("unhandledrejection", onRejection);
      globalThis.removeEventListener("error", onError);
    },
  };
}
