// Scales and paths of the charts. Pure.

/** A round number at or above `max` and the steps up to it. */
export function ticks(max: number, wanted = 4): number[] {
  if (!(max > 0)) return [0, 1];
  const raw = max / wanted;
  const magnitude = 10 ** Math.floor(Math.log10(raw));
  const step = ([1, 2, 2.5, 5, 10].find((one) => one * magnitude >= raw) ?? 10) * magnitude;
  const out: number[] = [];
  for (let n = 0; n <= Math.ceil(max / step - 1e-9); n += 1) out.push(Number((n * step).toPrecision(6)));
  return out;
}

/** An SVG path through `values`, broken where a value is missing. */
export function linePath(values: (number | null)[], x: (index: number) => number, y: (value: number) => number): string {
  let path = '';
  let pen = false;
  values.forEach((value, index) => {
    if (value === null || !Number.isFinite(value)) {
      pen = false;
      return;
    }
    path += `${pen ? 'L' : 'M'}${x(index).toFixed(1)} ${y(value).toFixed(1)}`;
    pen = true;
  });
  return path;
}

/** One side of a waveform as a closed shape: `up` is −1 for above the middle, 1 for below. */
export function peakPath(peaks: number[], width: number, middle: number, swing: number, up: 1 | -1): string {
  if (!peaks.length) return '';
  const step = width / peaks.length;
  let path = `M0 ${middle}`;
  peaks.forEach((peak, i) => {
    const y = middle + (up * swing * Math.min(100, Math.max(0, peak))) / 100;
    path += `L${(i * step).toFixed(1)} ${y.toFixed(1)}L${((i + 0.8) * step).toFixed(1)} ${y.toFixed(1)}`;
  });
  return `${path}L${width} ${middle}Z`;
}

/** Which of many labels fit: every n-th, the last always. */
export function fitting(count: number, width: number, each: number): number[] {
  const every = Math.max(1, Math.ceil((count * each) / Math.max(1, width)));
  return Array.from({ length: count }, (_, i) => i).filter((i) => (count - 1 - i) % every === 0);
}
