import type { OpenPipe } from "./pipe.ts";

const encoder = new TextEncoder();

/** A pipe over a WebSocket. Its platform does TLS, and knows whom to trust. */
export function webSocketPipe(url: string): OpenPipe {
  return (listener) => {
    const opened = Promise.withResolvers<void>();
    opened.promise.catch(() => {}); // who opened it is told by `closed` too
    const socket = new WebSocket(url);
    let reason: Error | undefined;
    let isOver = false;
    const closed = () => {
      if (isOver) return;
      isOver = true;
      opened.reject(reason ?? new Error("the connection was closed"));
      listener.closed(reason);
    };
    socket.binaryType = "arraybuffer";
    socket.onopen = () => opened.resolve();
    socket.onmessage = ({ data }) => {
      if (!isOver) listener.data(typeof data === "string" ? encoder.encode(data) : new Uint8Array(data));
    };
    socket.onerror = (event) => {
      const { message = "the WebSocket has failed" } = event as Partial<ErrorEvent>;
      reason ??= new Error(message);
      socket.close();
      closed();
    };
    socket.onclose = ({ wasClean, reason: words }) => {
      if (!wasClean && words !== "") reason ??= new Error(words);
      closed();
    };
    return {
      opened: opened.promise,
      write: (bytes) => {
        if (socket.readyState === WebSocket.OPEN) socket.send(bytes as Uint8Array<ArrayBuffer>);
      },
      get waitingBytes() {
        return socket.bufferedAmount;
      },
      end: () => socket.close(),
      destroy: () => {
        socket.close();
        closed(); // the other side may never say that it closes too
      },
    };
  };
}
