/**
 * What has come from strangers and what they were answered.
 *
 * @module
 */

/** Counts since the start. */
export interface HandshakeCounters {
  /** INITIAL packets. */
  initials: number;
  /** Bytes of packets from addresses not proved. */
  unprovenBytesIn: number;
  /** Bytes of answers to such addresses. */
  unprovenBytesOut: number;
  /** Answers: RETRY packets. */
  retries: number;
  /** Answers: refusals and version lists. */
  refusals: number;
  /** Answers: REPLY packets. */
  replies: number;
  /** Runs of the key exchange. */
  handshakes: number;
  /** INITIALs that were dropped because of their number. */
  dropped: number;
  /** Tokens that were none, too old, or somebody else's. */
  badTokens: number;
}

/** Counts of nothing yet. */
export function createHandshakeCounters(): HandshakeCounters {
  return {
    initials: 0,
    unprovenBytesIn: 0,
    unprovenBytesOut: 0,
    retries: 0,
    refusals: 0,
    replies: 0,
    handshakes: 0,
    dropped: 0,
    badTokens: 0,
  };
}
