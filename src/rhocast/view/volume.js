/* A part of the cell: values on a mesh, and their values between the mesh points. */

async function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Float32Array(await new Response(stream).arrayBuffer());
}

/* Solve x = f · rows for f, where rows holds three vectors. */
function inverse3(m) {
  const [[a, b, c], [d, e, f], [g, h, i]] = m;
  const det = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
  return [
    [(e * i - f * h) / det, (c * h - b * i) / det, (b * f - c * e) / det],
    [(f * g - d * i) / det, (a * i - c * g) / det, (c * d - a * f) / det],
    [(d * h - e * g) / det, (b * g - a * h) / det, (a * e - b * d) / det],
  ];
}

const times = (row, m) => [0, 1, 2].map((j) => row[0] * m[0][j] + row[1] * m[1][j] + row[2] * m[2][j]);
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const add = (a, b, factor = 1) => a.map((x, i) => x + factor * b[i]);
const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
const scaled = (a, factor) => a.map((x) => factor * x);
const unit = (a) => scaled(a, 1 / Math.hypot(...a));

/* Atoms so near a face of the cell are shown on the opposite one, too. */
const EDGE_BOHR = 0.3;

class Volume {
  constructor(part, fields, positions) {
    Object.assign(this, part);
    this.fields = fields;
    this.positions = positions;
    this.inverse = inverse3(part.cell);
    /* A whole cell begins at the corner of the cell, though its first mean stands within. */
    this.corner = part.periodic ? [0, 0, 0] : part.origin;
    this.edge = part.cell.map((edge) => (part.periodic ? EDGE_BOHR / Math.hypot(...edge) : 1e-9));
    if (fields.epistemic_std && fields.aleatoric_std)
      this.sigma = fields.epistemic_std.map((e, i) => Math.hypot(e, fields.aleatoric_std[i]));
  }

  /* Fractional place within the part, from the corner. */
  fractional(point) {
    return times(add(point, this.corner, -1), this.inverse);
  }

  /* margin: how far outside still counts, along each edge. */
  contains(fractional, margin = [1e-9, 1e-9, 1e-9]) {
    return fractional.every((f, axis) => f >= -margin[axis] && f <= 1 + margin[axis]);
  }

  /* Interpolation of an array at a point (Bohr): cubic polynomials through the four nearest values
     along each axis, whose slopes are those of the neighbours (Catmull-Rom). */
  at(values, point) {
    const f = times(add(point, this.origin, -1), this.inverse), n = this.shape;
    const axes = f.map((place, axis) => this.neighbours(place, n[axis]));
    let sum = 0;
    for (const [i, wi] of axes[0])
      for (const [j, wj] of axes[1]) {
        const row = (i * n[1] + j) * n[2];
        for (const [k, wk] of axes[2]) sum += wi * wj * wk * values[row + k];
      }
    return sum;
  }

  /* Indices and weights of the values that count at a fractional place along an axis. */
  neighbours(fraction, count) {
    const place = this.periodic ? fraction * count : Math.min(Math.max(fraction * (count - 1), 0), count - 1);
    const low = Math.floor(place), t = place - low;
    const weights = [
      ((2 - t) * t - 1) * t / 2, ((3 * t - 5) * t * t + 2) / 2, ((4 - 3 * t) * t + 1) * t / 2, (t - 1) * t * t / 2,
    ];
    return weights.map((weight, i) => {
      const index = low + i - 1;
      return [this.periodic ? ((index % count) + count) % count : Math.min(Math.max(index, 0), count - 1), weight];
    });
  }

  /* Atoms with their images within the part: one on a face of a periodic part is on the opposite one, too. */
  atoms() {
    const found = [], reach = this.periodic ? [-1, 0, 1] : [0];
    for (let a = 0; a < this.numbers.length; a++) {
      const own = [0, 1, 2].map((axis) => this.positions[3 * a + axis]);
      for (const i of reach)
        for (const j of reach)
          for (const k of reach) {
            const place = add(own, times([i, j, k], this.cell));
            if (this.contains(this.fractional(place), this.edge)) found.push({ number: this.numbers[a], place });
          }
    }
    return found;
  }

  corners() {
    const found = [];
    for (let i = 0; i < 8; i++)
      found.push(add(this.corner, times([i & 1, (i >> 1) & 1, (i >> 2) & 1], this.cell)));
    return found;
  }
}

/* Least and greatest finite value of an array. */
function range(values) {
  let low = Infinity, high = -Infinity;
  for (const v of values) {
    if (v < low) low = v;
    if (v > high) high = v;
  }
  return [low, high];
}
