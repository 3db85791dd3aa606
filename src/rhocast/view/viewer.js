/* The controls and the three pictures. */

const data = JSON.parse(document.getElementById("data").textContent);
const control = (id) => document.getElementById(id);
const UNIT = "e/Bohr³", CONFIG = { responsive: true, displaylogo: false };
/* Plotly's buttons stand at the upper right: titles begin at the left. */
const title = (text) => ({ text, font: { size: 15 }, x: 0, xref: "paper", xanchor: "left" });
const LEGEND = { x: 1, xanchor: "right", y: 0, yanchor: "bottom", orientation: "h", bgcolor: "rgba(255,255,255,0.75)" };
const viewer = { volumes: [], clicked: null };
window.viewer = viewer;

async function start() {
  for (const [name, text] of data.facts) {
    const entry = document.createElement("div");
    for (const [tag, content] of [["dt", name], ["dd", text]])
      entry.appendChild(document.createElement(tag)).textContent = content;
    control("facts").appendChild(entry);
  }
  /* The first picture does not wait for what is not in it. */
  const [first] = data.parts, [shown] = Object.keys(first.fields);
  control("part").add(new Option(first.name, 0));
  control("field").add(new Option(data.titles[shown] ?? shown, shown));
  const fields = { [shown]: await unpack(first.fields[shown]) };
  viewer.volumes.push(new Volume(first, fields, await unpack(first.positions)));
  if (shown === "difference") control("colours").value = "RdBu";
  drawSlice();
  viewer.firstPicture = performance.now();
  await new Promise((resolve) => setTimeout(resolve));
  await unpackRest(shown);
  connect();
  drawAll();
  viewer.ready = true;
}

async function unpackRest(shown) {
  for (const name of Object.keys(data.parts[0].fields).filter((other) => other !== shown))
    control("field").add(new Option(data.titles[name] ?? name, name));
  for (const [number, part] of data.parts.entries()) {
    if (number > 0) control("part").add(new Option(part.name, number));
    const fields = viewer.volumes[number]?.fields ?? {};
    for (const [name, packed] of Object.entries(part.fields)) fields[name] ??= await unpack(packed);
    viewer.volumes[number] = new Volume(part, fields, await unpack(part.positions));
  }
}

function connect() {
  const on = (ids, event, act) => ids.forEach((id) => control(id).addEventListener(event, act));
  on(["field", "part", "plane"], "change", ({ target }) => {
    if (target === control("field") && field() === "difference") control("colours").value = "RdBu";
    control("hkl-label").hidden = control("plane").value !== "other";
    viewer.clicked = null;
    drawAll();
  });
  on(["hkl"], "change", drawAll);
  on(["offset"], "input", () => { drawSlice(); drawCut(); });
  on(["colours", "scale", "atoms"], "change", () => drawSlice());
  on(["length"], "change", drawAll);
  on(["line"], "change", () => { drawSlice(); drawCut(); });
  on(["level"], "input", drawSurface);
}

function drawAll() {
  drawSlice();
  drawSurface();
  drawCut();
}

const volume = () => viewer.volumes[Number(control("part").value)];
const field = () => control("field").value;
const length = () => control("length").value === "angstrom"
  ? { factor: data.angstrom_per_bohr, unit: "Å" } : { factor: 1, unit: "Bohr" };

function currentPlane() {
  const text = control("plane").value === "other" ? control("hkl").value : control("plane").value;
  const hkl = text.trim().split(/[\s,]+/).map(Number);
  const valid = hkl.length === 3 && hkl.every(Number.isInteger) && hkl.some((h) => h !== 0);
  control("hkl").setCustomValidity(valid ? "" : "expected three whole numbers, such as 1 1 2");
  control("hkl").reportValidity();
  return new Plane(volume(), valid ? hkl : [0, 0, 1], Number(control("offset").value));
}

/* The point of the line cut: the one clicked, else the middle of the plane. */
function cutPoint(plane) {
  return viewer.clicked ?? [0.5 * (plane.us[0] + plane.us.at(-1)), 0.5 * (plane.vs[0] + plane.vs.at(-1))];
}

function drawSlice() {
  const plane = currentPlane(), { factor, unit: lengthUnit } = length();
  viewer.plane = plane;
  control("offset-value").textContent = `${(plane.fromCorner * factor).toFixed(2)} ${lengthUnit}`;
  const rows = plane.values(volume().fields[field()]);
  viewer.rows = rows;
  const x = plane.us.map((u) => u * factor), y = plane.vs.map((v) => v * factor);
  const traces = [heatmap(rows, x, y, plane), lineMark(plane, factor)];
  if (control("atoms").checked) traces.push(...atomMarks(plane, factor));
  const layout = {
    title: title(`${data.titles[field()]}, plane (${planeName()})`),
    margin: { l: 60, r: 10, t: 40, b: 80 }, showlegend: true, legend: { ...LEGEND, y: -0.13, yanchor: "top" }, hovermode: "closest", uirevision: control("plane").value,
    xaxis: { title: { text: `to the right, ${lengthUnit}` }, range: within(x, (i) => rows.some((row) => row[i] !== null)), constrain: "domain", zeroline: false },
    yaxis: { title: { text: `upwards, ${lengthUnit}` }, range: within(y, (i) => rows[i].some((value) => value !== null)), scaleanchor: "x", constrain: "domain", zeroline: false },
  };
  Plotly.react("slice", traces, layout, CONFIG);
  const slice = control("slice");
  slice.removeAllListeners("plotly_click");
  slice.on("plotly_click", ({ points }) => {
    viewer.clicked = [points[0].x / factor, points[0].y / factor];
    drawSlice();
    drawCut();
  });
}

/* From the first to the last place of an axis that shows a value: a plane may miss a part of a sheared cell. */
function within(places, shown) {
  const inside = places.filter((_, i) => shown(i));
  const [low, high] = inside.length ? [inside[0], inside.at(-1)] : [places[0], places.at(-1)];
  const margin = 0.03 * (places.at(-1) - places[0]);  /* for atoms on the edges */
  return [low - margin, high + margin];
}

const planeName = () => control("plane").value === "other"
  ? control("hkl").value : control("plane").selectedOptions[0].text.replace(/[()]/g, "");

function heatmap(rows, x, y, plane) {
  const scale = control("scale").value, log = scale === "log";
  const shown = log ? rows.map((row) => row.map((v) => (v === null || v <= 0 ? null : Math.log10(v)))) : rows;
  let [low, high] = range(scale === "plane" || log ? shown.flat().filter((v) => v !== null) : volume().fields[field()]);
  if (control("colours").value === "RdBu") [low, high] = [-Math.max(-low, high), Math.max(-low, high)];
  return {
    type: "heatmap", x, y, z: shown, customdata: rows, zsmooth: "best", zmin: low, zmax: high,
    colorscale: control("colours").value, hovertemplate: `%{x:.3f}, %{y:.3f}<br>%{customdata:.5g} ${UNIT}<extra></extra>`,
    colorbar: { title: { text: log ? `log₁₀ (${UNIT})` : UNIT, side: "top" }, exponentformat: "e", thickness: 18 },
  };
}

function lineMark(plane, factor) {
  const [u, v] = cutPoint(plane), which = control("line").value;
  if (which === "n")
    return { type: "scatter", mode: "markers", x: [u * factor], y: [v * factor], hoverinfo: "skip", showlegend: false,
      marker: { symbol: "cross", size: 12, color: "#fff", line: { color: "#000", width: 1 } } };
  const { low, high } = plane.line(u, v, which);
  const ends = [low, high].map((t) => (which === "u" ? [u + t, v] : [u, v + t]));
  return { type: "scatter", mode: "lines", x: ends.map((e) => e[0] * factor), y: ends.map((e) => e[1] * factor),
    line: { color: "#fff", dash: "dash", width: 1.5 }, hoverinfo: "skip", showlegend: false };
}

function atomMarks(plane, factor) {
  const groups = {};
  for (const atom of plane.atoms(1.0)) (groups[atom.number] ??= []).push(atom);
  return Object.entries(groups).map(([number, atoms]) => ({
    type: "scatter", mode: "markers", x: atoms.map((a) => a.u * factor), y: atoms.map((a) => a.v * factor),
    text: atoms.map((a) => `${data.elements[number].symbol}, ${(a.away * factor).toFixed(2)} ${length().unit} from the plane`),
    hovertemplate: "%{text}<extra></extra>", name: data.elements[number].symbol, cliponaxis: false,
    marker: { opacity: 1, size: atoms.map((a) => 10 - 4 * Math.abs(a.away)), color: data.elements[number].colour, line: { color: "#000", width: 1 } },
  }));
}

/* Levels of the isosurfaces and their colours: a difference has one where it gains, one where it loses. */
function levels([low, high]) {
  const share = Number(control("level").value);
  if (field() !== "difference") return [[low + share * (high - low), "#3b78b5"]];
  const level = share * Math.max(-low, high);
  return [[level, "#b2182b"], [-level, "#2166ac"]];
}

function drawSurface() {
  const part = volume(), values = part.fields[field()], { factor, unit: lengthUnit } = length();
  const surfaces = levels(range(values)).map(([level, color]) => ({ level, color, mesh: isosurface(part, values, level) }));
  const [{ level }] = surfaces;
  control("level-value").textContent = `${surfaces.length > 1 ? "±" : ""}${level.toExponential(3)} ${UNIT}`;
  viewer.surface = { level, triangles: surfaces[0].mesh.i.length, all: surfaces.map((s) => s.mesh.i.length) };
  const traces = surfaces.map(({ mesh, color }) => {
    for (const axis of ["x", "y", "z"]) mesh[axis] = mesh[axis].map((a) => a * factor);
    return { type: "mesh3d", ...mesh, color, opacity: 0.75, hoverinfo: "skip", flatshading: false,
      lighting: { ambient: 0.5, diffuse: 0.7, specular: 0.2 } };
  });
  traces.push(cellEdges(part, factor));
  if (part.numbers.length && part.numbers.length <= 2000) traces.push(...atomBalls(part, factor));
  Plotly.react("surface", traces, {
    title: title(`isosurface of ${data.titles[field()]}`), margin: { l: 0, r: 0, t: 40, b: 0 },
    showlegend: true, legend: LEGEND, uirevision: control("part").value, scene: scene(part, factor, lengthUnit),
  }, CONFIG);
}

/* Axes to scale, of which the longest has a fixed length, so that cells of any shape are seen whole. */
function scene(part, factor, lengthUnit) {
  const spans = [0, 1, 2].map((axis) => range(part.corners().map((corner) => corner[axis] * factor)));
  const longest = Math.max(...spans.map(([low, high]) => high - low)), margin = 0.04 * longest;
  const axes = ["x", "y", "z"].map((name, axis) => ({
    title: { text: `${name}, ${lengthUnit}` }, range: [spans[axis][0] - margin, spans[axis][1] + margin],
  }));
  const [x, y, z] = spans.map(([low, high]) => (0.95 * (high - low + 2 * margin)) / longest);
  return {
    aspectmode: "manual", aspectratio: { x, y, z }, xaxis: axes[0], yaxis: axes[1], zaxis: axes[2],
    camera: { eye: { x: 1.4, y: 1.4, z: 0.9 }, center: { x: 0, y: 0, z: -0.08 } },
  };
}

function cellEdges(part, factor) {
  const corners = part.corners(), x = [], y = [], z = [];
  for (let a = 0; a < 8; a++)
    for (const bit of [1, 2, 4]) {
      if (a & bit) continue;
      for (const corner of [corners[a], corners[a | bit], [NaN, NaN, NaN]]) {
        x.push(corner[0] * factor); y.push(corner[1] * factor); z.push(corner[2] * factor);
      }
    }
  return { type: "scatter3d", mode: "lines", x, y, z, line: { color: "#555", width: 2 }, hoverinfo: "skip", showlegend: false };
}

/* Atoms and their images on the faces of the part, of a size by their covalent radius. */
function atomBalls(part, factor) {
  const groups = {};
  for (const { number, place } of part.atoms()) (groups[number] ??= []).push(scaled(place, factor));
  return Object.entries(groups).map(([number, places]) => {
    const { symbol, colour, radius } = data.elements[number];
    return { type: "scatter3d", mode: "markers", x: places.map((p) => p[0]), y: places.map((p) => p[1]), z: places.map((p) => p[2]),
      name: symbol, hovertemplate: `${symbol}<extra></extra>`,
      marker: { size: part.numbers.length > 300 ? 4 : 5 + 2 * radius, color: colour, line: { color: "#000", width: 1 } } };
  });
}

function drawCut() {
  const part = volume(), plane = viewer.plane, { factor, unit: lengthUnit } = length();
  const { origin, direction, low, high } = plane.line(...cutPoint(plane), control("line").value);
  const count = 400, places = Array.from({ length: count }, (_, i) => low + ((high - low) * i) / (count - 1));
  const points = places.map((t) => add(origin, direction, t));
  const x = places.map((t) => (t - low) * factor), values = points.map((p) => part.at(part.fields[field()], p));
  viewer.line = { points, values };
  const traces = [];
  if (field() === "density" && part.sigma) {
    const sigma = points.map((p) => part.at(part.sigma, p));
    viewer.line.sigma = sigma;
    const upper = values.map((v, i) => v + 3 * sigma[i]), lower = values.map((v, i) => v - 3 * sigma[i]);
    traces.push({ x, y: upper, mode: "lines", line: { width: 0 }, hoverinfo: "skip", showlegend: false },
      { x, y: lower, mode: "lines", line: { width: 0 }, fill: "tonexty", fillcolor: "rgba(214,120,40,0.35)", name: "±3σ", hoverinfo: "skip" },
      { x, y: sigma, yaxis: "y2", mode: "lines", line: { width: 1.2, color: "#c06010", dash: "dot" }, name: "σ (right axis)",
        hovertemplate: `σ %{y:.3g} ${UNIT}<extra></extra>` });
  }
  traces.push({ x, y: values, mode: "lines", line: { color: "#174a7c", width: 2 }, name: data.titles[field()],
    hovertemplate: `%{x:.3f} ${lengthUnit}: %{y:.5g} ${UNIT}<extra></extra>` });
  Plotly.react("cut", traces, {
    margin: { l: 80, r: 90, t: 40, b: 50 }, title: title("along the dashed line"), hovermode: "x",
    legend: { x: 0.5, xanchor: "center", y: 1.0, yanchor: "bottom", orientation: "h" },
    xaxis: { title: { text: `distance, ${lengthUnit}` } }, yaxis: { title: { text: UNIT }, exponentformat: "e" },
    yaxis2: { title: { text: `σ, ${UNIT}` }, overlaying: "y", side: "right", rangemode: "tozero", showgrid: false, exponentformat: "e", tickmode: "auto", nticks: 6 },
  }, CONFIG);
}

start().catch((error) => {
  control("hint").textContent = `The page cannot be shown: ${error.message}. A browser of 2023 or later is needed.`;
  throw error;
});
