/** The history to be zoomed into; fetched by the view "History" only. */

import uPlot from 'uplot';

/** Times in seconds since 1970, and a list of the same length for each series. */
interface HistoryJson {
  at: number[];
  series: Record<string, (number | null)[]>;
}

interface Plot {
  title: string;
  unit: string;
  /** Which series, by the beginning of their names. */
  of: RegExp;
}

const plots: readonly Plot[] = [
  { title: 'Messages in 5 minutes', unit: '', of: /^messages / },
  { title: 'Waited and took, seconds', unit: ' s', of: /^(?:waited|took) / },
  { title: 'Delivered after, seconds', unit: ' s', of: /^delivered / },
  { title: 'Signal, dBm', unit: ' dBm', of: /^signal / },
];

export async function plotHistory(): Promise<void> {
  const place = document.getElementById('plots');
  if (!place) return;
  const response = await fetch('history.json');
  if (!response.ok) return;
  const history = (await response.json()) as HistoryJson;
  const style = document.createElement('link');
  style.rel = 'stylesheet';
  style.href = 'plot.css';
  const isStyled = new Promise((resolve) => style.addEventListener('load', resolve));
  document.head.append(style);
  await isStyled;
  place.replaceChildren();
  for (const plot of plots) draw(place, plot, history);
}

const styleOf = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Seconds that are shown where hardly anything is known. */
const leastS = 3_600;

function draw(place: Element, { title, unit, of }: Plot, { at, series }: HistoryJson): void {
  const own = Object.entries(series).filter(([name]) => of.test(name));
  if (own.length === 0) return;
  const colours = ['--link', '--bad', '--good', '--warn', '--quiet'].map(styleOf);
  const [ink, line] = [styleOf('--ink'), styleOf('--line')];
  const axis = { stroke: ink, grid: { stroke: line }, ticks: { stroke: line } };
  const isCount = unit === '';
  const now = Date.now() / 1000;
  const width = () => Math.max(280, place.clientWidth);
  const shown = new uPlot(
    {
      title,
      width: width(),
      height: 220,
      // Of one point, or of noughts alone, a scale of its own would show years and hundreds.
      scales: {
        ...(at.length < 2 && { x: { range: [now - leastS, now] } }),
        ...(isCount && { y: { range: (_, __, most) => [0, Math.max(10, (most ?? 0) * 1.05)] } }),
      },
      axes: [axis, { ...axis, size: 60 }],
      series: [
        {},
        ...own.map(([label], index) => ({
          label,
          stroke: colours[index % colours.length]!,
          // Not told apart by colour alone.
          dash: index === 0 ? [] : [4 + 4 * (index % 3), 3],
          value: (_: uPlot, value: number | null) => (value === null ? '–' : `${value}${unit}`),
        })),
      ],
    },
    [at, ...own.map(([, values]) => values)],
    place as HTMLElement,
  );
  addEventListener('resize', () => shown.setSize({ width: width(), height: 220 }));
}
