/** What a `[[modem]]` entry's `device` names. */
export type Selector =
  | { kind: 'path'; path: string }
  | { kind: 'auto' }
  | { kind: 'usb'; vendorId: string; productId: string; serial?: string }
  | { kind: 'imei'; imei: string };

/**
 * A selector, or what is wrong with the setting: the end of a sentence that begins with the key's
 * name.
 */
export type ParsedSelector = { ok: true; selector: Selector } | { ok: false; message: string };

const forms =
  'must be an absolute path (best /dev/serial/by-id/…), "auto", "usb:VVVV:PPPP", "usb:VVVV:PPPP:SERIAL" (the ids are ' +
  'those of lsusb) or "imei:" and 15 digits';

/**
 * Reads the `device` setting. USB ids may be in capitals; a serial number is everything after the
 * third colon.
 */
export function parseSelector(device: string): ParsedSelector {
  if (device === 'auto') return { ok: true, selector: { kind: 'auto' } };
  if (device.startsWith('/')) return { ok: true, selector: { kind: 'path', path: device } };
  if (device.startsWith('usb:')) return parseUsb(device);
  if (device.startsWith('imei:')) return parseImei(device.slice('imei:'.length));
  return { ok: false, message: forms };
}

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
