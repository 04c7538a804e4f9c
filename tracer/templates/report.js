"use strict";
document.documentElement.classList.add("js");
for (const timeline of document.querySelectorAll("[data-timeline]")) {
  const view = timeline.querySelector(".view");
  const picture = timeline.querySelector(".picture");
  const detail = timeline.querySelector("[data-detail]");
  const lanes = [...timeline.querySelectorAll(".lane")].map((lane) => [...lane.querySelectorAll(".bar")]);
  let zoom = 1;
  let lane = 0;
  let bar = -1;
  // What is under the middle, or the pointer, stays there.
  const scale = (to, at = view.clientWidth / 2) => {
    const share = (view.scrollLeft + at) / (view.clientWidth * zoom);
    zoom = Math.min(4000, Math.max(1, to));
    picture.style.width = `${zoom * 100}%`;
    view.scrollLeft = share * view.clientWidth * zoom - at;
    timeline.dataset.scale = String(zoom);
  };
  const tell = (one) => {
    for (const other of timeline.querySelectorAll(".bar.at")) other.classList.remove("at");
    one.classList.add("at");
    const { name, who, at, took, text, record } = one.dataset;
    const strong = document.createElement("b");
    strong.textContent = name;
    detail.replaceChildren(strong, ` ${text} — ${took} up to it, at ${at}, by ${who}, record #${record}`);
  };
  const go = (toLane, toBar) => {
    if (!lanes.length) return;
    lane = Math.min(lanes.length - 1, Math.max(0, toLane));
    bar = Math.min(lanes[lane].length - 1, Math.max(0, toBar));
    const one = lanes[lane][bar];
    tell(one);
    one.scrollIntoView({ block: "nearest", inline: "nearest" });
  };
  for (const [number, bars] of lanes.entries()) {
    for (const [at, one] of bars.entries()) {
      one.addEventListener("pointerenter", () => tell(one));
      one.addEventListener("click", () => { lane = number; bar = at; tell(one); });
    }
  }
  for (const button of timeline.querySelectorAll("[data-zoom]")) {
    button.addEventListener("click", () => {
      const way = button.dataset.zoom;
      scale(way === "in" ? zoom * 2 : way === "out" ? zoom / 2 : 1);
    });
  }
  view.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    scale(zoom * Math.exp(-event.deltaY / 300), event.clientX - view.getBoundingClientRect().left);
  }, { passive: false });
  view.addEventListener("keydown", (event) => {
    const keys = {
      "+": () => scale(zoom * 2), "=": () => scale(zoom * 2), "-": () => scale(zoom / 2), "0": () => scale(1),
      ArrowRight: () => go(lane, bar + 1), ArrowLeft: () => go(lane, bar - 1),
      ArrowDown: () => go(lane + 1, 0), ArrowUp: () => go(lane - 1, 0),
      Home: () => go(lane, 0), End: () => go(lane, Infinity),
    };
    const act = keys[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  });
}
