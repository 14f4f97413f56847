/**
 * Error codes of CONNECTION_CLOSE, RESET_STREAM and STOP_SENDING. RFC 9000 §20.
 *
 * @module
 */

/** Transport error codes, RFC 9000 §20.1. */
export const TRANSPORT_ERROR_CODES = {
  NO_ERROR: 0x0,
  INTERNAL_ERROR: 0x1,
  CONNECTION_REFUSED: 0x2,
  FLOW_CONTROL_ERROR: 0x3,
  STREAM_LIMIT_ERROR: 0x4,
  STREAM_STATE_ERROR: 0x5,
  FINAL_SIZE_ERROR: 0x6,
  FRAME_ENCODING_ERROR: 0x7,
  TRANSPORT_PARAMETER_ERROR: 0x8,
  PROTOCOL_VIOLATION: 0xa,
  KEY_UPDATE_ERROR: 0xe,
  AEAD_LIMIT_REACHED: 0xf,
} as const;

/** The name of a transport error. */
export type TransportErrorName = keyof typeof TRANSPORT_ERROR_CODES;

/** The RFC's name for a code, or its hexadecimal digits when it has none. */
export function transportErrorName(code: number): string {
  for (const [name, value] of Object.entries(TRANSPORT_ERROR_CODES)) {
    if (value === code) return name;
  }
  return `0x${code.toString(16)}`;
}
