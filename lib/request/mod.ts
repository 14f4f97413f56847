/**
 * Requests and replies over byte streams; knows no particular request.
 *
 * @module
 */
export * from "./caller.ts";
export { COMPRESSED, CompressedStream } from "./compressed_stream.ts";
export * from "./dispatcher.ts";
export * from "./exchange.ts";
export * from "./message.ts";
export * from "./message_error.ts";
export * from "./operation.ts";
export * from "./status.ts";
export * from "./stream_reader.ts";
