import { networkPlace } from '../config/selector.js';
import type { OpenLink } from './link.js';
import { serialLink } from './port.js';
import { socketLink } from './socket-link.js';

/** A link to a device: the path of a tty, or an address `tcp://…` or `rfc2217://…`. */
export function deviceLink(device: string, baudRate: number): OpenLink {
  const place = networkPlace(device);
  return place === undefined ? serialLink(device, baudRate) : socketLink(place, baudRate);
}
