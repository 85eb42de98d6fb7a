import {
  huaweiRules,
  huaweiVendorId,
  layouts,
  modemVendors,
  networkOnly,
  vendorLayouts,
} from '../../src/usb/usb-ports.js';

const twoDigits = (number: number) => number.toString(16).padStart(2, '0');
const vendorOf = (id: string) => id.slice(0, 4);
const productOf = (id: string) => id.slice(5);

/** Ids by vendor, as `[vendor, products]`, both sorted. */
function byVendor(ids: Iterable<string>): [vendor: string, products: string[]][] {
  const vendors = new Map<string, string[]>();
  for (const id of [...ids].toSorted())
    vendors.set(vendorOf(id), [...(vendors.get(vendorOf(id)) ?? []), productOf(id)]);
  return [...vendors];
}

/** What discovery calls a modem: all that its vendors make, and what is listed of other vendors. */
function modemLines(): string[] {
  const unset = 'ENV{SIMGATE_MODEM}==""';
  const mark = 'ENV{SIMGATE_MODEM}="1"';
  const listed = byVendor([...layouts.keys()].filter((id) => !modemVendors.has(vendorOf(id))));
  return [
    '# Network cards with a web page: simgate cannot use them, and ModemManager may.',
    ...byVendor(networkOnly.keys()).map(
      ([vendor, products]) =>
        `${unset}, ATTR{idVendor}=="${vendor}", ATTR{idProduct}=="${products.join('|')}", ENV{SIMGATE_MODEM}="0"`,
    ),
    '# Vendors of modems:',
    ...[...modemVendors].map(
      ([vendor, name]) => `# ${name}\n${unset}, ATTR{idVendor}=="${vendor}", ${mark}`,
    ),
    '# Modems of other vendors.',
    ...listed.map(
      ([vendor, products]) =>
        `${unset}, ATTR{idVendor}=="${vendor}", ATTR{idProduct}=="${products.join('|')}", ${mark}`,
    ),
  ];
}

/**
 * The port that the table names first, by product; then what the vendor's ports most likely are.
 */
function portLines(): string[] {
  const groups = new Map<string, string[]>();
  for (const [id, { at }] of layouts) {
    const key = `${vendorOf(id)}:${twoDigits(at[0]!)}`;
    groups.set(key, [...(groups.get(key) ?? []), productOf(id)]);
  }
  const listed = [...groups]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, products]) => {
      const match = `ENV{ID_VENDOR_ID}=="${vendorOf(key)}", ENV{ID_MODEL_ID}=="${products.toSorted().join('|')}"`;
      return `${match}, ENV{ID_USB_INTERFACE_NUM}=="${productOf(key)}", ENV{SIMGATE_AT_PORT}="1"`;
    });
  const likely = [...vendorLayouts].map(([vendor, { at }]) => {
    const others = byVendor(layouts.keys()).find(([one]) => one === vendor)?.[1] ?? [];
    const match = `ENV{ID_VENDOR_ID}=="${vendor}", ENV{ID_MODEL_ID}!="${others.join('|')}"`;
    return `${match}, ENV{ID_USB_INTERFACE_NUM}=="${twoDigits(at[0]!)}", ENV{SIMGATE_AT_PORT}="1"`;
  });
  return [...listed, ...likely];
}

/** Huawei's control ports, by class, subclass and protocol of the interface. */
function huaweiLines(): string[] {
  return huaweiRules
    .filter(({ role }) => role === 'control')
    .map(({ subclasses, protocol }) => {
      const subclass = subclasses.map(twoDigits).join('|');
      const match = `ATTRS{bInterfaceClass}=="ff", ATTRS{bInterfaceSubClass}=="${subclass}", ATTRS{bInterfaceProtocol}=="${twoDigits(protocol)}"`;
      // It beats a port that the table names by its number, should both have the same name.
      return `ENV{ID_VENDOR_ID}=="${huaweiVendorId}", ${match}, ENV{SIMGATE_AT_PORT}="1", OPTIONS+="link_priority=10"`;
    });
}

/** `udev/60-simgate.rules`, from the tables by which discovery finds modems. */
export function generateRules(): string {
  return `# simgate: its modems for itself alone, with the right group, under names that stay. See docs/systemd.md.
# Written by test/udev/write.ts from src/usb/usb-ports.ts: change that table instead.
#
# A modem that is not listed here is made simgate's, and a listed one is left to others, in a file of yours that sorts before this one, as
# /etc/udev/rules.d/59-simgate-local.rules ("1" is simgate's, "0" is not):
#   SUBSYSTEM=="usb", ENV{DEVTYPE}=="usb_device", ATTR{idVendor}=="1234", ATTR{idProduct}=="5678", ENV{SIMGATE_MODEM}="1"

ACTION=="remove", GOTO="simgate_end"
SUBSYSTEM=="usb", ENV{DEVTYPE}=="usb_device", GOTO="simgate_device"
SUBSYSTEM=="tty", SUBSYSTEMS=="usb", GOTO="simgate_port"
GOTO="simgate_end"

LABEL="simgate_device"
${modemLines().join('\n')}
ENV{SIMGATE_MODEM}!="1", GOTO="simgate_end"
# ModemManager reads this at the USB device. The tag is for the ttys below it.
ENV{ID_MM_DEVICE_IGNORE}="1", TAG+="simgate"
# A suspended stick loses its first commands, and some never wake up.
TEST=="power/control", ATTR{power/control}="on"
GOTO="simgate_end"

LABEL="simgate_port"
# udev(7) looks for the tag at the tty itself and at each device above it: only "==" asks whether one of them has it.
TAGS=="simgate", GOTO="simgate_ours"
GOTO="simgate_end"

LABEL="simgate_ours"
ENV{ID_MM_PORT_IGNORE}="1", GROUP="dialout", MODE="0660", TAG+="systemd"
ENV{ID_USB_INTERFACE_NUM}=="", IMPORT{builtin}="usb_id"
ENV{ID_PATH}=="", IMPORT{builtin}="path_id"
${portLines().join('\n')}
${huaweiLines().join('\n')}
ENV{SIMGATE_AT_PORT}!="1", GOTO="simgate_end"
# By the socket it is plugged into, and by its serial number where it has one.
ENV{ID_PATH}=="?*", SYMLINK+="simgate/by-path/$env{ID_PATH}"
ENV{ID_SERIAL_SHORT}=="?*", SYMLINK+="simgate/by-serial/$env{ID_VENDOR_ID}:$env{ID_MODEL_ID}:$env{ID_SERIAL_SHORT}"

LABEL="simgate_end"
`;
}
