import { hostAndPort, isLoopback, parseListen } from './listen.js';

/** What a `[[modem]]` entry's `device` names. */
export type Selector =
  | { kind: 'path'; path: string }
  | { kind: 'auto' }
  | { kind: 'usb'; vendorId: string; productId: string; serial?: string }
  | { kind: 'imei'; imei: string }
  | ({ kind: 'network' } & NetworkPlace);

/** A modem's port that is reached over TCP. */
export interface NetworkPlace {
  /** `tcp`: octets as they are · `rfc2217`: telnet with control of the port (RFC 2217). */
  protocol: 'tcp' | 'rfc2217';
  /** An IP address (IPv6 without brackets) or a host name. */
  host: string;
  /** 1–65535. */
  port: number;
}

/**
 * A selector, or what is wrong with the setting: the end of a sentence that begins with the key's
 * name.
 */
export type ParsedSelector = { ok: true; selector: Selector } | { ok: false; message: string };

const forms =
  'must be an absolute path (best /dev/serial/by-id/…), "auto", "usb:VVVV:PPPP", "usb:VVVV:PPPP:SERIAL" (the ids are ' +
  'those of lsusb), "imei:" and 15 digits, or "tcp://host:port" or "rfc2217://host:port" for one over the network';

/**
 * Reads the `device` setting. USB ids may be in capitals; a serial number is everything after the
 * third colon.
 */
export function parseSelector(device: string): ParsedSelector {
  if (device === 'auto') return { ok: true, selector: { kind: 'auto' } };
  if (device.startsWith('/')) return { ok: true, selector: { kind: 'path', path: device } };
  if (device.startsWith('usb:')) return parseUsb(device);
  if (device.startsWith('imei:')) return parseImei(device.slice('imei:'.length));
  if (device.includes('://')) return parseNetwork(device);
  return { ok: false, message: forms };
}

/**
 * What is wrong with a `device` of the configuration, and the way out; undefined when nothing is.
 * There, unlike on the command line, a path may be relative, but it has a slash.
 */
export function whyNoDevice(written: string): string | undefined {
  const device = written.trim();
  if (device !== written) return 'must not begin or end with a blank';
  const prefixed = /^(?:usb:|imei:|auto$|[a-z0-9]+:\/\/)/i.exec(device)?.[0].toLowerCase();
  if (prefixed !== undefined) {
    const parsed = parseSelector(prefixed + device.slice(prefixed.length));
    if (!parsed.ok) return parsed.message;
    return device.startsWith(prefixed) ? undefined : `must have "${prefixed}" in small letters`;
  }
  return device.includes('/') ? whyNoTty(device) : whyNoName(device);
}

/** Of a path. */
function whyNoTty(path: string): string | undefined {
  if (path.startsWith('dev/')) return `must begin with a slash, as /${path}`;
  if (/[*?[\]]/.test(path)) return `must be one path without *, ? and [: ${listsThem}`;
  if (/^\/dev\/(?:cdc-wdm|wwan\d+(?:qmi|mbim))/.test(path))
    return `is the port of a modem for QMI or MBIM, which takes no AT commands: ${listsThem}`;
  if (/^\/(?:dev\/bus|sys|proc)\//.test(path)) return `is no tty: ${listsThem}`;
  return undefined;
}

/** Of a word without a slash. */
function whyNoName(word: string): string {
  if (/^(?:\\\\\.\\)?COM\d+:?$/i.test(word))
    return `is what Windows calls a port; here it is a path, best /dev/serial/by-id/…: ${listsThem}`;
  if (/^[0-9a-f]{4}:[0-9a-f]{4}(?::.+)?$/i.test(word))
    return `must begin with "usb:", as "usb:${word.slice(0, 9).toLowerCase()}"`;
  if (parseListen(word) !== undefined)
    return `must begin with "tcp://" or "rfc2217://", as "rfc2217://${word}"`;
  if (/^\d{15}$/.test(word)) return 'must begin with "imei:" when it is an IMEI';
  if (/^(?:tty|rfcomm|modem|serial|gsm)[A-Za-z0-9_-]*$/.test(word))
    return `must be a path, as "/dev/${word}", or better that of /dev/serial/by-id/…, which outlives a re-plug`;
  return forms;
}

const listsThem = '"simgate modems" lists them';

function parseUsb(device: string): ParsedSelector {
  const match = /^usb:([0-9a-f]{4}):([0-9a-f]{4})(?::(.+))?$/i.exec(device);
  if (match === null)
    return {
      ok: false,
      message: `must be "usb:VVVV:PPPP" or "usb:VVVV:PPPP:SERIAL" with the four-digit ids that lsusb shows, as "usb:12d1:1506"`,
    };
  const [vendorId, productId, serial] = [
    match[1]!.toLowerCase(),
    match[2]!.toLowerCase(),
    match[3],
  ];
  return {
    ok: true,
    selector: {
      kind: 'usb',
      vendorId,
      productId,
      ...(serial !== undefined && { serial: serial.trim() }),
    },
  };
}

function parseNetwork(device: string): ParsedSelector {
  const match = /^(tcp|rfc2217):\/\/([^/]*)\/?$/.exec(device);
  const place = parseListen(match?.[2] ?? '');
  if (match === null || place === undefined || place.port === 0)
    return {
      ok: false,
      message:
        'must be "tcp://host:port" or "rfc2217://host:port" with a port of 1 to 65535, as "tcp://127.0.0.1:2001" or ' +
        '"rfc2217://[fd00::7]:2001"',
    };
  const protocol = match[1] === 'tcp' ? 'tcp' : 'rfc2217';
  return { ok: true, selector: { kind: 'network', protocol, ...place } };
}

/** What a modem over the network is called wherever another one has its tty. */
export const networkDevice = (place: NetworkPlace): string =>
  `${place.protocol}://${hostAndPort(place)}`;

/** Where a device is reached over the network; undefined when it is a tty. */
export function networkPlace(device: string): NetworkPlace | undefined {
  if (!device.includes('://')) return undefined;
  const parsed = parseSelector(device);
  return parsed.ok && parsed.selector.kind === 'network' ? parsed.selector : undefined;
}

/**
 * Whether what is said to a modem there leaves this machine, where others may read PINs and codes
 * on the way.
 */
export const leavesMachine = ({ host }: NetworkPlace): boolean => !isLoopback(host);

/**
 * 3GPP TS 23.003 6.2.1: 14 digits and a check digit; spaces and hyphens between them, as on the
 * label, are fine.
 */
function parseImei(text: string): ParsedSelector {
  const imei = text.replace(/[\s-]/g, '');
  if (/^\d{15}$/.test(imei)) return { ok: true, selector: { kind: 'imei', imei } };
  const isImeisv = /^\d{16}$/.test(imei);
  return {
    ok: false,
    message: isImeisv
      ? 'has 16 digits after "imei:": that is an IMEISV; give the 15 digits of the label'
      : 'must have the 15 digits of the label after "imei:"',
  };
}

/**
 * Whether two IMEIs are the same device: the first 14 digits count. The 15th is a check digit,
 * which many modems answer as 0 (3GPP TS 23.003 6.2.1, "spare digit").
 */
export function isSameImei(a: string, b: string): boolean {
  const significant = (imei: string) => imei.replace(/\D/g, '').slice(0, 14);
  return significant(a).length === 14 && significant(a) === significant(b);
}
