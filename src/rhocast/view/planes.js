/* A plane (hkl) through a part of the cell, as a rectangle of points. */

const PIXELS = 260;

class Plane {
  /* offset: from 0, the first corner that the plane meets, to 1, the last. */
  constructor(volume, hkl, offset) {
    const reciprocal = [0, 1, 2].map((j) => volume.inverse.map((row) => row[j]));
    this.normal = unit(hkl.reduce((sum, h, j) => add(sum, reciprocal[j], h), [0, 0, 0]));
    this.u = unit(this.edge(volume, hkl));
    this.v = cross(this.normal, this.u);
    const diagonal = volume.cell.reduce((sum, edge) => add(sum, edge), [0, 0, 0]);
    if (dot(this.v, diagonal) < 0) this.v = scaled(this.v, -1);
    const corners = volume.corners();
    const [low, high] = range(corners.map((corner) => dot(corner, this.normal)));
    this.height = low + offset * (high - low);
    this.fromCorner = offset * (high - low);
    const us = range(corners.map((corner) => dot(corner, this.u)));
    const vs = range(corners.map((corner) => dot(corner, this.v)));
    const step = Math.max(us[1] - us[0], vs[1] - vs[0]) / (PIXELS - 1);
    this.us = Array.from({ length: 1 + Math.round((us[1] - us[0]) / step) }, (_, i) => us[0] + i * step);
    this.vs = Array.from({ length: 1 + Math.round((vs[1] - vs[0]) / step) }, (_, i) => vs[0] + i * step);
    this.volume = volume;
  }

  /* Shortest lattice vector in the plane: the direction that points to the right. */
  edge(volume, hkl) {
    let best = null;
    for (let i = -3; i <= 3; i++)
      for (let j = -3; j <= 3; j++)
        for (let k = -3; k <= 3; k++) {
          if (i * hkl[0] + j * hkl[1] + k * hkl[2] !== 0 || (!i && !j && !k)) continue;
          const vector = times([i, j, k], volume.cell);
          const score = Math.hypot(...vector) - 1e-6 * (3 * i + 2 * j + k);
          if (best === null || score < best.score) best = { score, vector };
        }
    return best === null ? cross(this.normal, Math.abs(this.normal[0]) < 0.9 ? [1, 0, 0] : [0, 1, 0]) : best.vector;
  }

  point(u, v) {
    return add(add(scaled(this.u, u), this.v, v), this.normal, this.height);
  }

  /* Rows of values; null outside the part. */
  values(array) {
    return this.vs.map((v) =>
      this.us.map((u) => {
        const point = this.point(u, v);
        return this.volume.contains(this.volume.fractional(point)) ? this.volume.at(array, point) : null;
      }));
  }

  /* Atoms within a distance (Bohr) of the plane, as places in it. */
  atoms(distance) {
    const found = [], { periodic, edge, numbers, positions } = this.volume;
    const reach = periodic ? [-1, 0, 1] : [0];
    for (let a = 0; a < numbers.length; a++) {
      const place = [positions[3 * a], positions[3 * a + 1], positions[3 * a + 2]];
      for (const i of reach)
        for (const j of reach)
          for (const k of reach) {
            const image = add(place, times([i, j, k], this.volume.cell));
            const away = dot(image, this.normal) - this.height;
            if (Math.abs(away) > distance) continue;
            const u = dot(image, this.u), v = dot(image, this.v);
            if (!periodic || this.volume.contains(this.volume.fractional(this.point(u, v)), edge))
              found.push({ u, v, away, number: numbers[a] });
          }
    }
    return found;
  }

  /* Ends of the line through a point along a direction, within the part. */
  line(u, v, which) {
    const direction = { u: this.u, v: this.v, n: this.normal }[which];
    const start = this.volume.fractional(this.point(u, v)), slope = times(direction, this.volume.inverse);
    let low = -Infinity, high = Infinity;
    for (let axis = 0; axis < 3; axis++) {
      if (Math.abs(slope[axis]) < 1e-12) continue;
      const ends = [-start[axis] / slope[axis], (1 - start[axis]) / slope[axis]];
      low = Math.max(low, Math.min(...ends));
      high = Math.min(high, Math.max(...ends));
    }
    return { origin: this.point(u, v), direction, low, high };
  }
}
