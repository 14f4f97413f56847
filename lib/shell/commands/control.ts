/** Commands about the connection, the shell and the server as a whole. */

import { shutdownServer } from "../../operations/mod.ts";
import { RemoteError } from "../../request/mod.ts";
import {
  type Command,
  type CommandContext,
  findCommand,
  type Invocation,
  type Next,
} from "../command.ts";
import type { Target } from "../link.ts";
import { ConnectionLostError, NotConnectedError, UsageError } from "../shell_error.ts";
import { rateCommands, rateFacts } from "./rate.ts";

/** `open`, `status`, `rate`, `help` and the ways to leave. */
export const controlCommands: readonly Command[] = [
  {
    name: "open",
    aliases: [{ word: "con" }, { word: "connect" }],
    usage: "open [HOST [PORT]]",
    summary: "connect, or connect again",
    arguments: { least: 0, most: 2 },
    completes: "none",
    async run({ words }, { session, signal }) {
      await session.open(readTarget(words.map((word) => word.text), session.target), signal);
      return "go-on";
    },
  },
  {
    name: "status",
    aliases: [],
    usage: "status",
    summary: "show the connection: address, key, loss, rate…",
    details: ["Loss, rates and congestion control are those of what is sent from here."],
    arguments: { least: 0, most: 0 },
    completes: "none",
    run: showConnection,
  },
  ...rateCommands,
  {
    name: "help",
    aliases: [{ word: "?" }],
    usage: "help [COMMAND]",
    summary: "show the commands, or one of them",
    arguments: { least: 0, most: 2 },
    completes: "command",
    run(invocation, context) {
      showHelp(invocation, context);
      return Promise.resolve("go-on");
    },
  },
  {
    name: "close",
    aliases: [{ word: "disconnect" }],
    usage: "close",
    summary: "end the connection; the shell stays",
    arguments: { least: 0, most: 0 },
    completes: "none",
    async run(_invocation, { session, terminal }) {
      const wasConnected = session.link !== null;
      await session.close();
      const note = wasConnected ? "Connection closed." : "There was no connection.";
      terminal.done({ command: "close", wasConnected }, note);
      return "go-on";
    },
  },
  {
    name: "bye",
    aliases: [{ word: "quit" }, { word: "q" }],
    usage: "bye",
    summary: "end the connection and leave; the server stays",
    arguments: { least: 0, most: 0 },
    completes: "none",
    async run(_invocation, { session }) {
      await session.close();
      return "leave";
    },
  },
  {
    name: "exit",
    aliases: [],
    usage: "exit",
    summary: "leave, and stop your server if nobody else is on it",
    arguments: { least: 0, most: 0 },
    completes: "none",
    run: exit,
  },
  {
    name: "shutdown",
    aliases: [],
    usage: "shutdown",
    summary: "stop your server; others may finish first",
    arguments: { least: 0, most: 0 },
    completes: "none",
    async run(_invocation, { session, signal, terminal }) {
      const { others } = await session.request(
        signal,
        (caller) => shutdownServer(caller, { force: true, signal }),
        { onLoss: "never" },
      );
      terminal.done(
        { command: "shutdown", others },
        `The server is stopping${others === 0 ? "" : `; ${clients(others)} may finish`}.`,
      );
      await session.close();
      return "go-on";
    },
  },
];

/**
 * Reads HOST and PORT as the command line does: digits alone are a port.
 *
 * @throws {UsageError} For what is no host, and for a port out of range.
 */
export function readTarget(words: readonly string[], present: Target): Target {
  const [first, second] = words;
  if (first === undefined) return present;
  if (second === undefined && /^\d+$/.test(first)) {
    return { host: "127.0.0.1", port: readPort(first) };
  }
  return { host: readHost(first), port: second === undefined ? present.port : readPort(second) };
}

/**
 * Reads a host name or an address, in brackets or without.
 *
 * @throws {UsageError}
 */
export function readHost(text: string): string {
  const [, withPort, port] = /^(\[.*\]|[^:]*):(\d+)$/.exec(text) ?? [];
  const host = (withPort ?? text).replace(/^\[(.*)\]$/, "$1");
  if (host === "" || /\s/.test(host)) throw new UsageError(`Not a host: "${text}"`);
  if (port !== undefined) {
    throw new UsageError(`Not a host: "${text}"; host and port are two words: ${host} ${port}`);
  }
  return host;
}

/** Reads a port that something can be sent to. */
export function readPort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw new UsageError(`Port must be 1 to 65535, not "${text}"`);
  return port;
}

async function exit(_invocation: Invocation, context: CommandContext): Promise<Next> {
  const { session, terminal } = context;
  const { stopping, note } = await stopIfAlone(context);
  terminal.done({ command: "exit", stopping }, note);
  await session.close();
  return "leave";
}

/** Stops the server where that is ours to do and disturbs nobody; tells what became of it. */
async function stopIfAlone(
  { session, signal }: CommandContext,
): Promise<{ readonly stopping: boolean; readonly note: string }> {
  const unreached = {
    stopping: false,
    note: "Not connected: if there is a server, it keeps running.",
  };
  // Who leaves does not want to wait for a server that has gone, nor be kept because it has.
  if (session.link === null && session.hasBeenConnected) return unreached;
  try {
    const { others, stopping } = await session.request(
      signal,
      (caller) => shutdownServer(caller, { force: false, signal }),
      { onLoss: "never" },
    );
    const isAre = others === 1 ? "is" : "are";
    const note = stopping
      ? "The server stops too."
      : `The server keeps running: ${clients(others)} ${isAre} connected.`;
    return { stopping, note };
  } catch (error) {
    const hasGone = error instanceof NotConnectedError || error instanceof ConnectionLostError;
    if (hasGone) return unreached;
    if (error instanceof RemoteError && error.status === "stopping") {
      return { stopping: true, note: "The server is stopping already." };
    }
    if (error instanceof RemoteError && error.status === "refused") {
      return { stopping: false, note: "The server keeps running: only its owner may stop it." };
    }
    throw error;
  }
}

function clients(count: number): string {
  return count === 1 ? "another client" : `${count} other clients`;
}

async function showConnection(_invocation: Invocation, context: CommandContext): Promise<Next> {
  const { session, signal, terminal } = context;
  const link = await session.connected(signal);
  const stats = link.stats();
  terminal.facts("status", [
    { key: "host", label: "Server", value: session.target.host },
    { key: "address", label: "Address", value: link.address.hostname },
    { key: "port", label: "Port", value: link.address.port },
    { key: "fingerprint", label: "Key", value: link.fingerprint },
    { key: "role", label: "Role", value: link.role },
    { key: "rttMs", label: "Round trip", value: stats.rttMs, unit: "ms" },
    { key: "minRttMs", label: "Shortest round trip", value: stats.minRttMs, unit: "ms" },
    { key: "lossRate", label: "Loss", value: stats.lossRate, unit: "ratio" },
    {
      key: "rateBytesPerSecond",
      label: "Rate",
      value: stats.rateBytesPerSecond,
      unit: "bytes-per-second",
    },
    {
      key: "deliveryBytesPerSecond",
      label: "Delivery estimate",
      value: stats.deliveryRateBytesPerSecond,
      unit: "bytes-per-second",
    },
    ...rateFacts(session.rate, session.serverRate),
    { key: "mtuBytes", label: "Packet size", value: stats.mtuBytes, unit: "bytes" },
    { key: "bytesSent", label: "Sent", value: stats.bytesSent, unit: "bytes" },
    { key: "bytesReceived", label: "Received", value: stats.bytesReceived, unit: "bytes" },
    { key: "controller", label: "Congestion control", value: stats.controller },
    { key: "suite", label: "Cipher", value: stats.suite },
    {
      key: "accelerators",
      label: "Accelerators",
      value: stats.accelerators.length === 0 ? "none" : stats.accelerators.join(", "),
    },
  ]);
  return "go-on";
}

function showHelp({ words }: Invocation, { commands, terminal }: CommandContext): void {
  if (words.length > 0) {
    showOne(findCommand(commands, words).command, (line) => sayHelp(terminal, line));
    return;
  }
  const width = Math.max(...commands.map((command) => command.usage.length));
  for (const command of commands) {
    sayHelp(terminal, `${command.usage.padEnd(width)}  ${command.summary}`);
  }
  terminal.note("`help COMMAND` tells more of one, and the other words for it.");
}

function sayHelp(terminal: CommandContext["terminal"], line: string): void {
  terminal.result(line, { command: "help", line });
}

function showOne(command: Command, say: (line: string) => void): void {
  say(command.usage);
  say(`  ${command.summary}`);
  const flags = (command.flags ?? []).map(({ letter, long, value, meaning }) => {
    const words = long === undefined ? `-${letter}` : `-${letter}, --${long}`;
    return { flag: value === undefined ? words : `${words} ${value}`, meaning };
  });
  const width = Math.max(...flags.map(({ flag }) => flag.length));
  for (const { flag, meaning } of flags) say(`  ${flag.padEnd(width)}  ${meaning}`);
  for (const line of command.details ?? []) say(`  ${line}`);
  const others = [command.name, ...command.aliases.map(({ word }) => word)]
    .filter((word) => !`${command.usage} `.startsWith(`${word} `));
  if (others.length > 0) say(`  Other words for it: ${others.join(", ")}`);
}
