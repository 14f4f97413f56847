/**
 * The asynchronous side of the network: connect, listen, and what they give.
 *
 * @module
 */
export { type Clock, type Sleep, systemClock } from "./clock.ts";
export { ConnectionHandle } from "./connection_handle.ts";
export { connect, type ConnectOptions } from "./connector.ts";
export type { DriverOptions } from "./endpoint_setup.ts";
export { Listener, type ListenerOptions } from "./listener.ts";
export {
  type Address,
  type DatagramSocket,
  type Received,
  type SendOutcome,
  type SocketCapabilities,
  type SocketCounters,
  SocketError,
  type SocketErrorKind,
} from "./datagram_socket.ts";
export { isLoopback } from "./path_limits.ts";
export { openPortProbe, type PortProbe } from "./port_probe.ts";
export { systemEntropy } from "./system_entropy.ts";
export { TaskGroup } from "./task_group.ts";
export { openUdpSocket, type UdpSocketOptions } from "./udp_socket.ts";
