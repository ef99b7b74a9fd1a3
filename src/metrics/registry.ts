export type Labels = { readonly [label: string]: string };

/** A number that only grows. */
export interface Counter {
  add(labels?: Labels, amount?: number): void;
  /** Drops the series of a subject that is gone. */
  remove(labels: Labels): void;
}
/** A number that is set, or asked for when metrics are read. */
export interface Gauge {
  set(value: number, labels?: Labels): void;
  /** More by one, until what is returned is called. */
  hold(labels: Labels): () => void;
  /** Drops the series of a subject that is gone. */
  remove(labels: Labels): void;
}
export interface Histogram {
  observe(value: number, labels?: Labels): void;
  /** Drops the series of a subject that is gone. */
  remove(labels: Labels): void;
}

interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  lines(): Iterable<string>;
}

export interface MetricSpec {
  readonly name: string;
  /** Upstream's, with its stability level in front. */
  readonly help: string;
  /** Names of the labels, in the order in which they are printed. */
  readonly labels?: readonly string[];
}

/** Client default of upstream, in seconds. */
export const DEFAULT_BUCKETS: readonly number[] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** `count` bounds, each `factor` times the one before. */
export const exponentialBuckets = (start: number, factor: number, count: number): readonly number[] =>
  Array.from({ length: count }, (_, n) => start * factor ** n);

/** Every metric of the process; renders them in the Prometheus text format, version 0.0.4. */
export class MetricRegistry {
  readonly #families = new Map<string, Family>();

  counter(spec: MetricSpec): Counter {
    const series = this.#numbers(spec, "counter");
    return {
      add: (labels = {}, amount = 1) => series.set(labels, (series.get(labels) ?? 0) + amount),
      remove: (labels) => series.delete(labels),
    };
  }

  gauge(spec: MetricSpec): Gauge {
    const series = this.#numbers(spec, "gauge");
    const add = (labels: Labels, amount: number) => series.set(labels, (series.get(labels) ?? 0) + amount);
    return {
      set: (value, labels = {}) => series.set(labels, value),
      hold: (labels) => {
        add(labels, 1);
        return () => add(labels, -1);
      },
      remove: (labels) => series.delete(labels),
    };
  }

  /** Series that `read` gives at each reading: for what is known elsewhere. */
  computed(type: "counter" | "gauge", spec: MetricSpec, read: () => Iterable<readonly [Labels, number]>): void {
    const { name, labels = [] } = spec;
    this.#add(spec, type, function* () {
      for (const [values, value] of read()) yield `${name}${labelText(labels, values)} ${numberText(value)}`;
    });
  }

  histogram(spec: MetricSpec & { readonly buckets?: readonly number[] }): Histogram {
    const { name, labels = [], buckets = DEFAULT_BUCKETS } = spec;
    const series = new SeriesMap<{ readonly counts: number[]; sum: number; count: number }>(labels);
    this.#add(spec, "histogram", function* () {
      for (const [values, { counts, sum, count }] of series.entries()) {
        let below = 0;
        for (const [n, bound] of buckets.entries()) {
          below += counts[n] ?? 0;
          yield `${name}_bucket${labelText(labels, values, numberText(bound))} ${below}`;
        }
        yield `${name}_bucket${labelText(labels, values, "+Inf")} ${count}`;
        yield `${name}_sum${labelText(labels, values)} ${numberText(sum)}`;
        yield `${name}_count${labelText(labels, values)} ${count}`;
      }
    });
    return {
      observe(value, values = {}) {
        const one = series.get(values) ?? { counts: buckets.map(() => 0), sum: 0, count: 0 };
        const place = buckets.findIndex((bound) => value <= bound);
        if (place >= 0) one.counts[place] = (one.counts[place] ?? 0) + 1;
        one.sum += value;
        one.count++;
        series.set(values, one);
      },
      remove: (labels) => series.delete(labels),
    };
  }

  /** Families without a series are left out, as upstream does. */
  render(): string {
    const out: string[] = [];
    for (const family of [...this.#families.values()].sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const lines = [...family.lines()];
      if (lines.length === 0) continue;
      out.push(`# HELP ${family.name} ${family.help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}`);
      out.push(`# TYPE ${family.name} ${family.type}`, ...lines);
    }
    return `${out.join("\n")}\n`;
  }

  #numbers(spec: MetricSpec, type: "counter" | "gauge"): SeriesMap<number> {
    const { name, labels = [] } = spec;
    const series = new SeriesMap<number>(labels);
    // One without labels starts at 0, so that a rate can be taken from the first reading on.
    if (labels.length === 0) series.set({}, 0);
    this.#add(spec, type, function* () {
      for (const [values, value] of series.entries()) yield `${name}${labelText(labels, values)} ${numberText(value)}`;
    });
    return series;
  }

  #add({ name, help }: MetricSpec, type: Family["type"], lines: Family["lines"]): void {
    if (this.#families.has(name)) throw new RangeError(`Cannot register metric ${name} twice`);
    this.#families.set(name, { name, help, type, lines });
  }
}

/** Values by their labels. */
class SeriesMap<Value> {
  readonly #labels: readonly string[];
  readonly #series = new Map<string, { readonly labels: Labels; value: Value }>();

  constructor(labels: readonly string[]) {
    this.#labels = labels;
  }

  get(labels: Labels): Value | undefined {
    return this.#series.get(this.#key(labels))?.value;
  }

  set(labels: Labels, value: Value): void {
    const key = this.#key(labels);
    const held = this.#series.get(key);
    if (held) held.value = value;
    else this.#series.set(key, { labels, value });
  }

  delete(labels: Labels): void {
    this.#series.delete(this.#key(labels));
  }

  *entries(): Generator<readonly [Labels, Value]> {
    for (const key of [...this.#series.keys()].sort()) {
      const one = this.#series.get(key);
      if (one) yield [one.labels, one.value];
    }
  }

  #key(labels: Labels): string {
    return this.#labels.map((label) => labels[label] ?? "").join("\u0000");
  }
}

function labelText(names: readonly string[], values: Labels, bound?: string): string {
  const pairs = names.map((name) => `${name}="${escapeLabel(values[name] ?? "")}"`);
  if (bound !== undefined) pairs.push(`le="${bound}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

const escapeLabel = (value: string): string =>
  value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");

function numberText(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  return `${value}`;
}
