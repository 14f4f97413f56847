/** The command that holds both directions of the connection back. */

import { type RateSetting, UNHELD } from "../../operations/mod.ts";
import type { Command, CommandContext, Invocation, Next } from "../command.ts";
import { parseRate } from "../parse_rate.ts";
import { UsageError } from "../shell_error.ts";
import type { Fact } from "../terminal.ts";

/** `rate`. */
export const rateCommands: readonly Command[] = [
  {
    name: "rate",
    aliases: [],
    usage: "rate [RATE] [polite] [off]",
    summary: "cap both directions, or leave the link to others",
    details: [
      "Alone it shows the setting.",
      "RATE is written like 80Mbit, 10MB or 500kB. It holds for each direction.",
      "polite leaves the link to others whenever they want it.",
      "`rate off` ends both.",
    ],
    arguments: { least: 0, most: 3 },
    completes: "none",
    run: changeRate,
  },
];

async function changeRate({ words }: Invocation, context: CommandContext): Promise<Next> {
  const { session, signal, terminal } = context;
  const texts = words.map(({ text }) => text);
  if (texts.length > 0) await session.setRate(readRateSetting(texts, session.rate), signal);
  terminal.facts("rate", rateFacts(session.rate, session.serverRate));
  return "go-on";
}

/**
 * Reads the words of `rate`, each a change to what held before it.
 *
 * @throws {UsageError}
 */
export function readRateSetting(words: readonly string[], present: RateSetting): RateSetting {
  let setting = present;
  for (const word of words) {
    switch (word.toLowerCase()) {
      case "off":
        setting = UNHELD;
        break;
      case "polite":
        setting = { ...setting, isPolite: true };
        break;
      default:
        setting = { ...setting, maxRateBytesPerSecond: parseRateWord(word) };
    }
  }
  return setting;
}

/** What holds, for `rate` and `status`. The server's part is null when it said nothing. */
export function rateFacts(own: RateSetting, server: RateSetting | null): Fact[] {
  const facts: Fact[] = [
    { key: "maxRate", label: "Cap", value: own.maxRateBytesPerSecond, unit: "bytes-per-second" },
    { key: "polite", label: "Polite", value: own.isPolite ? "on" : "off" },
  ];
  if (server !== null && server.maxRateBytesPerSecond !== own.maxRateBytesPerSecond) {
    const value = server.maxRateBytesPerSecond;
    facts.push({ key: "serverMaxRate", label: "Server's cap", value, unit: "bytes-per-second" });
  }
  if (server !== null && server.isPolite !== own.isPolite) {
    const value = server.isPolite ? "on" : "off";
    facts.push({ key: "serverPolite", label: "Server polite", value });
  }
  return facts;
}

function parseRateWord(word: string): number {
  try {
    return parseRate(word);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(`${error.message}; \`rate off\` lifts the cap`, { cause: error });
  }
}
