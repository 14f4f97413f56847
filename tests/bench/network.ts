/**
 * Where a benchmark runs: over loopback, over a veth pair of its own, over an emulated link.
 *
 * @module
 */

/** Two places that reach each other, and how to start a process in each. */
export interface BenchNetwork {
  readonly name: string;
  /** Address of the server's side. */
  readonly serverHost: string;
  /** Command that goes in front of a program on the server's side. */
  readonly serverPrefix: readonly string[];
  /** Command that goes in front of a program on the client's side. */
  readonly clientPrefix: readonly string[];
  /** Takes the network down again. */
  close(): Promise<void>;
}

/** Thrown when a benchmark cannot run here; the message says why. */
export class Unavailable extends Error {
  override readonly name = "Unavailable";
}

/** This machine's loopback interface: large packets, no wire. */
export async function loopback(): Promise<BenchNetwork> {
  const prefix = await endsWithParent();
  return {
    name: "loopback",
    serverHost: "127.0.0.1",
    serverPrefix: prefix,
    clientPrefix: prefix,
    close: () => Promise.resolve(),
  };
}

/**
 * Two network namespaces joined by a veth pair with an MTU of 1500, as on Ethernet.
 *
 * @throws {Unavailable} Without root or iproute2.
 */
export async function vethPair(): Promise<BenchNetwork> {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) {
    throw new Unavailable("a veth pair needs Linux and root");
  }
  const [left, right] = [`ferry-${Deno.pid}-a`, `ferry-${Deno.pid}-b`];
  const close = async () => {
    for (const name of [left, right]) await attempt("ip", "netns", "delete", name);
  };
  try {
    for (
      const command of [
        `netns add ${left}`,
        `netns add ${right}`,
        `-n ${left} link add name veth0 mtu 1500 type veth peer name veth0 mtu 1500 netns ${right}`,
        `-n ${left} address add 10.213.77.1/30 dev veth0`,
        `-n ${right} address add 10.213.77.2/30 dev veth0`,
        `-n ${left} link set veth0 up`,
        `-n ${right} link set veth0 up`,
        `-n ${left} link set lo up`,
        `-n ${right} link set lo up`,
      ]
    ) await run("ip", ...command.split(" "));
  } catch (cause) {
    await close();
    throw new Unavailable(`a veth pair cannot be made here: ${(cause as Error).message}`);
  }
  const prefix = await endsWithParent();
  return {
    name: "veth, MTU 1500",
    serverHost: "10.213.77.1",
    serverPrefix: ["ip", "netns", "exec", left, ...prefix],
    clientPrefix: ["ip", "netns", "exec", right, ...prefix],
    close,
  };
}

/**
 * Looks whether emulated links can be had at all.
 *
 * @throws {Unavailable}
 */
export async function findEmulator(tool: string): Promise<void> {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) {
    throw new Unavailable("emulated links need Linux and root");
  }
  if (await attempt(tool, "profiles")) return;
  throw new Unavailable(`emulated links need the tool wanlab, and "${tool}" does not run`);
}

/**
 * A link of the given profile, made by the `wanlab` tool.
 *
 * @param tool Path of the tool; it puts 10.99.0.1 on side "a" and 10.99.0.2 on side "b".
 * @param tcpCongestion Name of the congestion control that TCP uses on it.
 * @throws {Unavailable} When the tool cannot bring the link up.
 */
export async function emulatedLink(
  tool: string,
  profile: string,
  tcpCongestion = "cubic",
): Promise<BenchNetwork> {
  const name = `fb${Deno.pid % 100_000}`;
  try {
    await run(tool, "--prefix", name, "up", "--profile", profile, "--cc", tcpCongestion);
  } catch (cause) {
    // What was half built must not stand in the way of the next one.
    await attempt(tool, "--prefix", name, "down");
    throw new Unavailable(
      `no link "${profile}" with TCP's ${tcpCongestion}: ${(cause as Error).message}`,
    );
  }
  const prefix = await endsWithParent();
  return {
    name: profile,
    serverHost: "10.99.0.1",
    serverPrefix: [tool, "--prefix", name, "exec", "a", "--", ...prefix],
    clientPrefix: [tool, "--prefix", name, "exec", "b", "--", ...prefix],
    close: () => run(tool, "--prefix", name, "down").then(() => undefined),
  };
}

/** Linux ends a program started this way when the benchmark dies, however it dies. */
async function endsWithParent(): Promise<string[]> {
  const supported = Deno.build.os === "linux" && await attempt("setpriv", "--version");
  return supported ? ["setpriv", "--pdeathsig", "KILL"] : [];
}

/** Runs a command and gives its output; throws its error text when it fails or is missing. */
export async function run(command: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args }).output();
  const text = new TextDecoder();
  if (!success) throw new Error(text.decode(stderr).trim() || `${command} failed`);
  return text.decode(stdout);
}

async function attempt(command: string, ...args: string[]): Promise<boolean> {
  try {
    await run(command, ...args);
    return true;
  } catch {
    return false;
  }
}
