/**
 * What `--help` and `--version` show, from the tables by which the arguments are read.
 *
 * @module
 */

import { CLIENT_ROWS, type OptionRow, SERVER_ROWS } from "./options.ts";
import { startWords } from "./start_words.ts";
import { PRODUCT, VERSION } from "./version.ts";

/** Name and version, one line. */
export function versionLine(): string {
  return `${PRODUCT} ${VERSION}`;
}

/** What `server.ts --help` shows, as Deno runs it or as an executable. */
export function serverHelp(build: Pick<typeof Deno.build, "standalone"> = Deno.build): string {
  return [
    `${versionLine()}: serves a folder to Ferry clients over UDP`,
    "",
    `${startWords("server", build)} [HOST] [PORT] [DEBUG] [options]`,
    "",
    "A first argument of digits only is the port. Defaults: all addresses, port 5555.",
    "DEBUG 1 is --debug. Port 0 takes any free one.",
    "",
    ...optionLines(SERVER_ROWS),
  ].join("\n");
}

/** What `client.ts --help` shows, as Deno runs it or as an executable. */
export function clientHelp(build: Pick<typeof Deno.build, "standalone"> = Deno.build): string {
  const start = startWords("client", build);
  return [
    `${versionLine()}: moves files to and from a Ferry server over UDP`,
    "",
    `${start} [HOST] [PORT] [DEBUG] [options]          interactive shell`,
    `${start} [options] HOST PORT COMMAND [ARGUMENT…]  one command`,
    `${start} [options] HOST PORT < commands.txt       one on each line`,
    "",
    "A first argument of digits only is the port on 127.0.0.1. Default port: 5555.",
    `The commands: ${start} 127.0.0.1 5555 help`,
    "",
    ...optionLines(CLIENT_ROWS),
  ].join("\n");
}

const HELP_COLUMNS = 80;

function optionLines(rows: readonly OptionRow[]): string[] {
  const shown = rows.map((row) => ({ ...row, flag: flagOf(row) }));
  const width = Math.max(...shown.map(({ flag }) => flag.length));
  return shown.flatMap(({ flag, meaning }) =>
    wrapped(meaning, HELP_COLUMNS - width - 4).map((line, index) =>
      `  ${(index === 0 ? flag : "").padEnd(width)}  ${line}`
    )
  );
}

/** The words of a sentence in lines of at most so many characters. */
function wrapped(sentence: string, columns: number): string[] {
  const lines: string[] = [];
  for (const word of sentence.split(" ")) {
    const longer = `${lines.at(-1)} ${word}`;
    if (lines.length > 0 && longer.length <= columns) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

function flagOf({ name, value }: OptionRow): string {
  return value === undefined ? `--${name}` : `--${name} ${value}`;
}
