/**
 * A server and a client over streams in memory, each with a folder of its own.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import {
  type DiskFile,
  FileRoot,
  REMOTE_ROOT,
  type RemotePath,
  resolveRemotePath,
} from "../../lib/files/mod.ts";
import {
  type RateSetting,
  type ServeContext,
  serverOperations,
  type ServiceEvent,
  stricterRate,
  type TransferEvent,
  type TransferGauge,
  UNHELD,
  UploadClaims,
} from "../../lib/operations/mod.ts";
import { Caller, serveConnection } from "../../lib/request/mod.ts";
import { keyedLeafHashing } from "../support/keyed_leaves.ts";
import { MemoryDisk } from "../support/memory_disk.ts";
import {
  type ConnectionPair,
  connectionPair,
  type StreamPairOptions,
} from "../support/stream_pair.ts";

/** What tests may choose. */
export interface ServiceOptions {
  readonly role?: ServeContext["role"];
  readonly readOnly?: boolean;
  readonly connectionCount?: number;
  /** What transfers are judged by, on the server. */
  readonly gauge?: TransferGauge;
  /** What the client can, as the server sees it. */
  readonly clientFeatures?: number;
  /** What the server holds back anyway. */
  readonly ownRate?: RateSetting;
  readonly streams?: StreamPairOptions;
  /** What the listings of a folder may hold together. */
  readonly listingBytes?: number;
  /** What the server can be asked for; everything by default. */
  readonly operations?: typeof serverOperations;
  /** Real folders in the system's temporary folder instead of disks in memory. */
  readonly isOnDisk?: boolean;
  /** The client asks for compressed streams. */
  readonly isCompressing?: boolean;
}

/** Runs a test against a fresh service, and checks that nothing of it is left running. */
export async function withService(
  options: ServiceOptions,
  test: (service: Service) => Promise<void>,
): Promise<void> {
  const folder = options.isOnDisk ? await Deno.makeTempDir({ prefix: "ferry-operations-" }) : "";
  const service = await Service.start(folder, options);
  try {
    await test(service);
  } finally {
    await service.end();
    if (options.isOnDisk) await Deno.remove(folder, { recursive: true });
  }
}

/** One end's folder. */
export class Side {
  readonly root: FileRoot;
  /** The disk below it, with its faults; of no effect when the folder is a real one. */
  readonly disk: MemoryDisk;
  #isOnDisk: boolean;

  constructor(root: FileRoot, disk: MemoryDisk, isOnDisk: boolean) {
    this.root = root;
    this.disk = disk;
    this.#isOnDisk = isOnDisk;
  }

  async write(name: string, content: Uint8Array): Promise<void> {
    const file = `${this.root.directory}/${name}`;
    if (this.#isOnDisk) await Deno.writeFile(file, content);
    else this.disk.putFile(file, content);
  }

  async read(name: string): Promise<Uint8Array | null> {
    const file = `${this.root.directory}/${name}`;
    return this.#isOnDisk ? await Deno.readFile(file) : this.disk.contentOf(file);
  }

  /** Changes a file in place, as another program would; a second later by the clock of the disk. */
  async change(name: string, change: (file: DiskFile) => Promise<void>): Promise<void> {
    this.disk.nowMs += 1000;
    const directory = await this.disk.openRoot(this.root.directory, { create: false });
    const file = await directory.openFile(name, { access: "write" });
    await change(file);
    file.close();
    directory.close();
  }

  /** What a listing shows. */
  async names(): Promise<string[]> {
    return (await this.root.list(REMOTE_ROOT)).map(({ name }) => name);
  }
}

/** Both ends, and shortcuts to what tests look at. */
export class Service {
  server: Side;
  client: Side;
  readonly events: ServiceEvent[] = [];
  shutdownRequests = 0;
  /** How the server was last asked to hold back, its own part included. */
  rate: RateSetting | null = null;
  #pausedMs = 0;
  #uploads = new UploadClaims({
    nowMs: () => this.#pausedMs,
    pause: async (delayMs) => {
      await turnOfTheLoop();
      this.#pausedMs += delayMs;
    },
  });
  #options: ServiceOptions;
  #connection: ConnectionPair;
  #caller: Caller;
  #served: Promise<void>;
  #stopping = new AbortController();

  private constructor(server: Side, client: Side, options: ServiceOptions) {
    this.server = server;
    this.client = client;
    this.#options = options;
    [this.#connection, this.#caller, this.#served] = this.#connect(options.streams);
  }

  static async start(folder: string, options: ServiceOptions): Promise<Service> {
    const isOnDisk = options.isOnDisk ?? false;
    const side = async (name: string): Promise<Side> => {
      const disk = new MemoryDisk();
      const directory = `${folder}/${name}`;
      const root = await FileRoot.open(directory, {
        create: true,
        leafHashing: keyedLeafHashing(),
        ...(isOnDisk ? {} : { disk }),
        ...(options.listingBytes === undefined ? {} : { listingBytes: options.listingBytes }),
      });
      return new Side(root, disk, isOnDisk);
    };
    return new Service(await side("server"), await side("client"), options);
  }

  get connection(): ConnectionPair {
    return this.#connection;
  }

  get caller(): Caller {
    return this.#caller;
  }

  /** How the transfers of the server ended, oldest first. */
  get transfers(): TransferEvent[] {
    return this.events.filter((event) => event.kind === "transfer");
  }

  /** Waits until the server is done with the connection, and makes a fresh one. */
  async reconnect(streams: StreamPairOptions = {}): Promise<void> {
    await this.settle();
    [this.#connection, this.#caller, this.#served] = this.#connect(streams);
  }

  /** As {@linkcode reconnect}, after a side's program was stopped: its successor finds this disk. */
  async restart(which: "server" | "client", disk: MemoryDisk): Promise<void> {
    await this.settle();
    const { directory } = this[which].root;
    const root = await FileRoot.open(directory, { disk, leafHashing: keyedLeafHashing(2) });
    this[which] = new Side(root, disk, false);
    [this.#connection, this.#caller, this.#served] = this.#connect({});
  }

  /** What the server knows of the client from the next connection on. */
  setClientFeatures(clientFeatures: number): void {
    this.#options = { ...this.#options, clientFeatures };
  }

  /** Makes the server end what it is doing for the connection. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#served;
    this.#stopping = new AbortController();
  }

  /** Waits for the last words of both sides, and ends the connection. */
  async settle(): Promise<void> {
    await this.#caller.settle();
    this.#connection.lose();
    await this.#served;
  }

  async end(): Promise<void> {
    await this.settle();
    for (const { root, disk } of [this.server, this.client]) {
      await root.close();
      if (disk.openHandles > 0) throw new Error(`${disk.openHandles} files were left open`);
    }
  }

  #connect(streams: StreamPairOptions | undefined): [ConnectionPair, Caller, Promise<void>] {
    const connection = connectionPair(streams);
    let ticksMs = 0;
    const context: ServeContext = {
      root: this.server.root,
      role: this.#options.role ?? "owner",
      readOnly: this.#options.readOnly ?? false,
      roleSettled: () => Promise.resolve(),
      peer: "192.0.2.1:40000",
      clientKey: "11".repeat(32),
      nowMs: () => ticksMs += 1000,
      uploads: this.#uploads,
      silentMs: () => 0,
      ...(this.#options.gauge === undefined ? {} : { gauge: this.#options.gauge }),
      peerFeatures: this.#options.clientFeatures ?? 0,
      onEvent: (event) => this.events.push(event),
      connectionCount: () => this.#options.connectionCount ?? 1,
      holdBack: (wish) => {
        this.rate = stricterRate(wish, this.#options.ownRate ?? UNHELD);
        return this.rate;
      },
      requestShutdown: () => {
        this.shutdownRequests++;
      },
    };
    const { signal } = this.#stopping;
    const operations = this.#options.operations ?? serverOperations;
    const served = serveConnection(connection.server, operations, context, signal);
    const { isCompressing = false } = this.#options;
    return [connection, new Caller(connection.client, { isCompressing }), served];
  }
}

/** Lets the system's threads report: no time passes. */
export async function turnOfTheLoop(): Promise<void> {
  for (let turn = 0; turn < 100; turn++) await new Promise<void>((done) => setImmediate(done));
}

/** A path as a user at the root would write it. */
export function path(text: string): RemotePath {
  return resolveRemotePath(REMOTE_ROOT, text);
}

/** Bytes that do not repeat; the same for the same seed. */
export function sampleBytes(length: number, seed = 1): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = Math.imul(seed, 0x9e37_79b1) >>> 0;
  for (let index = 0; index < words.length; index++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[index] = state;
  }
  return new Uint8Array(words.buffer, 0, length);
}
