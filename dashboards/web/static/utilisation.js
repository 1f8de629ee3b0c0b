// Draws each chart from the table that stands below it, so that both always say the same.
const BAR_PX = 34;
const AXIS_PX = 46;

function read(table) {
  const uses = [...table.tHead.querySelectorAll("[data-use]")];
  const rows = [...table.tBodies[0].rows];
  return {
    names: rows.map((row) => row.cells[0].textContent.trim()),
    colours: uses.map((head) => getComputedStyle(head).getPropertyValue("--use").trim()),
    shares: rows.map((row) => [...row.querySelectorAll("[data-share]")].map((cell) => Number(cell.dataset.share))),
  };
}

// A stacked bar is drawn as bars of the sums so far, the longest first.
function stacked({ shares, colours }) {
  const sums = colours.map((_, use) => shares.map((row) => row.slice(0, use + 1).reduce((a, b) => a + b, 0)));
  return [shares.map((_, index) => index), ...sums.reverse()];
}

function nameWidth(names, font) {
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = font;
  return Math.min(220, Math.max(...names.map((name) => pen.measureText(name).width)) + 16);
}

function options(data, width) {
  const style = getComputedStyle(document.body);
  const ink = style.color;
  const line = style.getPropertyValue("--line").trim();
  const font = `13px ${style.fontFamily}`;
  const bars = uPlot.paths.bars({ size: [0.7, 28] });
  const axis = { stroke: ink, font, ticks: { show: false } };
  return {
    width,
    height: data.names.length * BAR_PX + AXIS_PX,
    legend: { show: false },
    cursor: { show: false },
    padding: [0, 24, 0, 0],
    scales: {
      x: { time: false, ori: 1, dir: -1, range: [-0.5, data.names.length - 0.5] },
      y: { ori: 0, range: [0, 1] },
    },
    axes: [
      {
        ...axis, side: 3, size: nameWidth(data.names, font), grid: { show: false },
        splits: () => data.names.map((_, index) => index), values: (_, at) => at.map((index) => data.names[index]),
      },
      { ...axis, side: 2, space: 64, grid: { stroke: line }, values: (_, at) => at.map((share) => `${Math.round(share * 100)} %`) },
    ],
    series: [{}, ...data.colours.toReversed().map((fill) => ({ fill, stroke: fill, width: 0, paths: bars, points: { show: false } }))],
  };
}

for (const place of document.querySelectorAll(".chart[data-table]")) {
  const table = document.getElementById(place.dataset.table);
  let drawn = null;
  const draw = () => {
    drawn?.destroy();
    const data = read(table);
    drawn = new uPlot(options(data, place.clientWidth), stacked(data), place);
  };
  draw();
  new ResizeObserver(() => {
    if (place.clientWidth && drawn.width !== place.clientWidth) draw();
  }).observe(place);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}
