import { describe, expect, test } from 'vitest';
import { whyNoDevice } from '../../src/config/selector.js';

describe('a device', () => {
  test.each([
    '/dev/serial/by-id/usb-HUAWEI_Mobile-if00-port0',
    '/dev/ttyUSB0',
    '/dev/ttyAMA0',
    '/dev/wwan0at0',
    '/dev/pts/3',
    'run/modem',
    './modem',
    'auto',
    'usb:12D1:1506',
    'usb:12d1:1506:0123456789ABCDEF',
    'imei:490154203237518',
  ])('that can work is none of a problem: %s', (device) => {
    expect(whyNoDevice(device)).toBeUndefined();
  });

  test.each([
    ['COM3', /what Windows calls a port.*\/dev\/serial\/by-id/],
    ['com12:', /what Windows calls a port/],
    ['\\\\.\\COM3', /what Windows calls a port/],
    ['ttyUSB0', /must be a path, as "\/dev\/ttyUSB0"/],
    ['ttyACM1', /must be a path, as "\/dev\/ttyACM1"/],
    ['dev/ttyUSB0', /must begin with a slash, as \/dev\/ttyUSB0/],
    ['/dev/ttyUSB*', /must be one path/],
    ['/dev/cdc-wdm0', /QMI or MBIM/],
    ['/dev/bus/usb/001/004', /is no tty/],
    ['12d1:1506', /must begin with "usb:", as "usb:12d1:1506"/],
    ['490154203237518', /must begin with "imei:"/],
    ['AUTO', /"auto" in small letters/],
    ['USB:12d1:1506', /"usb:" in small letters/],
    ['usb:12d1', /must be "usb:VVVV:PPPP"/],
    ['imei:49', /15 digits/],
    [' /dev/ttyUSB0', /blank/],
    ['huawei', /must be an absolute path.*"auto"/],
  ])('that cannot is a problem with the way out: %s', (device, message) => {
    expect(whyNoDevice(device)).toMatch(message);
  });
});
