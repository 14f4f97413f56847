/**
 * Who may know what: each thing outside the program is known to as few files as can be.
 *
 * @module
 */

/** One outside thing, the globals that reach it, and the only files that may name them. */
export interface OutsideThing {
  readonly thing: string;
  /** `Deno.open` is that member, `performance.` any member, `setTimeout` the global itself. */
  readonly names: readonly string[];
  readonly owners: readonly string[];
  /** What everybody else is handed. */
  readonly instead: string;
}

const PROCESS_OWNERS = ["lib/cli/", "server.ts", "client.ts"];

/** The files that call native code. */
export const NATIVE_CODE: readonly string[] = [
  "lib/crypto/libcrypto.ts",
  "lib/driver/socket_options.ts",
  "lib/driver/c_library.ts",
  "lib/driver/port_probe.ts",
  "lib/files/file_system_flush.ts",
];

/** The table. A name that starts with `Deno.` and stands in no row may be used outside the core. */
export const OUTSIDE_THINGS: readonly OutsideThing[] = [
  {
    thing: "the network",
    names: members("Deno", "listenDatagram listen listenTls connect connectTls connectQuic serve"),
    owners: ["lib/driver/udp_socket.ts"],
    instead: "a DatagramSocket",
  },
  {
    thing: "the clock",
    names: [
      "performance.",
      "setTimeout",
      "setInterval",
      "setImmediate",
      "AbortSignal.timeout",
    ],
    owners: ["lib/driver/clock.ts"],
    instead: "nowMs as an argument, or a Clock",
  },
  {
    thing: "randomness",
    names: ["crypto.getRandomValues", "crypto.randomUUID", "Math.random"],
    owners: ["lib/driver/system_entropy.ts"],
    instead: "an Entropy",
  },
  {
    thing: "the file system",
    names: [
      ...members("Deno", "open create stat lstat rename remove mkdir readDir realPath link")
        .flatMap(
          withSync,
        ),
      ...members("Deno", "symlink readLink copyFile truncate chmod chown utime").flatMap(withSync),
      ...members("Deno", "readFile readTextFile writeFile writeTextFile").flatMap(withSync),
      ...members("Deno", "makeTempDir makeTempFile").flatMap(withSync),
      ...members("Deno", "umask watchFs"),
    ],
    owners: ["lib/files/system_disk/", "lib/cli/cpu_time.ts"],
    instead: "a Disk or a FileRoot",
  },
  {
    thing: "native code",
    names: members("Deno", "dlopen UnsafePointer UnsafePointerView UnsafeCallback UnsafeFnPointer"),
    owners: NATIVE_CODE,
    instead: "an AeadProvider, a DatagramSocket or a Disk",
  },
  {
    thing: "permissions",
    names: members("Deno", "permissions"),
    owners: [
      ...NATIVE_CODE,
      ...PROCESS_OWNERS,
      "lib/driver/udp_socket.ts",
      "lib/files/system_disk/",
    ],
    instead: "an option, or what the owner reports as available",
  },
  {
    thing: "the terminal",
    names: [
      ...members("Deno", "stdin stdout stderr consoleSize"),
      "console.",
      "alert",
      "confirm",
      "prompt",
    ],
    owners: ["lib/cli/tty.ts"],
    instead: "a Terminal",
  },
  {
    thing: "the process",
    names: [
      ...members("Deno", "args env exit exitCode addSignalListener removeSignalListener"),
      ...members("Deno", "cwd chdir kill pid ppid uid gid hostname execPath mainModule Command"),
    ],
    owners: PROCESS_OWNERS,
    instead: "typed options and an AbortSignal",
  },
];

function members(object: string, names: string): string[] {
  return names.split(" ").map((name) => `${object}.${name}`);
}

function withSync(name: string): string[] {
  return [name, `${name}Sync`];
}
