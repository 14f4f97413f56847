/**
 * Ctrl-C and the other ways a process is asked to end.
 *
 * @module
 */

/** What to do when asked. */
export interface SignalHandlers {
  /** SIGINT: Ctrl-C. */
  interrupt(): void;
  /** SIGTERM, and on Windows the closing of the console. */
  terminate(): void;
}

/** Listens until the returned function is called. */
export function onSignals(handlers: SignalHandlers): () => void {
  const terminating: Deno.Signal = Deno.build.os === "windows" ? "SIGBREAK" : "SIGTERM";
  const interrupt = () => handlers.interrupt();
  const terminate = () => handlers.terminate();
  Deno.addSignalListener("SIGINT", interrupt);
  Deno.addSignalListener(terminating, terminate);
  return () => {
    Deno.removeSignalListener("SIGINT", interrupt);
    Deno.removeSignalListener(terminating, terminate);
  };
}
