import { type HeapProfiler, Session } from 'node:inspector';

/** Every so many bytes one allocation is looked at; the rest is computed from them. */
const samplingInterval = 16_384;

/** Bytes that this thread allocates on its heap while `work` runs, whatever becomes of them. */
export async function allocatedBytes(work: () => Promise<void>): Promise<number> {
  const session = new Session();
  session.connect();
  const isKept = {
    includeObjectsCollectedByMajorGC: true,
    includeObjectsCollectedByMinorGC: true,
  };
  session.post('HeapProfiler.startSampling', { samplingInterval, ...isKept });
  await work();
  const profile = await new Promise<HeapProfiler.SamplingHeapProfile>((resolve, reject) => {
    session.post('HeapProfiler.stopSampling', (error, result) => {
      if (error) reject(error);
      else resolve(result.profile);
    });
  });
  session.disconnect();
  return bytesOf(profile.head);
}

function bytesOf({ selfSize, children }: HeapProfiler.SamplingHeapProfileNode): number {
  return children.reduce((sum, child) => sum + bytesOf(child), selfSize);
}
