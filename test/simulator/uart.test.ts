import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/simulator/random.js';
import { distort, PacedLine } from '../../src/simulator/uart.js';
import { FakeClock } from './support/fake-clock.js';

describe('a paced line', () => {
  it('takes 10 bits an octet, back to back writes behind one another', () => {
    const clock = new FakeClock();
    let heard = '';
    const line = new PacedLine(clock, 115_200, (bytes) => {
      heard += bytes;
    });
    line.write('x'.repeat(576));
    line.write('y'.repeat(576));
    clock.advance(49.9);
    expect(heard.length).toBeGreaterThan(500);
    expect(heard).not.toContain('y');
    clock.advance(50);
    expect(heard.length).toBeLessThan(1152);
    clock.advance(0.2);
    expect(heard).toBe('x'.repeat(576) + 'y'.repeat(576));
  });

  it('hands on at once when unpaced, keeping the order behind a pause', () => {
    const clock = new FakeClock();
    const heard: string[] = [];
    const line = new PacedLine(clock, 0, (bytes) => heard.push(bytes));
    line.write('a');
    line.write('b', 5);
    line.write('c');
    expect(heard).toEqual(['a']);
    clock.advance(5);
    expect(heard).toEqual(['a', 'b', 'c']);
  });

  it('bounds what waits and counts what it loses', () => {
    const line = new PacedLine(new FakeClock(), 300, () => {});
    for (let count = 0; count < 20; count++) line.write('x'.repeat(100_000));
    expect(line.droppedOctets).toBeGreaterThan(900_000);
  });
});

describe('a bad line', () => {
  const reply = '\r\n+CMGS: 12\r\n\r\nOK\r\n';
  const spoil = (distortion: Parameters<typeof distort>[1], seed: number): string =>
    distort(reply, distortion, seededRandom(seed))
      .map(({ bytes }) => bytes)
      .join('');
  const seeds = Array.from({ length: 200 }, (_, seed) => seed);

  it('flips at least one bit and keeps the length', () => {
    for (const seed of seeds) {
      const garbled = spoil({ garble: true }, seed);
      expect(garbled).toHaveLength(reply.length);
      expect(garbled).not.toBe(reply);
    }
  });

  it('loses at least one octet', () => {
    for (const seed of seeds) expect(spoil({ drop: true }, seed).length).toBeLessThan(reply.length);
  });

  it('splits into single octets with a pause before each', () => {
    const pieces = distort(reply, { splitPauseMs: 2 }, seededRandom(1));
    expect(pieces.map(({ bytes }) => bytes).join('')).toBe(reply);
    expect(pieces.every(({ bytes, pauseMs }) => bytes.length === 1 && pauseMs === 2)).toBe(true);
  });
});
