import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { otherModemAt, readOtherModems } from '../../../src/operator/setup/other-gateways.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'other-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const read = (text: string) => {
  const file = join(folder, 'conf');
  writeFileSync(file, text);
  return readOtherModems([join(folder, 'none'), file]);
};

it('reads what Gammu’s daemon was told: the phone’s port, and the PIN and SMSC of [smsd]', () => {
  expect(
    read(`# Configuration file for Gammu SMS Daemon
[gammu]
# Please configure this!
port = /dev/serial/by-id/usb-HUAWEI-if00
connection = at19200
; model = at
[smsd]
service = files
PIN = 1234
SMSC = "+49 171 0760000"
logfile = syslog
`),
  ).toMatchObject([
    {
      section: 'gammu',
      device: '/dev/serial/by-id/usb-HUAWEI-if00',
      pin: '1234',
      smsc: '+491710760000',
      baud: 19_200,
    },
  ]);
});

it('reads each modem of smstools, whose SMSC has no plus', () => {
  const found = read(`devices = GSM1, GSM2
outgoing = /var/spool/sms/outgoing
logfile = /var/log/smstools/smsd.log
[GSM1]
device = /dev/ttyUSB0
incoming = yes
pin = 4711
smsc = 491710760000
baudrate = 115200
[GSM2]
device = /dev/ttyUSB1
pin = ignore
`);
  expect(found).toMatchObject([
    { section: 'GSM1', device: '/dev/ttyUSB0', pin: '4711', smsc: '+491710760000' },
    { section: 'GSM2', device: '/dev/ttyUSB1', pin: undefined, smsc: undefined },
  ]);
  expect(found.map(({ baud }) => baud)).toEqual([undefined, undefined]);
});

it('reads several phones of .gammurc, and none where it is a Bluetooth address or a socket', () => {
  const found = read(
    '[gammu]\r\ndevice = /dev/ttyACM0\r\nconnection = at\r\n[gammu1]\r\nport = 00:11:22:33:44:55\r\nconnection = bluerfat\r\n[gammu2]\r\nport=/dev/ttyACM1\r\n',
  );
  expect(found.map(({ section, device }) => [section, device])).toEqual([
    ['gammu', '/dev/ttyACM0'],
    ['gammu2', '/dev/ttyACM1'],
  ]);
});

it('nonsense is nothing, whatever its size', () => {
  expect(read('\u0000\u0001[[[=\n]=\n[a\nport=/dev/x'.repeat(1000))).toEqual([]);
  expect(readOtherModems([folder])).toEqual([]);
});

it('knows a tty by whatever name it has', () => {
  const tty = join(folder, 'tty');
  writeFileSync(tty, '');
  symlinkSync(tty, join(folder, 'by-id'));
  const modem = { file: 'f', section: 's', pin: undefined, smsc: undefined, baud: undefined };
  const modems = [{ ...modem, device: join(folder, 'by-id') }];
  expect(otherModemAt(modems, tty)).toBe(modems[0]);
  expect(otherModemAt(modems, join(folder, 'else'))).toBeUndefined();
  expect(otherModemAt(modems, undefined)).toBeUndefined();
});
