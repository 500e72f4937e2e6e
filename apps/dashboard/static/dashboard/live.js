// The campaign's page: one stream of snapshots, by WebSocket, else server-sent events, else polling.
"use strict";
(() => {
  const root = document.getElementById("campaign");
  if (!root) return;
  const parsed = (page, name) => JSON.parse(page.getElementById(name).textContent);
  let words = parsed(document, "words");
  let facts = parsed(document, "facts");
  let isRenewing = false;
  const { id } = root.dataset;
  const part = (name) => root.querySelector(`[data-part="${name}"]`);
  const word = (mapping, name) => (Object.hasOwn(mapping, name) ? mapping[name] : "");
  const isOver = (status) => ["completed", "failed", "cancelled"].includes(status);
  const curve = startCurve(document.getElementById("curve"));

  function show(next) {
    const wasRunning = !isOver(facts.status);
    if (next.history.length !== facts.history.length) renewTrials();
    facts = next;
    part("bar").value = next.progress;
    part("percent").textContent = `${Math.round(next.progress * 100)} %`;
    part("stage").textContent = word(words.stages, next.stage) || next.stage;
    part("left").textContent = next.eta_seconds ? words.left.replace("{time}", duration(next.eta_seconds)) : "";
    const badge = part("status");
    badge.textContent = words.statuses[next.status];
    badge.className = `badge ${next.status}`;
    curve.draw(next.history);
    if (wasRunning && isOver(next.status)) window.setTimeout(() => window.location.reload(), 600);
  }

  // What a search has tried is drawn by the server: it is asked again, once at a time.
  async function renewTrials() {
    const place = document.getElementById("trials");
    if (!place || isRenewing) return;
    isRenewing = true;
    try {
      const answer = await fetch(window.location.href);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById("trials");
      if (answer.ok && fresh) {
        words = parsed(page, "words"); // the metric has its name once a trial has ended
        fresh.querySelector("details")?.toggleAttribute("open", Boolean(place.querySelector("details")?.open));
        place.replaceChildren(...fresh.childNodes);
      }
    } catch { /* the next trial tries again */ }
    window.setTimeout(() => { isRenewing = false; }, 1000);
  }

  // Trials run side by side, and end in another order than that in which they were chosen.
  function inOrder(history) {
    const better = history.some((point) => point.best_score > point.trial_score) ? Math.max : Math.min;
    let best = null;
    return [...history].sort((one, other) => one.step - other.step).map((point) => {
      best = best === null ? point.best_score : better(best, point.best_score);
      return { ...point, best_score: best };
    });
  }

  function duration(seconds) {
    return seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`;
  }

  // Some room above and below, also for a line that is level: of its own the chart would begin at nought.
  function around(_plot, low, high) {
    const room = (high - low) * 0.08 || Math.abs(high) * 0.08 || 1;
    return [low - room, high + room];
  }

  function startCurve(place) {
    let plot = null;
    let shown = "";
    const written = (number) => number.toLocaleString(document.documentElement.lang, { maximumSignificantDigits: 6 });
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    return {
      draw(history) {
        if (!place) return;
        const names = [...new Set(history.flatMap((point) => Object.keys(point)))].filter((n) => n !== "step" && n !== "trees");
        const isSearch = names.includes("best_score");
        if (isSearch) names.sort(); // the line, then the dots on it
        const points = (isSearch ? inOrder(history) : history).filter((point) => names.some((name) => name in point));
        if (!names.length || points.length < 2) return;
        const data = [points.map((p) => p.step), ...names.map((n) => points.map((p) => (n in p ? p[n] : null)))];
        document.getElementById("no-curve")?.remove();
        const measured = [...new Set(names.map((name) => word(words.measures, name) || word(words.metrics, name)))];
        const present = [...names, ...measured].join();
        if (plot && shown === present) return void plot.setData(data);
        if (plot) plot.destroy();
        shown = present;
        const axis = {
          stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") },
          values: (_plot, numbers) => numbers.map(written), labelSize: 22,
        };
        const colours = [colour("--accent"), colour("--warn"), colour("--bad"), colour("--good")];
        const dots = { paths: () => null, points: { show: true, size: 7, fill: colours[1] } };
        const told = (_plot, number) => (number === null ? "–" : written(number));
        plot = new uPlot({
          width: place.clientWidth, height: 280, scales: { x: { time: false }, y: { range: around } },
          legend: { live: window.matchMedia("(hover: hover)").matches }, // without a pointer no value can be asked for
          axes: [{ ...axis, label: words.step, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000] }, { ...axis, size: 62, label: measured.length === 1 ? measured[0] : "" }],
          series: [{ label: words.step, value: told }, ...names.map((name, i) => ({
            label: word(words.metrics, name) || name.replaceAll("_", " "), stroke: colours[i % 4], width: 2, spanGaps: true, value: told,
            ...(name === "trial_score" ? dots : name === "best_score" ? { points: { show: false } } : {}),
          }))],
        }, data, place);
        window.addEventListener("resize", () => plot.setSize({ width: place.clientWidth, height: 280 }));
      },
    };
  }

  function bySocket() {
    const scheme = window.location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${window.location.host}/ws/campaigns/${id}/?after=${facts.seq}`);
    let heard = false;
    socket.onmessage = (event) => { heard = true; root.dataset.live = "websocket"; show(JSON.parse(event.data)); };
    socket.onclose = () => { if (!isOver(facts.status)) window.setTimeout(heard ? bySocket : byEvents, 500); };
  }

  function byEvents() {
    const source = new EventSource(`/api/v1/campaigns/${id}/events/?after=${facts.seq}`);
    let failures = 0;
    source.addEventListener("campaign", (event) => {
      failures = 0; root.dataset.live = "events"; show(JSON.parse(event.data));
      if (isOver(facts.status)) source.close();
    });
    source.onerror = () => { failures += 1; if (failures > 2) { source.close(); byPolling(); } };
  }

  async function byPolling() {
    root.dataset.live = "polling";
    while (!isOver(facts.status)) {
      try {
        const answer = await fetch(`/api/v1/campaigns/${id}/`);
        if (answer.ok) show({ ...(await answer.json()), seq: facts.seq });
      } catch { /* the next round tries again */ }
      await new Promise((resolve) => { window.setTimeout(resolve, 2000); });
    }
  }

  curve.draw(facts.history);
  if (!isOver(facts.status)) bySocket();
})();
