/**
 * `deno task bench links`: what a whole fetch makes of an emulated link, beside QUIC and TCP.
 *
 * Each contender fetches one file with a fresh process, measured from the start of that process to its exit.
 * Who is far behind is given up after a while, and counts with what had arrived by then.
 *
 * @module
 */
import type { BenchCertificate } from "./certificate.ts";
import { type Contender, ferry, yardstick } from "./contender.ts";
import type { RaceResult } from "./race.ts";
import { figure, formatTable, median } from "./table.ts";

/** A link that `wanlab` knows by this name. */
export interface LinkProfile {
  readonly name: string;
  /** Rate in IP bits. */
  readonly mbit: number;
  /** Share of the packets that arrives. */
  readonly arrives: number;
  /** File to fetch. */
  readonly megabytes: number;
}

/** Every profile, with a file that takes the link ten seconds or some more. */
export const LINK_PROFILES: readonly LinkProfile[] = [
  { name: "lan1g", mbit: 1000, arrives: 1, megabytes: 1000 },
  { name: "metro", mbit: 500, arrives: 0.9999, megabytes: 500 },
  { name: "wan", mbit: 200, arrives: 0.999, megabytes: 200 },
  { name: "lossy", mbit: 100, arrives: 0.99, megabytes: 100 },
  { name: "satellite", mbit: 50, arrives: 0.995, megabytes: 100 },
  { name: "transpacific", mbit: 1000, arrives: 0.9999, megabytes: 1000 },
  { name: "mobile", mbit: 20, arrives: 0.98, megabytes: 30 },
  { name: "bloated", mbit: 20, arrives: 1, megabytes: 30 },
];

/** Bytes of UDP payload that the link carries in a second, at an MTU of 1500. */
export function linkBytesPerSecond({ mbit, arrives }: LinkProfile): number {
  return (mbit * 1e6 / 8) * arrives * (1472 / 1500);
}

/** A field of contenders, and the congestion control of TCP on the link that they meet. */
export interface LinkField {
  readonly tcpCongestion: string;
  readonly contenders: readonly Contender[];
}

/** Everybody: QUIC only with a certificate, TCP once on each kind of link. */
export function linkFields(certificate: BenchCertificate | undefined): readonly LinkField[] {
  const quic = certificate === undefined
    ? []
    : ([["default", ""], ["low-latency", ", BBR"]] as const).flatMap(([congestionControl, word]) =>
      [1, 16].map((streams) =>
        yardstick(`QUIC (Deno)${word}, ${plural(streams)}`, {
          transport: "quic",
          streams,
          certificate,
          congestionControl,
        })
      )
    );
  const tcp = (word: string) =>
    yardstick(`TCP, ${word}, not encrypted`, { transport: "tcp", streams: 1 });
  return [
    { tcpCongestion: "cubic", contenders: [ferry("Ferry"), ...quic, tcp("CUBIC")] },
    { tcpCongestion: "bbr", contenders: [tcp("BBR")] },
  ];
}

/** The results as a table: Mbit/s of file contents, process start to exit, and the share of the link. */
export function linkTable(
  title: string,
  profile: LinkProfile,
  results: readonly RaceResult[],
): string {
  const linkMbit = linkBytesPerSecond(profile) * 8 / 1e6;
  const rows = results.map(({ name, rounds, failure, unfinished }) => {
    const rates = rounds.map(({ bytes, processSeconds }) => bytes * 8 / 1e6 / processSeconds);
    if (unfinished !== null) rates.push(unfinished.bytes * 8 / 1e6 / unfinished.seconds);
    const mbit = median(rates);
    return [
      name,
      figure(mbit, mbit < 100 ? 1 : 0),
      `${figure(100 * mbit / linkMbit, 0)} %`,
      failure ?? "",
    ];
  });
  return formatTable([title, "Mbit/s", "of the link", ""], rows);
}

function plural(streams: number): string {
  return streams === 1 ? "1 stream" : `${streams} streams`;
}
