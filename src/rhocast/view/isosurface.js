/* Isosurface of a part in a cell of any shape: marching tetrahedra on a thinned mesh. */

const SURFACE_POINTS = 80 ** 3;

/* The six tetrahedra of a cube, around its diagonal; bits of a corner's number are x, y, z. */
const TETRAHEDRA = [[0, 1, 3, 7], [0, 3, 2, 7], [0, 2, 6, 7], [0, 6, 4, 7], [0, 4, 5, 7], [0, 5, 1, 7]];

function isosurface(volume, values, level) {
  const n = volume.shape, total = n[0] * n[1] * n[2];
  const thin = Math.max(1, Math.ceil(Math.cbrt(total / SURFACE_POINTS)));
  const axes = n.map((count) => {
    const places = [];
    for (let i = 0; i < count; i += thin) places.push(i);
    if (volume.periodic) places.push(count);
    return places;
  });
  const mesh = { x: [], y: [], z: [], i: [], j: [], k: [] }, known = new Map();
  const value = (p) => values[((p[0] % n[0]) * n[1] + (p[1] % n[1])) * n[2] + (p[2] % n[2])];
  const vertex = (p, q, vp, vq) => {
    const numbers = [p, q].map((r) => (r[0] * (n[1] + 1) + r[1]) * (n[2] + 1) + r[2]).sort((a, b) => a - b);
    const key = numbers[0] * 4294967296 + numbers[1];
    if (!known.has(key)) {
      const t = (level - vp) / (vq - vp);
      const steps = p.map((a, axis) => a + t * (q[axis] - a));
      const f = steps.map((s, axis) => (volume.periodic ? s / n[axis] : s / (n[axis] - 1)));
      const at = add(volume.origin, times(f, volume.cell));
      known.set(key, mesh.x.length);
      ["x", "y", "z"].forEach((name, axis) => mesh[name].push(at[axis]));
    }
    return known.get(key);
  };
  const place = (a) => [mesh.x[a], mesh.y[a], mesh.z[a]];
  /* The three corners turn so that light falls on the side of the lower values. */
  const triangle = (outwards, a, b, c) => {
    const turned = dot(cross(add(place(b), place(a), -1), add(place(c), place(a), -1)), outwards) < 0;
    mesh.i.push(a); mesh.j.push(turned ? c : b); mesh.k.push(turned ? b : c);
  };
  const middle = (corner, chosen) => times(
    chosen.reduce((sum, i) => add(sum, corner[i], 1 / chosen.length), [0, 0, 0]).map((s, axis) => s / n[axis]), volume.cell);
  for (let a = 0; a + 1 < axes[0].length; a++)
    for (let b = 0; b + 1 < axes[1].length; b++)
      for (let c = 0; c + 1 < axes[2].length; c++) {
        const corner = Array.from({ length: 8 }, (_, i) =>
          [axes[0][a + (i & 1)], axes[1][b + ((i >> 1) & 1)], axes[2][c + ((i >> 2) & 1)]]);
        const at = corner.map(value);
        if (at.every((v) => v < level) || at.every((v) => v >= level)) continue;
        for (const tetrahedron of TETRAHEDRA) {
          const inside = tetrahedron.filter((i) => at[i] >= level);
          const outside = tetrahedron.filter((i) => at[i] < level);
          if (!inside.length || !outside.length) continue;
          const cut = (i, j) => vertex(corner[i], corner[j], at[i], at[j]);
          const outwards = add(middle(corner, outside), middle(corner, inside), -1);
          if (inside.length === 1) triangle(outwards, ...outside.map((o) => cut(inside[0], o)));
          if (inside.length === 3) triangle(outwards, ...inside.map((i) => cut(i, outside[0])));
          if (inside.length === 2) {
            const [p, q] = inside, [r, s] = outside;
            const corners = [cut(p, r), cut(p, s), cut(q, s), cut(q, r)];
            triangle(outwards, corners[0], corners[1], corners[2]);
            triangle(outwards, corners[0], corners[2], corners[3]);
          }
        }
      }
  return mesh;
}
