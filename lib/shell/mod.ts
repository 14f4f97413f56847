/**
 * The command language: lines → commands → requests and files.
 *
 * @module
 */
export * from "./command.ts";
export * from "./completion.ts";
export type { DirectoryEntry } from "../files/mod.ts";
export type { ExistsPolicy } from "../operations/mod.ts";
export type { KeptConnectionOptions } from "./kept_connection.ts";
export * from "./link.ts";
export { causeOfLoss } from "./loss_causes.ts";
export { LocalFolders, type LocalMatch, type LocalPlace } from "./local_folders.ts";
export { parseRate } from "./parse_rate.ts";
export { type Word, wordFromArgument } from "./parse_line.ts";
export * from "./session.ts";
export type { ShellClock } from "./shell_clock.ts";
export * from "./shell.ts";
export * from "./shell_error.ts";
export * from "./terminal.ts";
export { readHost, readPort } from "./commands/control.ts";
