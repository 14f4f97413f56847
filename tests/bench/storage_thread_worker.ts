/**
 * The Worker of `storage_thread.ts`: reads or writes leaves, and hashes them.
 *
 * @module
 */
import * as fs from "node:fs";
import { LEAF_BYTES, leafHash, Sha256 } from "../../lib/crypto/mod.ts";

/** The first message: which file, which way, and whether its plain SHA-256 is asked for as well. */
export interface WorkerOrder {
  readonly path: string;
  readonly direction: "receive" | "send";
  readonly hasPlainHash: boolean;
}

/** Every other message, both ways: a block to fill or to write, which changes hands with it. */
export interface BlockMessage {
  readonly index: number;
  readonly block: ArrayBuffer;
}

/** What this file needs of the scope it runs in: the types of the main thread lack it. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<WorkerOrder | BlockMessage>) => void) | null;
  postMessage(message: BlockMessage | "ready", transfer: readonly Transferable[]): void;
}

const scope = self as unknown as WorkerScope;
let order: WorkerOrder;
let fd = -1;
let plain: Sha256 | null = null;

scope.onmessage = ({ data }) => {
  if ("path" in data) {
    order = data;
    fd = fs.openSync(data.path, data.direction === "receive" ? "r+" : "r");
    plain = data.hasPlainHash ? new Sha256() : null;
    scope.postMessage("ready", []);
    return;
  }
  const { index, block } = data;
  const bytes = new Uint8Array(block);
  const position = index * LEAF_BYTES;
  if (order.direction === "receive") fs.writeSync(fd, bytes, 0, LEAF_BYTES, position);
  else fs.readSync(fd, bytes, 0, LEAF_BYTES, position);
  leafHash(index, bytes);
  plain?.update(bytes);
  scope.postMessage(data, [block]);
};
