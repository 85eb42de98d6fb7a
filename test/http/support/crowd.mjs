/**
 * A crowd of strangers in a thread of its own: keeps `count` connections to a port open, each of
 * which writes `bytes` (and then `more` each second, if given), reads nothing, and comes again as
 * soon as it is closed. Posts how many it has opened every 100 ms.
 */
import { connect } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';

const { port, count, bytes, more } = workerData;
const slowMs = 1000;
let opened = 0;

function join() {
  const socket = connect(port, '127.0.0.1');
  socket.pause();
  let slow;
  socket.once('connect', () => {
    opened += 1;
    socket.write(bytes);
    if (more !== undefined) slow = setInterval(() => socket.write(more), slowMs);
  });
  // Reset, refused or ended: whatever it was, the next one comes.
  socket.on('error', () => undefined);
  socket.once('close', () => {
    clearInterval(slow);
    setTimeout(join, 1 + Math.random() * 10);
  });
}

for (let index = 0; index < count; index += 1) join();
setInterval(() => parentPort.postMessage(opened), 100);
