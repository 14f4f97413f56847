/**
 * Specification values with their section, and our own choices with their reason, apart.
 *
 * @module
 */
import { MAX_ACK_RANGES } from "../wire/ack_frame.ts";

// ── From the specifications ──────────────────────────────────────────────────────────────────────

/** RTT assumed before the first sample, ms. RFC 9002 §6.2.2. */
export const INITIAL_RTT_MS = 333;
/** Granularity of timers, ms: ours are coarser than the RFC's 1 ms. RFC 9002 §6.1.2. */
export const TIMER_GRANULARITY_MS = 2;
/** Smallest UDP payload that every path must carry. RFC 9000 §14. */
export const BASE_DATAGRAM_BYTES = 1200;
/** Bytes sent to an address that has not proved itself, as a multiple of those received. RFC 9000 §8. */
export const AMPLIFICATION_FACTOR = 3;
/** Closing and draining last this many PTOs. RFC 9000 §10.2. */
export const CLOSING_PTOS = 3;

// ── Our own choices ──────────────────────────────────────────────────────────────────────────────

/** Most packets in one batch: what one `send` with UDP segmentation offload carries. */
export const MAX_BATCH_PACKETS = 64;
/** Most bytes in one batch: the largest UDP payload over IPv4. */
export const MAX_BATCH_BYTES = 65_507;
/** Packets behind the newest acknowledged one at which loss is declared, until reordering is seen. */
export const PACKET_THRESHOLD = 64;
/** Least reordering window: smaller ones mistake one late scheduling of a process for loss. */
export const MIN_REORDERING_WINDOW_MS = 2;
/**
 * A PTO never waits longer than this, unless the path needs more: it is what a blackout costs at its end.
 * RFC 9002 doubles without end, lest probes congest; one packet in this time does not.
 */
export const MAX_PTO_MS = 400;
/** Probe timeouts in a row that make a blackout rather than a lost packet. */
export const BLACKOUT_PROBES = 3;
/** A challenge to a new address is repeated at least this often. */
export const MAX_CHALLENGE_WAIT_MS = 2_000;
/** Fewest milliseconds of a PTO: below it a busy machine looks like a lossy path. */
export const MIN_PTO_MS = 15;
/** Received packet-number ranges kept, as many as an ACK reports: no packet of an older gap would be told. */
export const MAX_RECEIVED_RANGES = MAX_ACK_RANGES;
/** ACK delay before the other side chose one. */
export const DEFAULT_MAX_ACK_DELAY_MS = 5;
/** The client says its first words again after this long, and then after twice that, until it is heard. */
export const HANDSHAKE_RETRY_MS = 250;
/**
 * A server forgets a handshake that is not finished by then, and a client a server that has said nothing since
 * its REPLY: longer than a client tries to connect, so that neither holds half a connection.
 */
export const HALF_OPEN_LIFETIME_MS = 12_000;
/** Half-open handshakes that a server holds at once. */
export const MAX_HALF_OPEN = 256;
/** From so many half-open handshakes on, a client must first prove its address with a token. */
export const RETRY_ABOVE_HALF_OPEN = 64;
/** The same from so many INITIALs a second on. */
export const INITIALS_PER_SECOND = 1_000;
/**
 * Key exchanges of a server, each 0.66 ms of processor time: so many with clients that have proved their
 * address, and so many with others. Together at most a quarter of one core.
 */
export const HANDSHAKES_PER_SECOND = 200;
/** How many of those with proved addresses may be with one address, or one /64. */
export const HANDSHAKES_PER_SOURCE = 40;
/** RETRY packets and refusals to strangers, and the same again to those who knock twice. */
export const ANSWERS_PER_SECOND = 400;
/** Tokens that a server looks at, each 1 µs with libcrypto and 20 µs without. */
export const TOKEN_CHECKS_PER_SECOND = 8_000;
/** Copies of CONNECTION_CLOSE, since a program that leaves cannot answer any more. */
export const CLOSE_COPIES = 3;
/** Silence with nothing in flight after which a PING keeps NAT bindings and the peer's idle timer alive. */
export const KEEPALIVE_MS = 15_000;
