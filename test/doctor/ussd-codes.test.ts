import { describe, expect, it } from 'vitest';
import { whyNotUssd, whyNoUssd } from '../../src/doctor/ussd.js';

describe('a USSD request', () => {
  it.each([
    '*100#',
    '#31#',
    '*31#',
    '*43#',
    '*#06#',
    '1',
    '*101*123456789012#',
    // Asking changes nothing.
    '*#21#',
    '*#67#',
    '*#002#',
    '*#33#',
    '*#330#',
    // Codes of a carrier that only begin alike.
    '*210#',
    '*3301#',
    '*0400#',
    '*622*5#',
  ])('%s may be sent', (code) => {
    expect(whyNotUssd(code, [])).toBeUndefined();
  });

  it.each(['', '*100#"\r', '*100#",15\rAT+CPIN="1234', '*100#;+CMGD=1,4', '1'.repeat(183)])(
    '%j is none',
    (code) => {
      expect(whyNoUssd(code)).toContain('182 at most');
      expect(whyNotUssd(code, ['call_forwarding', 'call_barring', 'password', 'pin'])).toBe(
        whyNoUssd(code),
      );
    },
  );

  it.each([
    ['call_forwarding', '**21*4915112345678#'],
    ['call_forwarding', '*21#'],
    ['call_forwarding', '*21*4915112345678*11#'],
    ['call_forwarding', '#21#'],
    ['call_forwarding', '##21#'],
    ['call_forwarding', '**61*4915112345678**20#'],
    ['call_forwarding', '**62*4915112345678#'],
    ['call_forwarding', '**67*4915112345678#'],
    ['call_forwarding', '##002#'],
    ['call_forwarding', '**004*4915112345678#'],
    ['call_forwarding', '*88*4915112345678#'],
    ['call_barring', '*33*0000#'],
    ['call_barring', '#33*0000#'],
    ['call_barring', '*330*0000#'],
    ['call_barring', '#330*0000#'],
    ['call_barring', '*331*0000#'],
    ['call_barring', '*332*0000#'],
    ['call_barring', '#333*0000#'],
    ['call_barring', '*35*0000*16#'],
    ['call_barring', '*351*0000#'],
    ['call_barring', '#353*0000#'],
    ['password', '**03*330*0000*1234*1234#'],
    ['password', '*03**0000*1234*1234#'],
    ['pin', '**04*1234*4321*4321#'],
    ['pin', '**042*1234*4321*4321#'],
    ['pin', '**05*12345678*1234*1234#'],
    ['pin', '**052*12345678*1234*1234#'],
  ] as const)(
    'is refused where it changes %s: %s, unless the configuration allows it',
    (service, code) => {
      expect(whyNotUssd(code, [])).toContain(
        `ussd_allow under [control] in the configuration names "${service}"`,
      );
      expect(whyNotUssd(code, [service])).toBeUndefined();
      const others = (['call_forwarding', 'call_barring', 'password', 'pin'] as const).filter(
        (one) => one !== service,
      );
      expect(whyNotUssd(code, others)).toBeDefined();
    },
  );
});
