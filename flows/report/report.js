// What the page shows. `facts` is what `cfw report` read.
const facts = JSON.parse(at("facts").textContent);
const health = facts.health;
const days = distinct(health.map((row) => row.day)).sort();
const newest = days[days.length - 1];
const bad = health.filter((row) => !row.is_ok).reverse();

function showTop() {
  at("where").textContent = `${facts.warehouse} · read ${moment(facts.generated_at)} UTC`;
  const scored = facts.sentiment.reduce((sum, row) => sum + row.scored, 0);
  const collected = facts.sentiment.reduce((sum, row) => sum + row.collected, 0);
  const late = health.filter((row) => row.day === newest && row.check_name.endsWith("freshness") && !row.is_ok).length;
  const tiles = [
    [facts.mart.age_hours < 48 ? `${number(Math.max(0, facts.mart.age_hours), 2)} h` : `${number(facts.mart.age_hours / 24, 3)} days`, "age of the newest bar's close"],
    [number(facts.mart.row_count, 9), `rows of ${facts.mart.symbols} symbols`],
    [String(bad.filter((row) => row.day === newest).length), `findings on ${newest}`],
    [String(late), "streams that are late"],
    [collected ? percent(scored / collected) : "none", `of texts scored, ${facts.days} days`],
    [facts.failed_tests ? String(facts.failed_tests.length) : "unknown", "failed tests in the last recorded build"],
  ];
  for (const [value, name] of tiles) {
    const tile = put(at("tiles"), "div", { class: "tile" });
    put(tile, "b", {}, value);
    put(tile, "span", {}, name);
  }
}

function showFindings() {
  const wanted = { check: "", day: "" };
  const show = () => {
    const rows = bad.filter((row) => (!wanted.check || row.check_name === wanted.check) && (!wanted.day || row.day === wanted.day));
    table(at("finding-list"), rows.slice(0, 300), [
      ["Day", (row) => row.day],
      ["Check", (row) => row.check_name],
      ["Subject", (row) => row.subject],
      ["Measured", (row) => `${number(row.measured_value)} ${row.unit}`, true, () => "bad"],
      ["Expected", (row) => number(row.expected_value), true],
      ["Detail", (row) => row.detail],
    ], bad.length ? "No finding of this choice." : "No finding in these days.");
    if (rows.length > 300) put(at("finding-list"), "p", { class: "none" }, `and ${rows.length - 300} more: ask data_health`);
  };
  const count = (key, value) => bad.filter((row) => row[key] === value).length;
  const entries = (key, all) => [["", `${all} (${bad.length})`], ...distinct(bad.map((row) => row[key])).map((value) => [value, `${value} (${count(key, value)})`])];
  options("finding-check", entries("check_name", "all"), "", (value) => { wanted.check = value; show(); });
  options("finding-day", entries("day", "all"), "", (value) => { wanted.day = value; show(); });
  show();
}

function showFreshness() {
  const rows = health.filter((row) => row.check_name.endsWith("freshness"));
  const share = (row) => row.measured_value / row.expected_value;
  rows.sort((a, b) => share(b) - share(a));
  const bars = (parent, shown) => drawAges(put(parent, "div", { class: "bars" }), shown, share);
  const streams = rows.filter((row) => row.check_name === "freshness"), symbols = rows.filter((row) => row.check_name !== "freshness");
  const lateSymbols = symbols.filter((row) => !row.is_ok);
  bars(at("freshness-list"), [...streams, ...lateSymbols]);
  if (symbols.length > lateSymbols.length) {
    const more = put(at("freshness-list"), "details");
    put(more, "summary", {}, `${symbols.length - lateSymbols.length} of ${symbols.length} symbols have a newest bar in time`);
    bars(more, symbols.filter((row) => row.is_ok));
  }
  if (!rows.length) put(at("freshness-list"), "p", { class: "none" }, "No stream has delivered yet.");
}

function drawAges(parent, rows, share) {
  for (const row of rows) {
    put(parent, "span", {}, row.subject);
    const track = put(parent, "div", { class: row.is_ok ? "track" : "track late", title: row.detail });
    put(track, "div", { class: "fill", style: `width:${Math.min(100, 100 * share(row)).toFixed(1)}%` });
    put(parent, "span", { class: row.is_ok ? "value" : "value bad" }, `${number(row.measured_value, 3)} of ${number(row.expected_value, 3)} h${row.is_ok ? "" : " late"}`);
  }
}

function showCoverage() {
  const rows = health.filter((row) => row.check_name === "coverage");
  const known = new Set(rows.map((row) => row.subject));
  const names = facts.mart.columns.filter((name) => known.has(name));
  if (!names.length) { put(at("coverage-map"), "p", { class: "none" }, "No row in these days."); return; }
  const mapped = distinct(rows.map((row) => row.day)).sort();
  const found = new Map(rows.map((row) => [`${row.subject} ${row.day}`, row]));
  const cells = names.map((name) => mapped.map((day) => {
    const row = found.get(`${name} ${day}`);
    return row && { share: row.measured_value, finding: !row.is_ok, label: `${name}, ${day}: ${percent(row.measured_value)}, ${row.detail}` };
  }));
  const worst = rows.filter((row) => row.day === newest && !row.is_ok)[0];
  const choose = (name) => {
    at("coverage-column").value = name;
    heatmap(at("coverage-map"), names, mapped, cells, at("coverage-readout"), name, choose);
    drawCoverage(name, mapped, mapped.map((day) => found.get(`${name} ${day}`)));
  };
  options("coverage-column", names.map((name) => [name, name]), names[0], choose);
  choose(worst ? worst.subject : names.includes("current_price") ? "current_price" : names[0]);
}

function drawCoverage(name, mapped, rows) {
  const parent = at("coverage-line");
  parent.replaceChildren();
  const svg = put(parent, "svg", { viewBox: "0 0 720 120", role: "img", "aria-label": `Coverage of ${name} by day` });
  const x = scale(0, mapped.length - 1, 40, 712), y = scale(0, 1, 100, 10);
  const places = mapped.map((_, i) => i);
  for (const share of [0, 0.5, 1]) {
    put(svg, "line", { x1: 40, x2: 712, y1: y(share), y2: y(share), class: "axis" });
    put(svg, "text", { x: 34, y: y(share) + 4, "text-anchor": "end" }, `${100 * share}%`);
  }
  put(svg, "path", { class: "limit", d: path(places, rows.map((row) => row?.expected_value ?? null), x, y) });
  put(svg, "path", { class: "series", d: path(places, rows.map((row) => row?.measured_value ?? null), x, y) });
  put(svg, "text", { x: 40, y: 116 }, mapped[0]);
  put(svg, "text", { x: 712, y: 116, "text-anchor": "end" }, mapped[mapped.length - 1]);
  const last = rows[rows.length - 1];
  at("coverage-readout").textContent = last ? `${name}, ${last.day}: ${percent(last.measured_value)}, ${last.detail}` : name;
}

function showGaps() {
  const rows = health.filter((row) => row.check_name === "missing_hours");
  const names = distinct(rows.filter((row) => !row.is_ok).map((row) => row.subject)).sort();
  const symbols = distinct(rows.map((row) => row.subject)).length;
  const mapped = distinct(rows.map((row) => row.day)).sort();
  const missing = rows.reduce((sum, row) => sum + row.measured_value, 0);
  at("gaps-readout").textContent = missing
    ? `${number(missing, 9)} hours are missing in ${names.length} of ${symbols} symbols over ${mapped.length} days.`
    : `No hour is missing: ${symbols} symbols over ${mapped.length} days.`;
  if (!missing) return;
  const found = new Map(rows.map((row) => [`${row.subject} ${row.day}`, row]));
  const cells = names.map((name) => mapped.map((day) => {
    const row = found.get(`${name} ${day}`);
    return row && { share: Math.min(1, row.measured_value / 24), gap: true, finding: false, label: `${name}, ${day}: ${row.detail}` };
  }));
  heatmap(at("gaps-map"), names, mapped, cells, at("gaps-readout"));
}

function showPrice() {
  if (!facts.coins.length) { put(at("price-chart"), "p", { class: "none" }, "No bar in these days."); return; }
  const names = { avg_cryptobert_score: "CryptoBERT", avg_minilm_score: "MiniLM", avg_vader_score: "VADER", social_avg_sentiment: "social posts" };
  const has = (score) => facts.coins.some((coin) => coin[score].some((value) => value !== null));
  const known = Object.keys(names).filter(has);
  const chosen = { coin: facts.coins[0].symbol, score: known[0] ?? "avg_vader_score", span: facts.days };
  const show = () => drawPrice(facts.coins.find((coin) => coin.symbol === chosen.coin), chosen.score, names[chosen.score], chosen.span);
  const spans = distinct([1, 7, facts.days].filter((span) => span <= facts.days));
  options("price-coin", facts.coins.map((coin) => [coin.symbol, coin.symbol]), chosen.coin, (value) => { chosen.coin = value; show(); });
  options("price-score", Object.entries(names).map(([key, name]) => [key, has(key) ? name : `${name} (no score)`]), chosen.score, (value) => { chosen.score = value; show(); });
  options("price-span", spans.map((span) => [span, span === 1 ? "1 day" : `${span} days`]), chosen.span, (value) => { chosen.span = Number(value); show(); });
  show();
}

function drawPrice(coin, score, name, span) {
  const end = Math.max(...coin.hours), first = coin.hours.findIndex((hour) => hour > end - 24 * span);
  const hours = coin.hours.slice(first), prices = coin.current_price.slice(first), scores = coin[score].slice(first);
  const known = prices.filter((price) => price !== null);
  const low = Math.min(...known), high = Math.max(...known);
  const x = scale(hours[0], Math.max(end, hours[0] + 1), 70, 712), y = scale(low, high, 200, 14), z = scale(-1, 1, 300, 230);
  const day = (hour) => new Date(3600000 * hour).toISOString().slice(0, 16).replace("T", " ");
  const parent = at("price-chart");
  parent.replaceChildren();
  const svg = put(parent, "svg", { viewBox: "0 0 720 330", role: "img", "aria-label": `${coin.symbol} close and ${name} score` });
  for (const price of [low, (low + high) / 2, high]) {
    put(svg, "line", { x1: 70, x2: 712, y1: y(price), y2: y(price), class: "axis" });
    put(svg, "text", { x: 64, y: y(price) + 4, "text-anchor": "end" }, number(price, 5));
  }
  put(svg, "line", { x1: 70, x2: 712, y1: z(0), y2: z(0), class: "axis" });
  for (const value of [-1, 0, 1]) put(svg, "text", { x: 64, y: z(value) + 4, "text-anchor": "end" }, value);
  put(svg, "text", { x: 70, y: 225 }, `${name} score, mean of 24 h`);
  put(svg, "text", { x: 70, y: 10 }, `${coin.symbol} close, USD`);
  put(svg, "path", { class: "series", d: path(hours, prices, x, y) });
  const wide = Math.max(0.8, 642 / hours.length - 0.3);
  scores.forEach((value, i) => {
    if (value === null || value === 0) return;
    put(svg, "rect", { x: x(hours[i]) - wide / 2, width: wide, y: Math.min(z(0), z(value)), height: Math.abs(z(value) - z(0)), class: value > 0 ? "up" : "down" });
  });
  put(svg, "text", { x: 70, y: 324 }, day(hours[0]));
  put(svg, "text", { x: 712, y: 324, "text-anchor": "end" }, day(end));
  const line = put(svg, "line", { y1: 10, y2: 304, class: "cursor", visibility: "hidden" });
  const tell = (i) => {
    const told = scores[i] === null ? "no score" : `${name} ${number(scores[i], 3)}`;
    at("price-readout").textContent = `${coin.symbol}, ${day(hours[i])}: close ${number(prices[i], 7)} USD, ${told}`;
  };
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect(), place = ((event.clientX - box.left) / box.width) * 720;
    const hour = hours[0] + ((place - 70) / 642) * (end - hours[0]);
    let best = 0;
    hours.forEach((known_hour, i) => { if (Math.abs(known_hour - hour) < Math.abs(hours[best] - hour)) best = i; });
    line.setAttribute("x1", x(hours[best])); line.setAttribute("x2", x(hours[best]));
    line.setAttribute("visibility", "visible");
    tell(best);
  });
  tell(hours.length - 1);
}

function showTexts() {
  const names = distinct(facts.sentiment.map((row) => row.model_role)), mapped = distinct(facts.sentiment.map((row) => row.day)).sort();
  if (!names.length) { at("texts-readout").textContent = "No text was collected in these days."; return; }
  const found = new Map(facts.sentiment.map((row) => [`${row.model_role} ${row.day}`, row]));
  const cells = names.map((name) => mapped.map((day) => {
    const row = found.get(`${name} ${day}`);
    return row && { share: row.scored / row.collected, label: `${name}, ${day}: ${number(row.scored, 9)} of ${number(row.collected, 9)} texts scored` };
  }));
  heatmap(at("texts-map"), names, mapped, cells, at("texts-readout"));
  at("texts-readout").textContent = names.map((name) => {
    const own = facts.sentiment.filter((row) => row.model_role === name);
    const sum = (key) => own.reduce((total, row) => total + row[key], 0);
    return `${name} ${percent(sum("scored") / sum("collected"))} of ${number(sum("collected"), 9)}`;
  }).join(" · ");
}

function showRuns() {
  const minutes = (run) => {
    const seconds = (Date.parse(run.ended_at) - Date.parse(run.started_at)) / 1000;
    return seconds < 90 ? `${seconds.toFixed(0)} s` : `${(seconds / 60).toFixed(1)} min`;
  };
  table(at("run-list"), facts.runs, [
    ["Started", (run) => moment(run.started_at)],
    ["Flow", (run) => run.flow],
    ["State", (run) => run.state, false, (run) => (run.state === "completed" ? "good" : "bad")],
    ["Took", minutes, true],
    ["New rows", (run) => (run.new_rows === null ? "" : number(run.new_rows, 9)), true],
    ["Error", (run) => run.error],
  ], "No run is recorded yet.");
  put(at("test-list"), "h3", {}, "Failed tests of the last recorded build");
  table(put(at("test-list"), "div"), facts.failed_tests ?? [], [["Test", (node) => node.node], ["State", (node) => node.status, false, () => "bad"]], facts.failed_tests ? "None." : "No build is recorded yet.");
  table(at("rejected-list"), facts.rejected, [
    ["Source", (row) => row.source], ["Table", (row) => row.table_name], ["Reason", (row) => row.reason],
    ["Rows", (row) => number(row.row_count, 9), true], ["Newest", (row) => moment(row.newest)],
  ], "No row was refused.");
}

for (const show of [showTop, showFindings, showFreshness, showCoverage, showGaps, showPrice, showTexts, showRuns]) show();
