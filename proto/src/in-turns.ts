import type { Readable } from 'node:stream';

/**
 * Hands on what a stream brings, one object in each turn of the event loop: what the first has caused is
 * with the log, or on its way to the other side, while the next is handled. What has come meanwhile
 * waits in the stream, which takes no more from the network than it has room for, and ends behind it.
 *
 * A stream tells at once that it broke. Call then what is returned: it hands on, in this turn, what had
 * come before.
 */
export function takeInTurns<T>(
  stream: Readable & { read(): T },
  take: (object: T) => void,
): () => void {
  stream.on('data', (object: T) => {
    stream.pause();
    take(object);
    // Behind what `take` has scheduled for the end of this turn.
    setImmediate(() => stream.resume());
  });
  return () => {
    while (stream.read() !== null); // each comes by `data`
  };
}
